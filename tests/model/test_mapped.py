"""Models of a query: genes are left out exactly, and new batches get intercepts that leave programs alone."""

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from scipy import sparse
from tests.conftest import N_GENES, plant

import crystallin as cr
from crystallin import nn as blocks
from crystallin.model import cell_fit, mapped_model


def part(adata, genes=slice(None), cells=slice(None)):
    some = adata[cells, genes]
    return AnnData(some.X.copy(), obs=some.obs.copy(), var=some.var[[]].copy())


def test_the_reference_itself_gives_the_same(model, planted):
    mapped = mapped_model(model, part(planted.adata), np.arange(N_GENES), "batch")
    mean, sd = mapped.get_activity(return_sd=True)
    before, sd_before = model.get_activity(return_sd=True)
    np.testing.assert_allclose(mean, before, atol=1e-4)
    np.testing.assert_allclose(sd, sd_before, atol=1e-4)
    np.testing.assert_allclose(mapped.get_activity(kind="total"), model.get_activity(kind="total"), atol=1e-4)


def test_missing_genes_are_left_out_of_the_likelihood(model, planted):
    """The mode is that of the reference's likelihood, where other genes have no part in softmax and counts."""
    genes = np.sort(np.random.default_rng(0).permutation(N_GENES)[:150])
    mapped = mapped_model(model, part(planted.adata, genes, slice(40)), genes, "batch")
    # of all programs, also those that users see as NaN
    found = torch.tensor(cell_fit(mapped, mapped.reading()).activity).float().T
    module = model.module
    weight = module.decoder.weight().dense().detach()[:, genes]
    counts = torch.tensor(planted.adata.X[:40, genes].toarray()).T
    batch = torch.tensor(planted.adata.obs["batch"].cat.codes.to_numpy()[:40]).long()
    offset = module.decoder.categorical[0].detach()[batch][:, genes].T

    def log_posterior(z):
        share = (weight.T @ z + offset).log_softmax(0)
        mean, theta = counts.sum(0) * share.exp(), module.px_r.detach().exp()[genes, None]
        likelihood = counts * (mean / (mean + theta)).log() - theta * (1 + mean / theta).log()
        return likelihood.sum(0) - 0.5 * z.square().sum(0)

    z = found.requires_grad_()
    (gradient,) = torch.autograd.grad(log_posterior(z).sum(), z)
    there = mapped.measured_weight >= 0.5
    assert there.sum() >= 10
    # the last step is a small fraction of a standard deviation
    sd = torch.tensor(mapped.get_activity(return_sd=True)[1]).T[there]
    assert ((gradient[there] * sd) ** 2).max() < 0.05


def test_activities_say_less_with_fewer_genes(model, planted):
    rng = np.random.default_rng(1)
    order = rng.permutation(N_GENES)
    sds, measured = [], []
    for n in (N_GENES, 160, 80):
        genes = np.sort(order[:n])
        mapped = mapped_model(model, part(planted.adata, genes), genes, "batch")
        mean, sd = mapped.get_activity(return_sd=True)
        withheld = mapped.measured_weight < 0.5
        assert (np.isnan(mean).all(axis=0) == withheld).all()
        measured.append(mapped.measured_weight)
        sds.append(sd[:, :8])
    assert (measured[0] == 1).all()
    assert (measured[1] >= measured[2]).all() and measured[2].mean() < 0.6
    assert np.nanmean(sds[1] - sds[0]) > 0.005
    both = ~np.isnan(sds[2]).any(axis=0)
    assert (sds[2] - sds[0])[:, both].mean() > 0.02


def test_totals_keep_their_meaning(model, planted):
    genes = np.sort(np.random.default_rng(0).permutation(N_GENES)[:150])
    mapped = mapped_model(model, part(planted.adata, genes), genes, "batch")
    weights = model.get_total_weights()
    pd.testing.assert_frame_equal(mapped.get_total_weights(), weights)
    unique, total = mapped.get_activity(), mapped.get_activity(kind="total")
    there = ~np.isnan(total).any(axis=0)
    # programs that are NaN enter totals all the same
    assert there.sum() > 10 and np.isnan(unique).any()


def shifted(planted, shift, seed=5):
    """Cells of another batch: counts are thinned by genes, after a shift of their log rates."""
    rng = np.random.default_rng(seed)
    keep = np.exp(shift - shift.max())
    counts = rng.binomial(planted.adata.X.toarray().astype(int), keep)
    return AnnData(
        sparse.csr_matrix(counts.astype(np.float32)), obs=planted.adata.obs.copy(), var=planted.adata.var[[]]
    )


def test_new_batches_get_their_intercepts(model, planted):
    shift = np.random.default_rng(2).normal(0, 0.5, N_GENES)
    query = shifted(planted, shift)
    mapped = mapped_model(model, query, np.arange(N_GENES), None)
    table = mapped.module.decoder.categorical[0].detach().numpy()
    found = table[0] - model.module.decoder.categorical[0].detach().numpy().mean(axis=0)
    assert np.corrcoef(found, shift)[0, 1] > 0.8
    # programs could not have brought it about
    information = np.asarray(query.X.sum(axis=0))[0]
    weight = mapped.module.decoder.weight().dense().detach().numpy()
    centred = weight - (weight @ information / information.sum())[:, None]
    overlap = (centred * information) @ (found - found @ information / information.sum())
    length = np.sqrt((centred**2 * information).sum(1) * (found**2 * information).sum())
    assert np.abs(overlap / length).max() < 0.15
    without = model.get_activity(AnnData(query.X, obs=query.obs, var=query.var))
    truth = model.get_activity()
    r_with, r_without = (
        np.median([np.corrcoef(values[:, i], truth[:, i])[0, 1] for i in range(8)])
        for values in (mapped.get_activity(), without)
    )
    assert r_with > r_without


def test_the_state_of_a_batch_stays_in_its_activities(model, planted):
    """A batch of cells in which a program is high keeps it, as intercepts do not take it."""
    high = np.argsort(-planted.activity[:, 0])[:120]
    query = part(planted.adata, cells=high)
    mapped = mapped_model(model, query, np.arange(N_GENES), None)
    before = float(model.get_activity()[high, 0].mean())
    assert mapped.get_activity()[:, 0].mean() == pytest.approx(before, abs=0.15 * before)


def test_the_reference_is_not_changed(model, planted):
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    digest = model.digest
    mapped_model(model, part(planted.adata, slice(0, 100)), np.arange(100), "batch")
    assert model.digest == digest
    assert all(torch.equal(value, state[name]) for name, value in model.module.state_dict().items())


def test_a_mapped_model_is_saved_and_loaded(model, planted, tmp_path):
    genes = np.arange(0, N_GENES, 2)
    query = part(planted.adata, genes)
    mapped = mapped_model(model, query, genes, None)
    mapped.save(str(tmp_path / "query"))
    again = cr.ProgramVAE.load(tmp_path / "query", query)
    np.testing.assert_array_equal(again.get_activity(kind="total"), mapped.get_activity(kind="total"))
    np.testing.assert_array_equal(again.measured_weight, mapped.measured_weight)


def test_the_encoder_takes_missing_genes_as_average(model, planted):
    """Its mean is that of the reference's encoder at standardised values of 0 for missing genes."""
    genes = np.arange(0, N_GENES, 2)
    mapped = mapped_model(model, part(planted.adata, genes, slice(30)), genes, "batch")
    encoder, own = model.module.z_encoder, mapped.module.z_encoder
    counts = blocks.SparseCounts.of(torch.tensor(planted.adata.X[:30, genes].toarray()))
    batch = torch.tensor(planted.adata.obs["batch"].cat.codes.to_numpy()[:30]).long()
    found, _ = own.posterior(counts, batch)
    x = torch.zeros(N_GENES, 30)
    x[genes] = own.standardise(counts)
    expected = encoder.weight().to_latent(x) + encoder.batch_shift[batch].T
    if encoder.context is not None:
        expected = expected + encoder._read_context(encoder.context, x).chunk(2)[0]
    torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "options", [{"dispersion": "gene-batch"}, {"gene_likelihood": "poisson"}, {"n_unannotated": 2}]
)
def test_other_models(options):
    planted = plant(seed=4, n_cells=200)
    adata = planted.adata
    cr.pp.add_programs(adata, planted.sets)
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch", continuous_covariate_keys=["age"])
    model = cr.ProgramVAE(adata, **options)
    model.train(max_epochs=3, posterior_epochs=3, enable_progress_bar=False)
    genes = np.arange(0, N_GENES, 2)
    query = part(adata, genes)
    mapped = mapped_model(model, query, genes, None)
    mean, sd = mapped.get_activity(return_sd=True)
    assert (
        np.isfinite(mean[:, mapped.measured_weight >= 0.5]).all()
        and np.isfinite(sd[:, mapped.measured_weight >= 0.5]).all()
    )
    assert list(mapped.free_names) == list(model.free_names)


def test_a_mapped_model_is_exported_with_what_it_keeps_of_its_reference(model, planted, tmp_path):
    genes = np.arange(0, N_GENES, 2)
    query = part(planted.adata, genes)
    mapped = mapped_model(model, query, genes, None)
    again = cr.load(mapped.export(tmp_path / "query"))
    np.testing.assert_array_equal(again.get_activity(query, kind="total"), mapped.get_activity(query, kind="total"))
    np.testing.assert_array_equal(again.measured_weight, mapped.measured_weight)
    assert list(again.free_names) == list(mapped.free_names)
