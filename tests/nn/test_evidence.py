"""Regressions of genes on activities against dense algebra and a general optimiser."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from crystallin.nn import AverageCell, Cells, CountLikelihood, Edges, GeneRegression, Regressors, Weight, refine

N_CELLS, N_LATENT, N_GENES = 400, 3, 20


def problem(kind="nb", n_batches=1, seed=0):
    """Counts of genes that follow activities; the first half of the genes are members of programs."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(N_LATENT, N_CELLS, generator=generator, dtype=torch.float64)
    truth = torch.zeros(N_LATENT, N_GENES, dtype=torch.float64)
    truth[torch.arange(N_GENES) % N_LATENT, torch.arange(N_GENES)] = 0.6
    batch = torch.arange(N_CELLS) % n_batches
    offset = torch.linspace(-1, 1, N_GENES, dtype=torch.float64)[:, None] + 0.3 * batch
    log_scale = torch.randn(N_CELLS, generator=generator, dtype=torch.float64) * 0.3
    mean = (offset + truth.T @ z + log_scale).exp()
    counts = torch.poisson(mean * torch.distributions.Gamma(5.0, 5.0).sample(mean.shape).double(), generator=generator)
    theta = torch.full((N_GENES, 1), 5.0, dtype=torch.float64)
    likelihood = CountLikelihood(kind, theta, torch.full_like(theta, -30.0))
    weight = torch.where(torch.arange(N_GENES) < N_GENES // 2, truth, 0.0)
    regressors = Regressors(
        z=z,
        levels=torch.nn.functional.one_hot(batch).T.double(),
        log_scale=log_scale,
        covariance=torch.eye(N_LATENT, dtype=torch.float64)[None] * 0.1,
        group=torch.ones(N_CELLS, 1, dtype=torch.float64),
    )
    return counts, offset.expand(-1, N_CELLS), weight, likelihood, regressors, truth


def test_the_linear_predictor_and_its_transpose():
    counts, offset, weight, likelihood, regressors, _ = problem(n_batches=2)
    regression = GeneRegression(counts, offset, weight, likelihood, regressors)
    x = torch.randn(N_LATENT + 2, N_GENES, dtype=torch.float64)
    y = torch.randn(N_GENES, N_CELLS, dtype=torch.float64)
    assert torch.isclose((regression.predicted(x) * y).sum(), (x * regression.collected(y)).sum())


@pytest.mark.parametrize("kind", ["nb", "poisson"])
@pytest.mark.parametrize("n_batches", [1, 3])
def test_loadings_are_those_of_maximum_likelihood(kind, n_batches):
    counts, offset, weight, likelihood, regressors, _ = problem(kind, n_batches)
    regression = GeneRegression(counts, offset, weight, likelihood, regressors)
    regression.fit(12)
    design = regressors.design.numpy()
    for gene in (12, 19):
        # no member of a program, so nothing of it is taken out of the activities
        assert not regression._own[gene].mul(regression._along[..., gene].abs().max()).any()
        x, base = counts[gene].numpy(), (offset[gene] + regressors.log_scale).numpy()

        def loss(beta, x=x, base=base):
            log_mean = base + beta @ design
            if kind == "poisson":
                return np.exp(log_mean).sum() - x @ log_mean
            return (5 + x) @ np.log1p(np.exp(log_mean) / 5) - x @ log_mean

        best = minimize(loss, np.zeros(len(design)), options={"gtol": 1e-6}).x
        # levels of all batches and activities are not collinear
        np.testing.assert_allclose(regression.coefficients[:, gene].numpy(), best, atol=2e-3)


def test_variances_are_those_of_the_information():
    counts, offset, weight, likelihood, regressors, _ = problem(n_batches=2)
    regression = GeneRegression(counts, offset, weight, likelihood, regressors)
    regression.fit(8)
    _, _, information = regression.derivatives()
    design, genes = regressors.design, torch.arange(10, N_GENES)
    exact = torch.stack(
        [
            torch.linalg.inv((design * information[g]) @ design.T + torch.diag(regressors.precision[:, 0])).diagonal()
            for g in genes
        ],
        dim=1,
    )[:N_LATENT]
    torch.testing.assert_close(regression.variances()[:, genes], exact, rtol=0.2, atol=0)
    program = torch.arange(len(genes)) % N_LATENT
    parts = torch.nn.functional.one_hot(torch.arange(N_CELLS) % 2).double()
    variance, loading, of_parts = regression.edges(program, genes, parts)
    torch.testing.assert_close(variance, exact[program, torch.arange(len(genes))], rtol=2e-3, atol=0)
    # the parts together tell what the whole does
    mean = (loading / of_parts).sum(1) / (1 / of_parts).sum(1)
    torch.testing.assert_close(mean, regression.loadings[program, genes], atol=0.02, rtol=0)
    torch.testing.assert_close(1 / (1 / of_parts).sum(1), variance, rtol=0.05, atol=0)


def test_a_part_without_cells_has_no_information():
    counts, offset, weight, likelihood, regressors, _ = problem()
    regression = GeneRegression(counts, offset, weight, likelihood, regressors)
    regression.fit()
    parts = torch.zeros(N_CELLS, 2, dtype=torch.float64)
    parts[:, 0] = 1
    _, loading, variance = regression.edges(torch.tensor([0]), torch.tensor([12]), parts)
    assert torch.isinf(variance[0, 1]) and torch.isfinite(loading).all()


def test_own_counts_are_taken_out_of_the_activities():
    """Against modes that are found again without the gene."""
    generator = torch.Generator().manual_seed(1)
    dense = torch.rand(N_LATENT, N_GENES, generator=generator, dtype=torch.float64)
    dense *= torch.rand(N_LATENT, N_GENES, generator=generator) < 0.5
    program, gene = dense.nonzero(as_tuple=True)
    edges = Edges(gene, program, torch.ones(len(gene)), n_genes=N_GENES, n_programs=N_LATENT)
    weight = Weight(edges, dense[program, gene], dense[:0])
    offset = torch.zeros(N_GENES, 1, dtype=torch.float64)
    log_depth = torch.full((50,), 200.0, dtype=torch.float64).log()
    z = torch.randn(N_LATENT, 50, generator=generator, dtype=torch.float64)
    likelihood = CountLikelihood("poisson", torch.ones(N_GENES, 1), torch.zeros(N_GENES, 1))
    counts = torch.poisson(200 * (offset + dense.T @ z).softmax(0), generator=generator)
    cells = Cells(counts, offset, log_depth, likelihood, normalised=False)
    cells = Cells(counts, offset + np.log(10 / 200), log_depth, likelihood, normalised=False)
    average = AverageCell.of(cells.evaluate(z, weight).information)
    mode = refine(cells, z, weight, average.covariance, tolerance=1e-8).z
    member = int(dense.sum(0).argmax())
    without = cells.counts.clone()
    values = torch.where(gene == member, 0.0, weight.values)
    rest = Weight(edges, values, dense[:0])
    expected = refine(
        Cells(without, cells.offset, log_depth, likelihood, normalised=False),
        z,
        rest,
        average.covariance,
        tolerance=1e-8,
    ).z
    each = torch.stack(
        [
            torch.linalg.inv(dense @ torch.diag(i) @ dense.T + torch.eye(N_LATENT))
            for i in cells.evaluate(mode, weight).information.of_counts.T
        ]
    )
    regressors = Regressors(
        z=mode,
        levels=torch.ones(1, 50, dtype=torch.float64),
        log_scale=log_depth,
        covariance=each,
        group=torch.eye(50, dtype=torch.float64),
    )
    regression = GeneRegression(
        counts[[member]], cells.offset[[member]].expand(-1, 50), dense[:, [member]], likelihood, regressors
    )
    moved = torch.stack(
        [
            regression.predicted(torch.nn.functional.one_hot(torch.tensor([k]), N_LATENT + 1).T.double())[0]
            for k in range(N_LATENT)
        ]
    )
    assert (mode - expected).norm() > 0.5
    assert (moved - expected).norm() < 0.25 * (mode - expected).norm()
