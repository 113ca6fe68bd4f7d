"""Sparse products against dense ones."""

import pytest
import torch
from scipy import sparse

from crystallin.nn import Edges, _edges

N_PROGRAMS, N_GENES, N_CELLS = 6, 30, 7


@pytest.fixture(params=["along the edges", "dense"])
def edges(request, monkeypatch):
    """Edges in no order, with a gene and a program that have none."""
    monkeypatch.setattr(_edges, "DENSE_FROM", 0.0 if request.param == "dense" else 1.1)
    generator = torch.Generator().manual_seed(0)
    there = torch.rand(N_PROGRAMS, N_GENES, generator=generator) < 0.3
    there[3], there[:, 5] = False, False
    program, gene = there.nonzero(as_tuple=True)
    order = torch.randperm(len(gene), generator=generator)
    made = Edges(gene[order], program[order], torch.ones(len(gene)), n_genes=N_GENES, n_programs=N_PROGRAMS)
    assert made.dense_pays == (request.param == "dense")
    return made


def matrices(edges):
    generator = torch.Generator().manual_seed(1)
    shapes = (len(edges),), (N_PROGRAMS, N_CELLS), (N_GENES, N_CELLS)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_dense_is_scipys(edges):
    values, *_ = matrices(edges)
    expected = sparse.coo_array((values.detach(), (edges.program, edges.gene)), shape=edges.shape).toarray()
    torch.testing.assert_close(edges.dense(values).detach(), torch.as_tensor(expected))


@pytest.mark.parametrize("towards", ["genes", "programs"])
def test_products_and_their_derivatives_are_the_dense_ones(edges, towards):
    values, programs, genes = matrices(edges)
    if towards == "genes":
        product, expected, operand = edges.to_genes(values, programs), edges.dense(values).T @ programs, programs
    else:
        product, expected, operand = edges.to_programs(values, genes), edges.dense(values) @ genes, genes
    torch.testing.assert_close(product, expected)
    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ours = torch.autograd.grad(product, (values, operand), direction)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, (values, operand), direction))


def test_inner_products(edges):
    _, programs, genes = matrices(edges)
    expected = (programs @ genes.T)[edges.program, edges.gene]
    torch.testing.assert_close(edges.inner(programs, genes), expected)


def test_very_large_priors_are_never_made_dense():
    index = torch.arange(100)
    edges = Edges(index, index, torch.ones(100), n_genes=20_000, n_programs=5_000)
    assert not edges.dense_pays
