"""The loss and its derivative against torch's distribution and autograd."""

import pytest
import torch
from torch.distributions import NegativeBinomial

from crystallin.nn import SparseCounts, _negative_binomial, nb_log_likelihood

N_GENES, N_CELLS = 40, 9


def problem(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    log_rate = torch.randn(N_GENES, N_CELLS, generator=generator, dtype=dtype, requires_grad=True)
    log_theta = torch.randn(N_GENES, generator=generator, dtype=dtype, requires_grad=True)
    counts = torch.poisson(2 * torch.rand(N_CELLS, N_GENES, generator=generator, dtype=dtype), generator=generator)
    # a cell in which nothing was seen is all zeros
    counts[2] = 0
    depth = torch.rand(N_CELLS, generator=generator, dtype=dtype) * 50 + 1
    return log_rate, log_theta, counts, depth


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("block", [2**18, 20])
def test_value_and_derivative(normalised, block, monkeypatch):
    monkeypatch.setattr(_negative_binomial, "BLOCK", block)
    log_rate, log_theta, counts, depth = problem()
    log_scale = log_rate.log_softmax(0) if normalised else log_rate
    log_odds = (log_scale + depth.log()).T - log_theta
    theirs = NegativeBinomial(log_theta.exp(), logits=log_odds, validate_args=False)
    expected = theirs.log_prob(counts).sum(1) + torch.lgamma(counts + 1).sum(1)
    total, per_cell = nb_log_likelihood(log_rate, depth, log_theta, SparseCounts.of(counts), normalised=normalised)
    torch.testing.assert_close(per_cell, expected.detach())
    torch.testing.assert_close(total, expected.sum())
    ours = torch.autograd.grad(3 * total, (log_rate, log_theta))
    torch.testing.assert_close(ours, torch.autograd.grad(3 * expected.sum(), (log_rate, log_theta)))


def test_extreme_rates_stay_finite():
    log_rate = torch.tensor([[300.0, -300.0], [-300.0, 0.0], [0.0, 0.0]], requires_grad=True)
    log_theta = torch.tensor([-5.0, 0.0, 8.0], requires_grad=True)
    counts = SparseCounts.of(torch.tensor([[5.0, 1.0, 0.0], [0.0, 7.0, 1e5]]))
    total, per_cell = nb_log_likelihood(log_rate, torch.tensor([6.0, 1e5]), log_theta, counts, normalised=True)
    gradients = torch.autograd.grad(total, (log_rate, log_theta))
    assert per_cell.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients)


def test_sparse_counts_round_trip():
    _, _, counts, _ = problem()
    sparse = SparseCounts.of(counts)
    torch.testing.assert_close(sparse.dense(), counts)
    torch.testing.assert_close(sparse.total, counts.sum(1))
    torch.testing.assert_close(counts.T.reshape(-1)[sparse.flat], sparse.value)
    assert SparseCounts.of(sparse) is sparse and len(sparse) == N_CELLS
