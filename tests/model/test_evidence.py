"""Evidence for edges, as the model returns it."""

import anndata as ad
import numpy as np
import pytest

import crystallin as cr


def edge_of(evidence, name, gene):
    return evidence.programs.tolist().index(name), evidence.genes.tolist().index(gene)


def test_loadings_of_all_genes_on_all_programs(lacking):
    evidence = lacking.model.get_edge_evidence(lacking.adata)
    assert evidence.loadings.shape == evidence.sd.shape == (8, lacking.adata.n_vars)
    assert evidence.in_panel.all() and len(evidence.cells) == lacking.adata.n_obs
    assert (evidence.sd > 0).all() and np.isfinite(evidence.loadings).all()
    np.testing.assert_allclose(evidence.expression, np.asarray(lacking.adata.X.mean(axis=0)).ravel(), rtol=1e-5)
    distance = evidence.loadings / evidence.sd
    of_missing = [distance[edge_of(evidence, *edge)] for edge in lacking.missing]
    of_wrong = [distance[edge_of(evidence, *edge)] for edge in lacking.wrong]
    members = (lacking.model.prior != 0).toarray().T
    rest = ~members
    for edge in lacking.missing:
        rest[edge_of(evidence, *edge)] = False
    # a gene that is no member is known to be none by its own counts, whichever side it is on
    assert np.median(of_missing) > 6
    assert abs(np.median(of_wrong)) < 2
    assert 0.8 < np.std(distance[rest]) < 1.5 and abs(np.mean(distance[rest])) < 1


def test_single_edges_and_parts(lacking):
    evidence = lacking.model.get_edge_evidence(lacking.adata)
    program, gene = (np.array(side) for side in zip(*(edge_of(evidence, *e) for e in lacking.missing), strict=True))
    part = np.arange(len(evidence.cells)) % 2
    part[:50] = -1
    sd, loading, of_parts = evidence.of_edges(program, gene, part, 3)
    np.testing.assert_allclose(sd, evidence.sd[program, gene], rtol=0.5)
    assert np.isinf(of_parts[:, 2]).all()
    assert np.corrcoef(loading[:, 0], loading[:, 1])[0, 1] > 0.2
    np.testing.assert_allclose(1 / np.sqrt((1 / of_parts[:, :2] ** 2).sum(axis=1)), sd, rtol=0.2)


def test_genes_that_the_model_was_not_trained_on(lacking):
    evidence = lacking.model.get_edge_evidence(lacking.adata, further_genes=lacking.whole)
    assert len(evidence.genes) == lacking.whole.n_vars and evidence.in_panel.sum() == lacking.adata.n_vars
    distance = evidence.loadings / evidence.sd
    assert all(distance[edge_of(evidence, *edge)] > 4 for edge in lacking.outside)
    alone = lacking.model.get_edge_evidence(lacking.adata)
    np.testing.assert_allclose(evidence.loadings[:, : lacking.adata.n_vars], alone.loadings, atol=1e-3)


def test_blocks_change_nothing(lacking, monkeypatch):
    whole = lacking.model.get_edge_evidence(lacking.adata)
    monkeypatch.setattr("crystallin.model._regressions.BLOCK", 30 * lacking.adata.n_obs)
    parts = lacking.model.get_edge_evidence(lacking.adata)
    # conjugate gradients stop for a whole block
    assert np.abs((whole.loadings - parts.loadings) / whole.sd).max() < 0.2
    edges = np.arange(8), np.arange(8) * 20, np.zeros(lacking.adata.n_obs, dtype=int), 1
    np.testing.assert_allclose(whole.of_edges(*edges)[0], parts.of_edges(*edges)[0], rtol=0.05)


def test_of_many_cells_some_are_used(lacking, monkeypatch):
    monkeypatch.setattr("crystallin.model._evidence.MAX_CELLS", 300)
    evidence = lacking.model.get_edge_evidence(lacking.adata)
    assert len(evidence.cells) == evidence.activity.shape[1] == 300 and np.ptp(evidence.cells) == 999


@pytest.mark.parametrize(
    "options",
    [
        {"gene_likelihood": "poisson"},
        {"gene_likelihood": "zinb"},
        {"dispersion": "gene-batch"},
        {"n_unannotated": 2},
    ],
    ids=str,
)
def test_options_of_the_model(quick, adata, options):
    setup = {"batch_key": "batch", "continuous_covariate_keys": ["age"], "categorical_covariate_keys": ["cell_type"]}
    model = quick(setup=setup, **options)
    evidence = model.get_edge_evidence()
    assert evidence.loadings.shape == (16 + len(model.free_names), adata.n_vars)
    assert np.isfinite(evidence.loadings).all() and np.isfinite(evidence.sd).all()
    further = ad.AnnData(adata.X[:, :5].copy(), obs=adata.obs[[]])
    further.var_names = [f"new{i}" for i in range(5)]
    more = model.get_edge_evidence(further_genes=further)
    assert more.loadings.shape[1] == adata.n_vars + 5 and np.isfinite(more.sd).all()


def test_size_factors(quick, adata):
    adata.obs["size"] = np.asarray(adata.X.sum(axis=1)).ravel() / 1000
    model = quick(setup={"size_factor_key": "size"})
    assert np.isfinite(model.get_edge_evidence().loadings).all()


def test_further_genes_of_other_cells_are_refused(lacking):
    with pytest.raises(KeyError, match="lacks 900 of the 1000 cells"):
        lacking.model.get_edge_evidence(lacking.adata, further_genes=lacking.whole[:100])
    normalised = lacking.whole.copy()
    normalised.X = normalised.X * 0.3
    with pytest.raises(ValueError, match="raw counts"):
        lacking.model.get_edge_evidence(lacking.adata, further_genes=normalised)


def test_other_genes_and_minified_data_are_refused(lacking, quick, adata):
    with pytest.raises(ValueError, match="model's"):
        lacking.model.get_edge_evidence(lacking.adata[:, ::-1].copy())
    with pytest.raises(RuntimeError):
        cr.ProgramVAE.setup_anndata(adata)
        cr.ProgramVAE(adata).get_edge_evidence()
