"""The stand-in for pulls, where it is exact, and how close it is elsewhere."""

from dataclasses import replace

import pytest
import torch

from crystallin.nn import Surrogate, departure, near_modes, precise_mode, refine, shared_genes

from .test_refine import EXACT, N_LATENT, preconditioner, problem

ALL = torch.arange(N_LATENT)


def solved(kind="nb", normalised=True, weight=None):
    cells, z, given = problem(kind=kind, normalised=normalised)
    weight = given if weight is None else weight
    start = preconditioner(cells, z, weight)
    return cells, refine(cells, z, weight, start, **EXACT), weight, start


def totals(cells, point, weight, start, wanted=ALL):
    pull = departure(cells, point.z, weight)
    exact = pull.total(shared_genes(weight.dense()), wanted, start)
    return exact, Surrogate.over([pull.information], wanted).total(pull)


@pytest.mark.parametrize("kind", ["nb", "poisson"])
def test_it_is_exact_in_the_average_cell(kind):
    """Where all cells have the information of the average one, in which case their matrices are the same."""
    cells, point, weight, start = solved(kind)
    pull = departure(cells, point.z, weight)
    one = torch.zeros(1, dtype=torch.long)
    alike = pull[one]
    exact = alike.total(shared_genes(weight.dense()), ALL, start)
    torch.testing.assert_close(Surrogate.over([alike.information], ALL).total(alike), exact, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("normalised", [True, False])
def test_it_is_closer_than_the_average_cell_alone(normalised):
    cells, point, weight, start = solved(normalised=normalised)
    exact, near = totals(cells, point, weight, start)
    pull = departure(cells, point.z, weight)
    plain = Surrogate.over([pull.information], ALL).reach * pull.terms.sum(1)
    assert 0 < (near - exact).norm() < 0.9 * (plain - exact).norm()


def test_combinations_are_those_of_their_own():
    """A combination that is one dimension is the same as this dimension."""
    cells, point, weight, start = solved()
    unit = torch.eye(N_LATENT, dtype=point.z.dtype)
    torch.testing.assert_close(totals(cells, point, weight, start, unit), totals(cells, point, weight, start))
    nothing = torch.zeros(1, N_LATENT, dtype=point.z.dtype)
    exact, near = totals(cells, point, weight, start, nothing)
    assert not exact.any() and not near.any()


def test_modes_along_a_path_are_near():
    cells, point, weight, start = solved()
    nothing = torch.zeros(N_LATENT, 1, dtype=point.z.dtype)
    baseline = cells.log_mean(nothing, weight).exp()
    shares = [0.95, 0.7, 0.2]
    for share, near in zip(shares, near_modes(cells, point.z, weight, start, baseline, shares), strict=True):
        between = replace(cells, counts=baseline + share * (cells.counts - baseline))
        mode = precise_mode(between, near, weight, start).z
        # a straight line from 0 is further away
        assert (near - mode).norm() < 0.5 * (share * point.z - mode).norm()
    assert all(z is point.z for z in near_modes(cells, point.z, weight, start, baseline, [1.0]))


def test_leverage_is_largest_where_terms_are():
    cells, point, weight, start = solved()
    pull = departure(cells, point.z, weight)
    surrogate = Surrogate.over([pull.information], ALL)
    terms = pull.terms.clone()
    terms[:, 3] *= 100
    assert surrogate.leverage(replace(pull, terms=terms)).argmax() == 3
