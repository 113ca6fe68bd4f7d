"""Every option trains, keeps its promises and gives finite activities."""

import numpy as np
import pandas as pd
import pytest

import crystallin as cr


@pytest.mark.parametrize("likelihood", ["nb", "poisson", "zinb"])
def test_likelihoods(adata, quick, likelihood):
    model = quick(gene_likelihood=likelihood)
    mean, sd = model.get_activity(return_sd=True)
    assert np.isfinite(mean).all() and (sd > 0).all() and (sd <= 1.0001).all()


@pytest.mark.parametrize("refine", [True, False])
def test_covariates_reach_every_gene_and_programs_only_theirs(adata, quick, planted, refine):
    adata.obs["site"] = pd.Categorical(np.resize(["a", "b", "c"], adata.n_obs))
    setup = {
        "batch_key": "batch",
        "categorical_covariate_keys": ["site"],
        "continuous_covariate_keys": ["age"],
    }
    # ages of around 50 would swamp the start of training
    adata.obs["age"] = (adata.obs["age"] - 50) / 10
    model = quick(setup=setup, n_unannotated=2)
    decoder = model.module.decoder
    assert [tuple(table.shape) for table in decoder.categorical] == [(2, 240), (3, 240)]
    assert (decoder.continuous != 0).all() and (decoder.categorical[1] != 0).all()
    loadings = model.get_loadings()
    assert list(loadings.columns[16:]) == model.free_names.tolist() and len(model.free_names) <= 2
    assert (loadings.iloc[:, :8] != 0).sum().tolist() <= [len(genes) for genes in planted.sets.values()]
    activity = model.get_activity(refine=refine)
    assert activity.shape == (500, 16)
    assert model.get_latent_representation().shape == (500, 18)


def test_the_batch_effect_goes_to_the_batch(planted):
    """A batch that doubles a program's members is taken up by intercepts, not by the program."""
    adata, sets = planted.adata, planted.sets
    members = [int(g[1:]) for g in sets["Program/0"]]
    counts = adata.X.toarray()
    second = (adata.obs["batch"] == "two").to_numpy()
    counts[np.ix_(second, members)] *= 3
    adata.X = counts
    cr.pp.add_programs(adata, sets)
    gaps = []
    for batch_key in (None, "batch"):
        cr.ProgramVAE.setup_anndata(adata, batch_key=batch_key)
        model = cr.ProgramVAE(adata)
        model.train(max_epochs=30, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
        activity = model.get_activity()[:, 0]
        gaps.append(activity[second].mean() - activity[~second].mean())
    assert gaps[0] > 0.8
    assert abs(gaps[1]) < 0.25 * gaps[0]


def test_signed_prior(planted, quick):
    rows = [("up and down", g, 1.0 if i % 2 else -1.0) for i, g in enumerate(planted.sets["Program/0"])]
    rows += [("up", g, 1.0) for g in planted.sets["Program/1"]]
    net = pd.DataFrame(rows, columns=["source", "target", "weight"])
    cr.pp.add_programs(planted.adata, net)
    model = quick(planted.adata)
    loadings = model.get_loadings()
    for source, target, weight in rows:
        assert loadings.loc[target, source] * weight >= 0
    assert (loadings["up and down"] < 0).any()


def test_size_factors(adata, quick):
    """Rates are size factor x exp(log rate): doubling the factors of all cells changes nothing but intercepts."""
    total = np.asarray(adata.X.sum(1)).ravel()
    activities = []
    for scale in (1.0, 2.0):
        adata.obs["size"] = scale * total / total.mean()
        model = quick(setup={"size_factor_key": "size"}, epochs=3)
        assert not model.module.decoder.normalised
        activities.append(model.get_activity())
    # equal but for rounding, which Adam enlarges where gradients are next to nothing
    assert np.abs(activities[0] - activities[1]).mean() < 0.01
    assert min(np.corrcoef(activities[0][:, i], activities[1][:, i])[0, 1] for i in range(8)) > 0.995


def test_dispersion_by_batch(adata, quick):
    model = quick(setup={"batch_key": "batch"}, dispersion="gene-batch")
    assert model.module.px_r.shape == (240, 2)
    assert np.isfinite(model.get_activity()).all()


def test_without_context(adata, quick):
    model = quick(context=False)
    assert model.module.z_encoder.context is None
    assert np.isfinite(model.get_activity(refine=False)).all()


def test_refinement_in_small_chunks_is_the_same(monkeypatch, model):
    whole = model.get_activity(indices=range(30), return_sd=True)
    monkeypatch.setattr("crystallin.nn._covariance.CHUNK_BYTES", 1)
    chunks = model.get_activity(indices=range(30), return_sd=True)
    np.testing.assert_allclose(whole, chunks, atol=1e-5)


def test_approximate_sds_of_many_programs(monkeypatch, model):
    activity, exact = model.get_activity(return_sd=True)
    monkeypatch.setattr("crystallin.model._activity.MAX_EXACT_SD", 0)
    same, sd = model.get_activity(return_sd=True)
    np.testing.assert_array_equal(same, activity)
    ratio = sd / exact
    assert not np.array_equal(sd, exact)
    # three cell types that differ more than those of most data
    assert np.quantile(np.abs(ratio - 1), 0.9) < 0.05 and np.abs(ratio - 1).max() < 0.3


def test_minibatches_change_activities_by_less_than_their_tolerance(model):
    activity, sd = model.get_activity(return_sd=True)
    assert (np.abs(model.get_activity(batch_size=37) - activity) / sd).max() < 0.1
    part = [400, 3, 17]
    assert (np.abs(model.get_activity(indices=part) - activity[part]) / sd[part]).max() < 0.1


def test_prior_as_a_frame_is_the_prior_in_anndata(adata, quick):
    frame = pd.DataFrame(
        adata.varm["programs"].toarray(), index=adata.var_names, columns=adata.uns["programs"]["names"]
    )
    a, b = quick(), quick(prior=frame)
    assert b.program_names.tolist() == a.program_names.tolist()
    np.testing.assert_array_equal(a.get_activity(), b.get_activity())


def test_a_prior_in_another_order_of_genes_is_read_by_name(adata):
    prior = pd.DataFrame(adata.varm["programs"].toarray(), adata.var_names, adata.uns["programs"]["names"])
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, prior=prior)
    assert cr.ProgramVAE(adata, prior=prior[::-1]).prior_digest == model.prior_digest
    with pytest.raises(ValueError, match="rows of prior differ from adata.var_names"):
        cr.ProgramVAE(adata, prior=prior[:100])
