import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystallin.nn import Edges, PrimedEncoder, ProgramDecoder, SparseCounts
from crystallin.nn._encoder import log_normalise

GENE, PROGRAM = torch.tensor([0, 1, 1, 3]), torch.tensor([0, 0, 1, 1])
SIGN = torch.tensor([1.0, 1.0, 1.0, -1.0])
EDGES = Edges(GENE, PROGRAM, SIGN, n_genes=4, n_programs=2)


def decoder(**kwargs):
    return ProgramDecoder(EDGES, **kwargs)


numbers = st.lists(st.floats(-10, 10), min_size=4, max_size=4).map(torch.tensor)


@given(numbers, numbers)
def test_projection_never_expands_and_is_idempotent(a, b):
    pa, pb = EDGES.project_signs(a), EDGES.project_signs(b)
    assert torch.dist(pa, pb) <= torch.dist(a, b) + 1e-6
    assert (pa * SIGN >= 0).all()
    assert torch.equal(EDGES.project_signs(pa), pa)


@pytest.mark.parametrize("normalised", [True, False])
def test_decoder_is_log_linear(normalised):
    model = decoder(n_categories=[2, 3], n_continuous=1, n_unannotated=1, normalised=normalised)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    z, covariate = torch.randn(5, 3), torch.randn(5, 1)
    batch, category = torch.tensor([[0], [1], [1], [0], [1]]), torch.tensor([[2], [1], [0], [2], [1]])
    depth = torch.full((5, 1), 7.0).log()
    scale, r, rate, logits = model("gene", torch.cat([z, covariate], 1), depth, batch, category, None)
    log_rate = (
        model.categorical[0][batch[:, 0]]
        + model.categorical[1][category[:, 0]]
        + covariate @ model.continuous
        + z @ model.weight().dense()
    )
    expected = log_rate.softmax(-1) if normalised else log_rate.exp()
    torch.testing.assert_close(scale, expected)
    torch.testing.assert_close(rate, 7 * expected)
    assert r is None
    assert logits.shape == scale.shape


def test_programs_reach_only_their_genes_and_covariates_all():
    model = decoder(n_unannotated=1)
    weight = model.weight().dense().detach()
    assert (weight[0, 2:] == 0).all() and (weight[1, [0, 2]] == 0).all()
    assert (weight[2] != 0).all()
    model.loadings.data = -SIGN
    model.project_()
    assert (model.loadings == 0).all()


def test_log_normalise_is_scanpys():
    import scanpy as sc
    from anndata import AnnData

    counts = np.random.default_rng(0).poisson(3, (6, 20)).astype(np.float32)
    adata = AnnData(counts.copy())
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    sparse = SparseCounts.of(torch.tensor(counts))
    np.testing.assert_allclose(log_normalise(sparse), adata.X[sparse.cell, sparse.gene], rtol=1e-5)


def test_encoder_starts_as_a_readout_of_member_genes():
    encoder = PrimedEncoder(EDGES).eval()
    encoder.sd.fill_(2.0)
    counts = torch.tensor([[5.0, 2, 1, 0]])
    x = torch.log1p(counts[0] * 1e4 / 8) / 2
    mean, log_var = encoder.posterior(counts, torch.zeros(1))
    torch.testing.assert_close(mean[:, 0], torch.stack([(x[0] + x[1]) / 2, (x[1] - x[3]) / 2]))
    assert log_var.shape == mean.shape


def test_a_rare_gene_cannot_run_away_with_a_program():
    encoder = PrimedEncoder(EDGES)
    encoder.sd.fill_(0.05)
    assert encoder.standardise(SparseCounts.of(torch.tensor([[500.0, 0, 0, 0]]))).abs().max() <= 5


def test_encoder_without_context_reads_members_only():
    encoder = PrimedEncoder(EDGES, context=False)
    x = torch.rand(3, 4) * 10
    changed = x.clone()
    # swapping counts between two genes keeps the depth; gene 2 belongs to no program, gene 3 to the second
    changed[:, [2, 3]] = x[:, [3, 2]]
    torch.testing.assert_close(
        encoder.posterior(x, torch.zeros(3))[0][0], encoder.posterior(changed, torch.zeros(3))[0][0]
    )
    assert encoder.context is None


def test_an_empty_cell_stays_finite():
    mean, log_var = PrimedEncoder(EDGES).posterior(torch.zeros(1, 4), torch.zeros(1))
    assert mean.isfinite().all() and log_var.isfinite().all()
