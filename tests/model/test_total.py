"""The total reading of programs: what the genes of a set do, whichever programs explain it."""

import numpy as np
import pandas as pd
import pytest
import torch

import crystallin as cr
from crystallin import nn as blocks
from crystallin.model import _activity
from crystallin.model._unmeasured import typical_information


def matrix_of(model):
    """C as the formula has it, one program after the other."""
    loadings = model.get_loadings().to_numpy().astype(float)
    signs = np.sign(model.prior.toarray())
    information = typical_information(model.module)
    matrix = np.array([(sign * np.sqrt(information)) @ loadings for sign in signs.T])
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_it_is_the_weighted_sum_of_the_members_log_rates(model):
    z = model.get_activity().astype(float)
    np.testing.assert_allclose(model.get_activity(kind="total"), z @ matrix_of(model).T, atol=1e-4)
    encoded, sd = model.get_activity(refine=False, return_sd=True)
    total, total_sd = model.get_activity(refine=False, return_sd=True, kind="total")
    np.testing.assert_allclose(total, encoded @ matrix_of(model).T, atol=1e-4)
    np.testing.assert_allclose(total_sd, np.sqrt(sd.astype(float) ** 2 @ matrix_of(model).T ** 2), rtol=1e-4)


def test_standard_deviations_are_those_of_the_posterior(model):
    cells = range(40)
    _, sd = model.get_activity(indices=cells, return_sd=True, kind="total")
    samples = model.sample_activity(4_000, indices=cells).astype(float) @ matrix_of(model).T
    np.testing.assert_allclose(samples.std(0), sd, rtol=0.07)
    assert (sd <= 1 + 1e-6).all()


def test_approximate_standard_deviations_are_close(model, monkeypatch):
    _, exact = model.get_activity(return_sd=True, kind="total")
    monkeypatch.setattr(_activity, "MAX_EXACT_SD", 0)
    _, near = model.get_activity(return_sd=True, kind="total")
    ratio = near / exact
    assert abs(np.median(ratio) - 1) < 0.02 and np.quantile(np.abs(ratio - 1), 0.95) < 0.1


def test_sets_that_share_no_genes_have_one_reading():
    generator = torch.Generator().manual_seed(0)
    gene, program = torch.arange(12), torch.arange(4).repeat_interleave(3)
    sign = torch.tensor([1.0, -1, 1] * 4)
    edges = blocks.Edges(gene, program, sign, n_genes=15, n_programs=4)
    values = sign * torch.rand(12, generator=generator)
    information = torch.rand(15, generator=generator)
    weight = blocks.Weight(edges, values, torch.zeros(0, 15))
    torch.testing.assert_close(blocks.total_matrix(weight, information), torch.eye(4))
    # a program whose loadings are all 0 has no total
    silent = blocks.Weight(edges, torch.where(program == 2, 0, values), torch.zeros(0, 15))
    torch.testing.assert_close(blocks.total_matrix(silent, information), torch.diag(torch.tensor([1.0, 1, 0, 1])))


def test_what_another_program_explains_is_in_the_total(planted):
    """Two sets share most of their genes: how they split the signal is arbitrary, the total of each is not."""
    first = planted.sets["Program/2"]
    sets = planted.sets | {"twin": first[:-1] + [name for name in planted.adata.var_names if name not in first][:1]}
    fits = []
    for seed in (0, 1):
        model = cr.fit(planted.adata, sets, max_epochs=8, random_state=seed, enable_progress_bar=False)
        unique, total = (
            pd.DataFrame(model.get_activity(kind=k), columns=model.program_names) for k in ("unique", "total")
        )
        fits.append((unique, total))
        truth = planted.activity[:, 2]
        for name in ("Program/2", "twin"):
            assert np.corrcoef(total[name], truth)[0, 1] > 0.85
        assert np.corrcoef(total["Program/2"], total["twin"])[0, 1] > 0.97
    r = [fits[0][k].corrwith(fits[1][k]) for k in (0, 1)]
    assert r[1].min() > 0.97 and r[1].min() >= r[0].min()


def test_unknown_kinds_are_refused_and_unmeasured_programs_are_nan(model, planted):
    with pytest.raises(ValueError, match="kind='both' is neither 'unique' nor 'total'|kind='both'"):
        model.get_activity(kind="both")
    other = planted.adata.copy()
    members = planted.sets["Program/1"]
    counts = other.X.toarray()
    counts[:, other.var_names.isin(members)] = 0
    other.X = counts
    with pytest.warns(UserWarning, match="Program/1"):
        unique = model.get_activity(other)
    with pytest.warns(UserWarning, match="Program/1"):
        total = model.get_activity(other, kind="total")
    np.testing.assert_array_equal(np.isnan(unique), np.isnan(total))
    assert np.isnan(total[:, 1]).all()


def test_weights_on_activities_and_on_genes(quick, adata):
    model = quick(adata, n_unannotated=2)
    # as large as other loadings, whatever training left of them
    loadings = np.random.default_rng(0).normal(0, 0.3, (2, adata.n_vars))
    model.module.decoder.unannotated.data = torch.as_tensor(loadings, dtype=torch.float32)
    model.module.decoder.free_support.fill_(True)
    weights, on_genes = model.get_total_weights(), model.get_total_weights("genes")
    assert weights.index.tolist() == model.program_names.tolist()
    assert weights.columns.tolist() == model.get_loadings().columns.tolist()
    assert weights.columns[-1] == model.free_names[1] and on_genes.columns.tolist() == adata.var_names.tolist()
    np.testing.assert_allclose(weights, matrix_of(model), atol=1e-5)
    np.testing.assert_allclose(on_genes @ model.get_loadings(), weights, atol=1e-5)
    assert ((on_genes != 0).to_numpy() <= (model.prior.toarray() != 0).T).all()
    # unannotated dimensions are the last ones of the latent representation, here that of the encoder
    z = torch.cat([mean for mean, _ in model._encoded(model.reading(), np.arange(adata.n_obs), None)]).detach().numpy()
    assert z.shape[1] == weights.shape[1]
    np.testing.assert_allclose(model.get_activity(refine=False, kind="total"), z @ weights.T, atol=1e-4)
    with pytest.raises(ValueError, match="on='programs' is not one of|on='programs' is neither"):
        model.get_total_weights("programs")


def test_weights_give_the_totals_of_activities(model):
    np.testing.assert_allclose(
        model.get_activity() @ model.get_total_weights().T, model.get_activity(kind="total"), atol=1e-4
    )
