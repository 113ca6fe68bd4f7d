import pytest
import torch

from crystallin.nn import departure, refine

from .test_refine import N_CELLS, N_GENES, N_LATENT, as_weight, dense_information, preconditioner, problem

UNIT = torch.eye(N_LATENT)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("kind", ["nb", "poisson", "zinb"])
def test_they_sum_to_the_activity(normalised, kind):
    cells, z, weight = problem(normalised=normalised, kind=kind)
    start = preconditioner(cells, z, weight)
    point = refine(cells, z, weight, start, tolerance=1e-12, max_steps=50)
    for program in range(N_LATENT):
        parts = departure(cells, point.z, weight).of_one(UNIT[program].to(z.dtype), start)
        assert parts.shape == (N_GENES, N_CELLS)
        torch.testing.assert_close(parts.sum(0), point.z[program], atol=1e-4, rtol=1e-4)
    # any combination of activities as well
    direction = torch.linspace(-1, 1, N_LATENT).to(z.dtype)
    parts = departure(cells, point.z, weight).of_one(direction, start)
    torch.testing.assert_close(parts.sum(0), direction @ point.z, atol=2e-4, rtol=1e-4)


def test_as_by_dense_algebra():
    """Weighted least squares of the working response, without a normalisation over genes."""
    cells, z, weight = problem(normalised=False)
    start = preconditioner(cells, z, weight)
    point = refine(cells, z, weight, start, tolerance=1e-12, max_steps=50)
    parts = departure(cells, point.z, weight).of_one(UNIT[1].to(z.dtype), start)
    _, score, information = cells.counts_at(point.z, weight)
    loadings = weight.dense()
    for cell in range(3):
        inverse = torch.linalg.inv(dense_information(cells, point.z, weight, cell))
        response = loadings.T @ point.z[:, cell] + score[:, cell] / information.of_counts[:, cell]
        expected = (inverse[1] @ loadings) * information.of_counts[:, cell] * response
        torch.testing.assert_close(parts[:, cell], expected, atol=1e-5, rtol=1e-3)


def test_genes_outside_matter_only_where_programs_overlap():
    cells, z, _ = problem(normalised=False)
    apart = torch.zeros(N_LATENT, N_GENES, dtype=torch.float64)
    for program in range(N_LATENT):
        apart[program, 7 * program : 7 * program + 7] = 0.5
    weight = as_weight(apart)
    start = preconditioner(cells, z, weight)
    parts = departure(cells, refine(cells, z, weight, start).z, weight).of_one(UNIT[1].to(z.dtype), start)
    assert parts[7:14].abs().min() > 0
    torch.testing.assert_close(parts[14:], torch.zeros_like(parts[14:]))
    torch.testing.assert_close(parts[:7], torch.zeros_like(parts[:7]))
