"""Integrated Hessians against their sums and against a smooth network whose second derivatives autograd has."""

import numpy as np
import torch

from crystallin.nn import attribute, interactions

from .test_attribution import N_GENES, N_LATENT, problem  # noqa: F401 - a fixture

ALL = torch.arange(N_GENES)


def test_they_sum_to_the_change_of_the_output(problem):  # noqa: F811
    reader, x, baseline = problem
    found = interactions(reader, x, baseline, ALL)
    assert found.shape == (N_LATENT, N_GENES, N_GENES)
    torch.testing.assert_close(found.sum((1, 2)), (reader(x) - reader(baseline)).sum(1))
    # a gene's row sums to its integrated gradients (Janizek et al. 2021, section 3)
    torch.testing.assert_close(found.sum(2), attribute(reader, x, baseline, "integrated_gradients"))
    torch.testing.assert_close(found, found.mT)
    some = torch.tensor([4, 0, 9])
    torch.testing.assert_close(interactions(reader, x, baseline, some), found[:, some][:, :, some])


def test_as_by_second_derivatives_of_a_sharp_softplus(problem):  # noqa: F811
    """A softplus with a large slope is nearly a ReLU, and its second derivative is finite."""
    reader, x, baseline = problem
    sharp, x = 40.0, x[:, :1]
    d = (x - baseline)[:, 0]
    t, w = np.polynomial.legendre.leggauss(2_000)
    t, w = torch.tensor(0.5 * (1 + t)), torch.tensor(0.5 * w)
    # the double integral over a b = t is one over t with density -log t
    a = (reader.first @ (baseline + t * d[:, None]) + reader.bias[:, None]) * sharp
    second = (w * -t.log() * t * sharp * a.sigmoid() * (1 - a.sigmoid())).sum(1)
    parts = reader.first * d
    numeric = torch.einsum("ph,h,hi,hj->pij", reader.last, second, parts, parts)
    found = interactions(reader, x, baseline, ALL)
    off = ~torch.eye(N_GENES, dtype=torch.bool)
    assert np.corrcoef(found[:, off].ravel(), numeric[:, off].ravel())[0, 1] > 0.999
    assert float((found - numeric)[:, off].abs().max()) < 0.05 * float(numeric[:, off].abs().max())


def test_without_units_that_turn_there_are_none(problem):  # noqa: F811
    reader, x, baseline = problem
    always_on = type(reader)(reader.skip, reader.first, reader.bias + 100, reader.last)
    found = interactions(always_on, x, baseline, ALL)
    off = ~torch.eye(N_GENES, dtype=torch.bool)
    assert not found[:, off].any()
    torch.testing.assert_close(found.diagonal(dim1=1, dim2=2), attribute(always_on, x, baseline, "gradient_input"))
