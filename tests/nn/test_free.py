"""Directions that programs leave over, and free programs that start from them."""

import numpy as np
import pytest
import torch

from crystallin.nn import _free as free

N_GENES, N_CELLS = 60, 2_000


def factor(strength: float, genes: range, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Residuals of unit noise and one factor, genes x cells, and its activities."""
    generator = torch.Generator().manual_seed(seed)
    activity = torch.randn(N_CELLS, generator=generator)
    residuals = torch.randn(N_GENES, N_CELLS, generator=generator)
    residuals[list(genes)] += strength * activity
    return residuals, activity


def leftovers_of(residuals: torch.Tensor, n_parts: int = 4) -> list[free.Leftover]:
    """Counts that are informative, so that scores are residuals."""
    return [free.Leftover(part, torch.ones_like(part), part) for part in residuals.chunk(n_parts, dim=1)]


def test_directions_are_those_of_a_singular_value_decomposition():
    residuals, _ = factor(1.0, range(10))
    residuals = residuals + factor(0.7, range(20, 40), seed=1)[0]
    directions = free.leading_directions(residuals.split(300, dim=1), 2)
    left, _, _ = np.linalg.svd(residuals.numpy(), full_matrices=False)
    overlap = np.abs(left[:, :2].T @ directions.numpy())
    np.testing.assert_allclose(overlap, np.eye(2), atol=1e-3)


def test_the_gain_is_that_of_a_gaussian_factor():
    """Log-likelihood of N(0, I + r v v') minus that of N(0, I), at the best r, over many cells."""
    residuals, _ = factor(0.5, range(10))
    direction = torch.zeros(N_GENES, 1)
    direction[:10] = 10**-0.5
    gain = free.held_out_gain(direction, residuals.split(500, dim=1)).item()
    ratio = 10 * 0.25 / 1.25  # variance along the direction over that of genes which vary as much but independently
    assert gain == pytest.approx(0.5 * (ratio - np.log1p(ratio)), rel=0.1)


@pytest.mark.parametrize(("strengths", "n"), [([], 0), ([0.6], 1), ([0.8, 0.6, 0.5], 3)])
def test_as_many_directions_are_used_as_there_are_factors(strengths, n):
    residuals = torch.randn(N_GENES, N_CELLS, generator=torch.Generator().manual_seed(9))
    for i, strength in enumerate(strengths):
        with_factor, _ = factor(strength, range(20 * i, 20 * i + 15), seed=i)
        noise, _ = factor(0.0, range(0), seed=i)
        residuals = residuals + with_factor - noise
    start = free.free_start(leftovers_of(residuals), 5, auto=True)
    assert int((start.loadings != 0).any(1).sum()) == n
    # what is not used stays 0, and leaves the prior as it is
    assert not start.loadings[n:].any() and not start.readout[n:].any() and not start.log_var[n:].any()


def test_a_free_program_has_the_genes_and_slopes_of_its_factor():
    residuals, activity = factor(0.5, range(12))
    residuals[3:5] -= activity  # two genes that fall
    start = free.free_start(leftovers_of(residuals), 1, auto=False)
    follows = set(torch.nonzero(start.loadings[0])[:, 0].tolist())
    # of 48 genes of noise, one in twenty is beyond two standard errors
    assert set(range(12)) <= follows and len(follows) <= 18
    signs = torch.sign(start.loadings[0, :12])
    assert (signs == torch.tensor([1.0] * 3 + [-1, -1] + [1] * 7)).all()
    # less than .5, because the activities are not known exactly
    assert 0.35 < start.loadings[0, :12].abs().mean() < 0.5
    # the read-out finds the activity
    found = start.readout[0] @ residuals
    assert np.corrcoef(found, activity)[0, 1] > 0.8 and start.log_var[0] < -0.5


def test_directions_that_no_gene_follows_are_left_out(monkeypatch):
    residuals, _ = factor(0.6, range(10))
    # leading directions of noise fit the noise of these very cells
    monkeypatch.setattr(free, "MIN_T", 10.0)
    start = free.free_start(leftovers_of(residuals), 3, auto=False)
    assert (start.loadings != 0).any(1).tolist() == [True, False, False]


@pytest.mark.parametrize("normalised", [True, False])
def test_orthogonal_programs_share_no_information(normalised):
    generator = torch.Generator().manual_seed(0)
    loadings, programs = torch.randn(3, 40, generator=generator), torch.zeros(4, 40)
    for row, genes in enumerate([range(10), range(5, 20), range(18, 25)]):
        programs[row, list(genes)] = torch.rand(len(genes), generator=generator)
    information = torch.rand(40, generator=generator)  # the last program has no loadings, and does no harm
    found = free.make_orthogonal(loadings, programs, information, normalised=normalised)

    def centred(values):
        return values - (values @ information / information.sum())[:, None] if normalised else values

    shared = (centred(found) * information) @ centred(programs).T
    before = (centred(loadings) * information) @ centred(programs).T
    assert shared.abs().max() < 1e-2 * before.abs().max()
    # genes of no program are left as they were
    torch.testing.assert_close(found[:, 25:], loadings[:, 25:])


def test_seldom_seen_genes_are_not_typical():
    loadings, information = torch.tensor([[1.0, -0.9, 0.5]]), torch.tensor([1e-3, 1.0, 10.0])
    assert free.typicality(loadings, information).argsort(descending=True).tolist() == [[1, 2, 0]]
