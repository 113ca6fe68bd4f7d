"""Attributions of the refined activity against finite differences, autograd-free algebra, and each other."""

from dataclasses import replace

import pytest
import torch

from crystallin.nn import (
    ATTRIBUTION_METHODS,
    _refined,
    departure,
    fit_by_program,
    refine,
    shared_genes,
)

from .test_refine import EXACT, N_GENES, N_LATENT, mode_of, objective, preconditioner, problem

ALL = torch.arange(N_LATENT)
LIKELIHOODS = [("nb", True), ("nb", False), ("poisson", True), ("poisson", False)]


@pytest.fixture(params=LIKELIHOODS, ids=lambda pair: f"{pair[0]}-{'shares' if pair[1] else 'rates'}")
def solved(request):
    kind, normalised = request.param
    cells, z, weight = problem(kind=kind, normalised=normalised)
    start = preconditioner(cells, z, weight)
    point = refine(cells, z, weight, start, **EXACT)
    return cells, point, weight, start


def pulls(solved, method, baseline):
    return list(ATTRIBUTION_METHODS[method].activity(*solved, baseline))


def total(solved, method, baseline, dimensions=ALL):
    shared = shared_genes(solved[2].dense())
    return sum(pull.total(shared, dimensions, solved[3]) for pull in pulls(solved, method, baseline))


def each_of(pull, shared, cells):
    each = torch.zeros(cells.counts.shape[1], N_LATENT, N_GENES, dtype=torch.float64)
    pull.add_to(each, shared, ALL)
    return each


def expected_counts(cells, weight):
    """Of a cell without activities."""
    return cells.log_mean(torch.zeros(N_LATENT, 1, dtype=torch.float64), weight).exp()


@pytest.mark.parametrize("method", ["contributions", "integrated_gradients", "gradient_input"])
def test_totals_are_sums_of_the_cells(solved, method):
    cells, _, weight, start = solved
    shared, baseline = shared_genes(weight.dense()), expected_counts(cells, weight)
    for pull in pulls(solved, method, baseline):
        each = each_of(pull, shared, cells)
        torch.testing.assert_close(each.sum(0), pull.total(shared, ALL, start))
        torch.testing.assert_close(pull.total(shared, ALL[1:3], start), pull.total(shared, ALL, start)[1:3])
        # combinations of the dimensions
        rows = torch.linspace(-1, 1, 2 * N_LATENT, dtype=torch.float64).reshape(2, N_LATENT)
        torch.testing.assert_close(pull.total(shared, rows, start), rows @ pull.total(shared, ALL, start))
        torch.testing.assert_close(
            pull.total(shared, torch.eye(N_LATENT).double(), start), pull.total(shared, ALL, start)
        )


def test_contributions_are_those_of_one_program(solved):
    cells, point, weight, start = solved
    each = each_of(departure(cells, point.z, weight), shared_genes(weight.dense()), cells)
    for program in range(N_LATENT):
        one = departure(cells, point.z, weight).of_one(torch.eye(N_LATENT).to(point.z.dtype)[program], start)
        torch.testing.assert_close(each[:, program].T, one, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(each.sum(2), point.z.T)


def test_implicit_derivative_is_that_of_finite_differences(solved):
    cells, point, weight, start = solved
    shared = shared_genes(weight.dense())
    (pull,) = pulls(solved, "gradient_input", torch.zeros_like(cells.counts))
    # divided by the counts it is the derivative; genes without counts have none here
    by_count = each_of(pull, shared, cells) / cells.counts.T[:, None, :]
    step = 1e-2
    for gene in range(N_GENES):
        ends = []
        for sign in (1, -1):
            counts = cells.counts.clone()
            counts[gene] += sign * step
            ends.append(refine(replace(cells, counts=counts), point.z, weight, start, **EXACT).z)
        numeric = (ends[0] - ends[1]) / (2 * step)
        there = cells.counts[gene] > 0
        torch.testing.assert_close(by_count[there, :, gene], numeric.T[there], atol=2e-6, rtol=1e-4)


def test_integrated_gradients_sum_to_the_change_of_the_activity(solved):
    cells, point, weight, start = solved
    # a cell without activities, and, further away and so harder to integrate along, another cell
    for baseline, tolerance in ((expected_counts(cells, weight), 1e-5), (cells.counts[:, [1]], 2e-4)):
        there = refine(replace(cells, counts=baseline.expand_as(cells.counts)), point.z, weight, start, **EXACT).z
        sums = total(solved, "integrated_gradients", baseline).sum(1)
        torch.testing.assert_close(sums, (point.z - there).sum(1), atol=tolerance, rtol=tolerance)


def test_a_cell_as_expected_without_activities_has_none(solved):
    cells, point, weight, start = solved
    counts = expected_counts(cells, weight).expand_as(cells.counts)
    z = refine(replace(cells, counts=counts), point.z, weight, start, **EXACT).z
    torch.testing.assert_close(z, torch.zeros_like(z), atol=1e-6, rtol=0)


def test_a_jumping_score_has_no_path():
    cells, z, weight = problem(kind="zinb")
    point = mode_of(cells, z, weight, **EXACT)
    with pytest.raises(ValueError, match="not a smooth function of the count"):
        total((cells, point, weight, preconditioner(cells, z, weight)), "integrated_gradients", cells.counts * 0)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("kind", ["nb", "poisson", "zinb"])
def test_what_programs_add_to_the_fit_sums_to_it(kind, normalised):
    cells, z, weight = problem(kind=kind, normalised=normalised)
    prior = 0.5 * z.square().sum(0)
    gain = objective(z, cells, weight) + prior - objective(torch.zeros_like(z), cells, weight)
    torch.testing.assert_close(fit_by_program(cells, z, weight).sum(0), gain, atol=1e-3, rtol=1e-3)


def test_rough_cells_take_more_nodes_and_stay_in_their_place(solved, monkeypatch):
    """With two nodes for most cells: those that miss the change by the most are the ones that are done again."""
    cells, point, weight, start = solved
    baseline, shared = cells.counts[:, [1]], shared_genes(weight.dense())
    there = refine(replace(cells, counts=baseline.expand_as(cells.counts)), point.z, weight, start, **EXACT).z

    def gaps():
        each = torch.zeros(cells.counts.shape[1], N_LATENT, N_GENES, dtype=torch.float64)
        for pull in pulls(solved, "integrated_gradients", baseline):
            pull.add_to(each, shared, ALL)
        torch.testing.assert_close(each.sum(0), total(solved, "integrated_gradients", baseline))
        return (each.sum(2).T - (point.z - there)).abs().amax(0)

    monkeypatch.setattr(_refined, "N_PATH_NODES", 2)
    monkeypatch.setattr(_refined, "MAX_GAP", float("inf"))
    few = gaps()
    # cell 1 is its own baseline, so some are smooth in any case
    limit = float(few.sort().values[2:4].mean())
    monkeypatch.setattr(_refined, "MAX_GAP", limit)
    mended, is_rough = gaps(), few > limit
    assert 0 < is_rough.sum() < len(few)
    assert (mended[is_rough] < few[is_rough] / 20).all()
    torch.testing.assert_close(mended[~is_rough], few[~is_rough])
