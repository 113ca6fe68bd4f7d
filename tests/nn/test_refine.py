"""The refinement against brute force: dense algebra, autograd and a general optimiser."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from crystallin.nn import CountLikelihood, marginal_sd, refine, sample_posterior, shared_genes

N_CELLS, N_LATENT, N_GENES = 5, 4, 30


def problem(seed=0, depth=300.0, kind="nb"):
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
    return counts, offset, z, weight, log_depth, likelihood


def objective(z, counts, offset, weight, log_depth, likelihood, normalised):
    log_rate = offset + z @ weight
    log_mu = log_depth + (log_rate.log_softmax(-1) if normalised else log_rate)
    return likelihood.log_prob(counts, log_mu).sum(-1) - 0.5 * z.square().sum(-1)


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
    counts, offset, z, weight, log_depth, likelihood = problem(kind=kind)
    if not normalised:
        offset = offset - 3.5
    arguments = (counts, offset, weight, log_depth, likelihood, normalised)
    mode, _ = refine(
        counts, offset, z, shared_genes(weight), likelihood, normalised=normalised, log_depth=log_depth, n_steps=50
    )
    for cell in range(N_CELLS):

        def negative(flat, cell=cell):
            point = torch.tensor(flat, dtype=torch.float64).reshape(1, -1).requires_grad_()
            one = [part[cell : cell + 1] for part in (counts, offset)]
            value = -objective(point, *one, weight, log_depth[cell : cell + 1], likelihood, normalised).sum()
            (gradient,) = torch.autograd.grad(value, point)
            return value.item(), gradient.numpy().ravel()

        best = minimize(negative, np.zeros(N_LATENT), jac=True, method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(mode[cell], best.x, atol=1e-5)
    assert (objective(mode, *arguments) >= objective(z, *arguments)).all()


@pytest.mark.parametrize("normalised", [True, False])
def test_precision_is_the_dense_fisher_information(normalised):
    counts, offset, z, weight, log_depth, likelihood = problem()
    mode, cholesky = refine(
        counts, offset, z, shared_genes(weight), likelihood, normalised=normalised, log_depth=log_depth
    )
    for cell in range(N_CELLS):

        def log_mu(point, cell=cell):
            log_rate = offset[cell] + point @ weight
            return log_depth[cell] + (log_rate.log_softmax(-1) if normalised else log_rate)

        jacobian = torch.autograd.functional.jacobian(log_mu, mode[cell])
        _, information = likelihood.score_and_information(counts[cell], log_mu(mode[cell]))
        dense = torch.eye(N_LATENT, dtype=torch.float64) + jacobian.T @ (information[:, None] * jacobian)
        torch.testing.assert_close(cholesky[cell] @ cholesky[cell].T, dense)
        torch.testing.assert_close(marginal_sd(cholesky[cell]), dense.inverse().diagonal().sqrt())


@given(st.integers(0, 1000), st.floats(1.0, 8.0))
def test_a_step_never_lowers_the_objective(seed, distance):
    """From far away an undamped Newton step overshoots."""
    counts, offset, z, weight, log_depth, likelihood = problem(seed)
    start = distance * torch.ones_like(z)
    mode, _ = refine(counts, offset, start, shared_genes(weight), likelihood, normalised=True, log_depth=log_depth)
    arguments = (counts, offset, weight, log_depth, likelihood, True)
    assert (objective(mode, *arguments) >= objective(start, *arguments)).all()


def test_dispersion_may_differ_by_cell():
    counts, offset, z, weight, log_depth, likelihood = problem()
    per_cell = CountLikelihood("nb", likelihood.theta.expand(N_CELLS, -1).clone(), likelihood.zero_logits)
    shared = shared_genes(weight)
    one = refine(counts, offset, z, shared, likelihood, normalised=True, log_depth=log_depth)
    other = refine(counts, offset, z, shared, per_cell, normalised=True, log_depth=log_depth)
    torch.testing.assert_close(one, other)


def test_samples_have_the_posterior_covariance():
    counts, offset, z, weight, log_depth, likelihood = problem()
    mode, cholesky = refine(counts, offset, z, shared_genes(weight), likelihood, normalised=True, log_depth=log_depth)
    noise = torch.randn(40_000, *mode.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = sample_posterior(mode, cholesky, noise)
    covariance = (cholesky[0] @ cholesky[0].T).inverse()
    np.testing.assert_allclose(np.cov(samples[:, 0].T), covariance, atol=0.02)
    np.testing.assert_allclose(samples.mean(0), mode, atol=0.03)
