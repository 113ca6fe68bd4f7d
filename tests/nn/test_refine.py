"""The refinement against brute force: dense algebra, autograd and a general optimiser."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from crystallin.nn import Cells, CountLikelihood, marginal_sd, refine, sample_posterior, shared_genes
from crystallin.nn._refine import _gradient_and_precision

N_CELLS, N_LATENT, N_GENES = 5, 4, 30


def problem(seed=0, depth=300.0, kind="nb", normalised=True):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.rand(N_LATENT, N_GENES, generator=generator, dtype=torch.float64)
    weight *= torch.rand(N_LATENT, N_GENES, generator=generator) < 0.4
    offset = torch.randn(N_CELLS, N_GENES, generator=generator, dtype=torch.float64)
    z = torch.randn(N_CELLS, N_LATENT, generator=generator, dtype=torch.float64)
    log_depth = torch.full((N_CELLS, 1), depth, dtype=torch.float64).log()
    mu = depth * (offset + z @ weight).softmax(-1)
    counts = torch.poisson(mu, generator=generator)
    likelihood = CountLikelihood(
        kind, torch.full((N_GENES,), 5.0, dtype=torch.float64), torch.full((N_GENES,), -2.0, dtype=torch.float64)
    )
    if not normalised:
        offset = offset - 3.5
    return Cells(counts, offset, log_depth, likelihood, normalised), z, weight


def objective(z, cells, weight):
    """Written out again, for the test not to lean on what it tests."""
    log_rate = cells.offset + z @ weight
    log_mu = cells.log_depth + (log_rate.log_softmax(-1) if cells.normalised else log_rate)
    return cells.likelihood.log_prob(cells.counts, log_mu).sum(-1) - 0.5 * z.square().sum(-1)


def test_pairs_are_all_and_only_those_that_share_a_gene():
    weight = torch.tensor([[1.0, 2, 0, 0], [0, 3, 4, 0], [0, 0, 0, 5]])
    shared = shared_genes(weight)
    pairs = list(zip(shared.first.tolist(), shared.second.tolist(), strict=True))
    assert pairs == [(0, 0), (0, 1), (1, 1), (2, 2)]
    np.testing.assert_array_equal(
        shared.products.to_dense(), [[1, 4, 0, 0], [0, 6, 0, 0], [0, 9, 16, 0], [0, 0, 0, 25]]
    )


@pytest.mark.parametrize("kind", ["nb", "poisson", "zinb"])
@pytest.mark.parametrize("normalised", [True, False])
def test_mode_is_that_of_a_general_optimiser(kind, normalised):
    cells, z, weight = problem(kind=kind, normalised=normalised)
    mode, _ = refine(cells, z, shared_genes(weight), tolerance=1e-14, max_steps=60)
    for index in range(N_CELLS):
        cell = cells[slice(index, index + 1)]

        def negative(flat, cell=cell):
            point = torch.tensor(flat, dtype=torch.float64).reshape(1, -1).requires_grad_()
            value = -objective(point, cell, weight).sum()
            (gradient,) = torch.autograd.grad(value, point)
            return value.item(), gradient.numpy().ravel()

        best = minimize(negative, np.zeros(N_LATENT), jac=True, method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(mode[index], best.x, atol=1e-5)
    # the default tolerance ends within a fraction of the posterior standard deviation
    near, cholesky = refine(cells, z, shared_genes(weight))
    assert ((near - mode).abs() / marginal_sd(cholesky)).max() < 0.05


@pytest.mark.parametrize("normalised", [True, False])
def test_precision_is_the_dense_fisher_information(normalised):
    cells, z, weight = problem(normalised=normalised)
    mode, cholesky = refine(cells, z, shared_genes(weight), tolerance=1e-14, max_steps=60)
    for index in range(N_CELLS):

        def log_mu(point, index=index):
            return cells[slice(index, index + 1)].log_mu(point[None], weight)[0]

        jacobian = torch.autograd.functional.jacobian(log_mu, mode[index])
        _, information = cells.likelihood.score_and_information(cells.counts[index], log_mu(mode[index]))
        dense = torch.eye(N_LATENT, dtype=torch.float64) + jacobian.T @ (information[:, None] * jacobian)
        torch.testing.assert_close(cholesky[index] @ cholesky[index].T, dense, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(marginal_sd(cholesky[index]), dense.inverse().diagonal().sqrt(), atol=1e-5, rtol=0)


@given(st.integers(0, 1000), st.floats(1.0, 8.0), st.integers(1, 3))
def test_steps_never_lower_the_objective(seed, distance, n_steps):
    """From far away an undamped Newton step overshoots."""
    cells, z, weight = problem(seed)
    start = distance * torch.ones_like(z)
    mode, _ = refine(cells, start, shared_genes(weight), max_steps=n_steps)
    assert (objective(mode, cells, weight) >= objective(start, cells, weight)).all()


def test_an_undamped_step_from_far_away_would_lower_it():
    """What the damping is for: the full Newton step from a far start loses ground in some cell."""
    cells, z, weight = problem(depth=3000.0)
    start = -8 * torch.ones_like(z)
    gradient, precision = _gradient_and_precision(cells, start, shared_genes(weight))
    full = start + torch.linalg.solve(precision, gradient)
    assert (objective(full, cells, weight) < objective(start, cells, weight)).any()


def test_dispersion_may_differ_by_cell():
    cells, z, weight = problem()
    theta = cells.likelihood.theta
    per_cell = CountLikelihood("nb", theta.expand(N_CELLS, -1).clone(), cells.likelihood.zero_logits)
    other = Cells(cells.counts, cells.offset, cells.log_depth, per_cell, True)
    torch.testing.assert_close(refine(cells, z, shared_genes(weight)), refine(other, z, shared_genes(weight)))


def test_samples_have_the_posterior_covariance():
    cells, z, weight = problem()
    mode, cholesky = refine(cells, z, shared_genes(weight))
    noise = torch.randn(40_000, *mode.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = sample_posterior(mode, cholesky, noise)
    covariance = (cholesky[0] @ cholesky[0].T).inverse()
    np.testing.assert_allclose(np.cov(samples[:, 0].T), covariance, atol=0.02)
    np.testing.assert_allclose(samples.mean(0), mode, atol=0.03)
