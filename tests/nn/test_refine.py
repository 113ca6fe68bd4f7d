"""The refinement against brute force: dense algebra, autograd and a general optimiser."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from crystallin.nn import (
    AverageCell,
    Cells,
    CountLikelihood,
    Edges,
    Weight,
    draw,
    marginal_sd,
    precision_cholesky,
    refine,
    sample_posterior,
    shared_genes,
)
from crystallin.nn._refine import solve

N_CELLS, N_LATENT, N_GENES = 5, 4, 30


def as_weight(dense):
    """The first rows along edges, the last one as an unannotated dimension."""
    program, gene = dense[:-1].nonzero(as_tuple=True)
    values = dense[program, gene]
    edges = Edges(gene, program, values.sign(), n_genes=N_GENES, n_programs=N_LATENT - 1)
    return Weight(edges, values, dense[-1:])


def problem(seed=0, depth=300.0, kind="nb", normalised=True):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.rand(N_LATENT, N_GENES, generator=generator, dtype=torch.float64)
    weight *= torch.rand(N_LATENT, N_GENES, generator=generator) < 0.4
    offset = torch.randn(N_GENES, N_CELLS, generator=generator, dtype=torch.float64)
    z = torch.randn(N_LATENT, N_CELLS, generator=generator, dtype=torch.float64)
    log_depth = torch.full((N_CELLS,), depth, dtype=torch.float64).log()
    mu = depth * (offset + weight.T @ z).softmax(0)
    counts = torch.poisson(mu, generator=generator)
    likelihood = CountLikelihood(
        kind, torch.full((N_GENES, 1), 5.0, dtype=torch.float64), torch.full((N_GENES, 1), -2.0, dtype=torch.float64)
    )
    if not normalised:
        offset = offset - 3.5
    return Cells(counts, offset, log_depth, likelihood, normalised), z, as_weight(weight)


def log_mu_at(z, cells, weight):
    """Written out again, for the test not to lean on what it tests."""
    log_rate = cells.offset + weight.dense().T @ z
    return cells.log_depth + (log_rate.log_softmax(0) if cells.normalised else log_rate)


def objective(z, cells, weight):
    value, *_ = cells.likelihood.evaluate(cells.counts, log_mu_at(z, cells, weight))
    return value.sum(0) - 0.5 * z.square().sum(0)


def preconditioner(cells, z, weight):
    return AverageCell.of(cells.evaluate(z, weight).information).covariance


def mode_of(cells, z, weight, **settings):
    return refine(cells, z, weight, preconditioner(cells, z, weight), **settings)


EXACT = {"tolerance": 1e-14, "max_steps": 60}


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
    mode = mode_of(cells, z, weight, **EXACT).z
    for index in range(N_CELLS):
        cell = cells[slice(index, index + 1)]

        def negative(flat, cell=cell):
            point = torch.tensor(flat, dtype=torch.float64).reshape(-1, 1).requires_grad_()
            value = -objective(point, cell, weight).sum()
            (gradient,) = torch.autograd.grad(value, point)
            return value.item(), gradient.numpy().ravel()

        best = minimize(negative, np.zeros(N_LATENT), jac=True, method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(mode[:, index], best.x, atol=1e-5)
    # the default tolerance ends within a fraction of the posterior standard deviation
    near = mode_of(cells, z, weight)
    sd = marginal_sd(precision_cholesky(near.information, shared_genes(weight.dense()))).T
    assert ((near.z - mode).abs() / sd).max() < 0.1


def dense_information(cells, z, weight, index):
    """I + J' D J of one cell, by automatic differentiation."""
    cell = cells[slice(index, index + 1)]
    jacobian = torch.autograd.functional.jacobian(lambda p: log_mu_at(p[:, None], cell, weight)[:, 0], z[:, index])
    _, _, information = cells.likelihood.evaluate(cell.counts, log_mu_at(z[:, index : index + 1], cell, weight))
    return torch.eye(N_LATENT, dtype=torch.float64) + jacobian.T @ (information * jacobian)


@pytest.mark.parametrize("normalised", [True, False])
def test_information_is_the_dense_one(normalised):
    cells, z, weight = problem(normalised=normalised)
    point = cells.evaluate(z, weight)
    cholesky = precision_cholesky(point.information, shared_genes(weight.dense()))
    sd, vector = marginal_sd(cholesky), torch.randn(N_LATENT, N_CELLS, dtype=torch.float64)
    for index in range(N_CELLS):
        dense = dense_information(cells, z, weight, index)
        torch.testing.assert_close(cholesky[index] @ cholesky[index].T, dense)
        torch.testing.assert_close((point.information @ vector)[:, index], dense @ vector[:, index])
        torch.testing.assert_close(sd[index], dense.inverse().diagonal().sqrt())
        torch.testing.assert_close(point.information.diagonal()[:, index], dense.diagonal())


@pytest.mark.parametrize("normalised", [True, False])
def test_gradient_is_that_of_the_objective(normalised):
    cells, z, weight = problem(normalised=normalised)
    z = z.requires_grad_()
    (gradient,) = torch.autograd.grad(objective(z, cells, weight).sum(), z)
    torch.testing.assert_close(cells.evaluate(z.detach(), weight).gradient, gradient)


def test_solve_is_an_exact_solve_but_for_its_tolerance():
    cells, z, weight = problem()
    point = cells.evaluate(z, weight)
    step = solve(point.information, point.gradient, preconditioner(cells, z, weight))
    for index in range(N_CELLS):
        dense = dense_information(cells, z, weight, index)
        exact = torch.linalg.solve(dense, point.gradient[:, index])
        error = step[:, index] - exact
        assert error @ dense @ error < 0.1**2 * (exact @ dense @ exact)


def test_sd_from_the_average_cell():
    """Exact for the average, and for programs that share no genes; close for cells like the average."""
    cells, z, weight = problem(normalised=False)
    information = cells.evaluate(z, weight).information
    exact = marginal_sd(precision_cholesky(information, shared_genes(weight.dense()))).T
    ratio = AverageCell.of(information).sd(information) / exact
    assert (ratio - 1).abs().max() < 0.05
    same = cells[torch.zeros(3, dtype=torch.long)].evaluate(z[:, [0, 0, 0]], weight).information
    torch.testing.assert_close(AverageCell.of(same).sd(same), exact[:, [0, 0, 0]])
    apart = torch.zeros(N_LATENT, N_GENES, dtype=torch.float64)
    for row in range(N_LATENT):
        apart[row, 7 * row : 7 * row + 7] = 0.5
    information = cells.evaluate(z, as_weight(apart)).information
    exact = marginal_sd(precision_cholesky(information, shared_genes(apart))).T
    torch.testing.assert_close(AverageCell.of(information).sd(information), exact)


def test_sd_of_a_cell_unlike_the_average_stays_between_its_bounds():
    cells, z, weight = problem()
    average = AverageCell.of(cells.evaluate(z, weight).information)
    for depth in (1e-3, 1e6):
        other = Cells(cells.counts, cells.offset, torch.full_like(cells.log_depth, depth).log(), cells.likelihood, True)
        information = other.evaluate(z, weight).information
        sd = average.sd(information)
        assert (sd <= 1 + 1e-9).all() and (sd >= information.diagonal().rsqrt() - 1e-9).all()


def test_draws_have_the_posterior_covariance(monkeypatch):
    monkeypatch.setattr("crystallin.nn._refine.SOLVE_TO", 1e-6)
    cells, z, weight = problem()
    same = torch.zeros(40_000, dtype=torch.long)
    point = cells[same].evaluate(z[:, same], weight)
    draws = draw(point, preconditioner(cells, z, weight))
    covariance = dense_information(cells, z, weight, 0).inverse()
    np.testing.assert_allclose(np.cov(draws), covariance, atol=0.02)
    np.testing.assert_allclose(draws.mean(1), 0, atol=0.03)


@given(st.integers(0, 1000), st.floats(1.0, 8.0), st.integers(1, 3))
def test_steps_never_lower_the_objective(seed, distance, n_steps):
    """From far away an undamped Newton step overshoots."""
    cells, z, weight = problem(seed)
    start = distance * torch.ones_like(z)
    mode = mode_of(cells, start, weight, max_steps=n_steps).z
    before, after = objective(start, cells, weight), objective(mode, cells, weight)
    assert (after >= before - 1e-10 * before.abs()).all()


def test_an_undamped_step_from_far_away_would_lower_it():
    """What the damping is for: the full Newton step from a far start loses ground in some cell."""
    cells, _, weight = problem(depth=3000.0)
    start = torch.full((N_LATENT, N_CELLS), -8.0, dtype=torch.float64)
    point = cells.evaluate(start, weight)
    precision = precision_cholesky(point.information, shared_genes(weight.dense()))
    full = start + torch.cholesky_solve(point.gradient.T[..., None], precision)[..., 0].T
    assert (objective(full, cells, weight) < objective(start, cells, weight)).any()


def test_cells_far_away_are_followed_to_the_end():
    """Most cells are done at once and are left behind; one has far to go."""
    cells, z, weight = problem(depth=3000.0)
    mode = mode_of(cells, z, weight, **EXACT).z
    start = mode.clone()
    start[:, 2] = -4
    torch.testing.assert_close(mode_of(cells, start, weight, **EXACT).z, mode, atol=1e-6, rtol=0)


def test_dispersion_may_differ_by_cell():
    cells, z, weight = problem()
    theta = cells.likelihood.theta
    per_cell = CountLikelihood("nb", theta.expand(-1, N_CELLS).clone(), cells.likelihood.zero_logits)
    other = Cells(cells.counts, cells.offset, cells.log_depth, per_cell, True)
    torch.testing.assert_close(mode_of(cells, z, weight).z, mode_of(other, z, weight).z)


def test_samples_have_the_posterior_covariance():
    cells, z, weight = problem()
    point = mode_of(cells, z, weight)
    mode, cholesky = point.z.T, precision_cholesky(point.information, shared_genes(weight.dense()))
    noise = torch.randn(40_000, *mode.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = sample_posterior(mode, cholesky, noise)
    covariance = (cholesky[0] @ cholesky[0].T).inverse()
    np.testing.assert_allclose(np.cov(samples[:, 0].T), covariance, atol=0.02)
    np.testing.assert_allclose(samples.mean(0), mode, atol=0.03)
