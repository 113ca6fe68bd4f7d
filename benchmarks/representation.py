"""Which representation of sparse loadings multiplies a minibatch soonest?

Milliseconds of a product of loadings, genes x programs with a given share of edges, with the activities of a minibatch,
forward and backward (the derivatives by the loadings and by the activities), as

* dense: the loadings are put into a programs x genes matrix, which is multiplied (``Edges.dense(values).T @ z``);
* sparse: torch's CSR, with ``torch.sparse.sampled_addmm`` for the derivative by the loadings;
* gathered: weighted sums along the edges (``embedding_bag``), which is what the package does below
  ``crystallin.nn._edges.DENSE_FROM`` on a CPU.

    python benchmarks/representation.py            # writes benchmarks/results/representation.json
    python benchmarks/representation.py --quick    # a small check that writes nothing

The crossover is the share of edges from which dense is quicker, interpolated on log-log axes. Medians of five. Left out
is what would need more than 8 GB, or more than 20 s according to the share of edges before.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _common import parser, versions, write

from crystallin.nn import Edges
from crystallin.nn import _edges as ours

FULL = {
    "shapes": ((50, 2_000), (200, 2_000), (1_000, 5_000), (5_000, 20_000)),
    "shares": (0.01, 0.03, 0.1, 0.2, 0.3, 0.5),
    "cells": (128, 1_024),
}
QUICK = {"shapes": ((50, 2_000), (200, 2_000)), "shares": (0.03, 0.2), "cells": (128,)}
RUNS, MAX_SECONDS, MAX_BYTES = 5, 20.0, 8e9
REPRESENTATIONS = ("dense", "sparse", "gathered")


def random_edges(n_programs: int, n_genes: int, share: float, rng: np.random.Generator) -> Edges:
    rows = [np.flatnonzero(rng.random(n_genes, dtype=np.float32) < share) for _ in range(n_programs)]
    program = np.repeat(np.arange(n_programs), [len(row) for row in rows])
    gene = torch.from_numpy(np.concatenate(rows))
    return Edges(gene, torch.from_numpy(program), torch.ones(len(gene)), n_genes=n_genes, n_programs=n_programs)


class Sparse(torch.autograd.Function):
    """Product of a CSR matrix, given by its values and its order, and a dense one."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, z: torch.Tensor, there: CSR, back: CSR) -> torch.Tensor:
        ctx.save_for_backward(values, z)
        ctx.there, ctx.back = there, back
        return torch.sparse.mm(there.matrix(values), z)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        values, z = ctx.saved_tensors
        pattern = ctx.there.matrix(torch.zeros_like(values))
        by_values = torch.empty_like(values)
        by_values[ctx.there.edge] = torch.sparse.sampled_addmm(pattern, gradient, z.T, beta=0.0).values()
        return by_values, torch.sparse.mm(ctx.back.matrix(values), gradient), None, None


class CSR:
    """Where the edges stand in a CSR matrix; indices of 32 bits, which is what MKL multiplies with."""

    def __init__(self, order: Any, shape: tuple[int, int]) -> None:
        end = torch.tensor([len(order.column)])
        self.start = torch.cat([order.start, end]).int()
        self.column, self.edge, self.shape = order.column.int(), order.edge, shape

    def matrix(self, values: torch.Tensor) -> torch.Tensor:
        return torch.sparse_csr_tensor(self.start, self.column, values[self.edge], self.shape, check_invariants=False)


def product(representation: str, edges: Edges) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Function of values and activities, programs x cells, to genes x cells."""
    if representation == "dense":
        return lambda values, z: edges.dense(values).T @ z
    if representation == "sparse":
        n_programs, n_genes = edges.shape
        there, back = CSR(edges.by_gene, (n_genes, n_programs)), CSR(edges.by_program, (n_programs, n_genes))
        return lambda values, z: Sparse.apply(values, z, there, back)
    return lambda values, z: ours._Product.apply(values, z, edges.by_gene, edges.by_program)


def n_bytes(n_programs: int, n_genes: int, share: float, n_cells: int, representation: str) -> float:
    """About what is needed: the edges in both orders; matrix, gradient and a copy; a few genes x cells matrices."""
    n_edges = share * n_programs * n_genes
    own = {"dense": 12 * n_programs * n_genes, "sparse": 48 * n_edges, "gathered": 16 * n_edges}[representation]
    return 80 * n_edges + own + 16 * n_genes * n_cells


def measure(
    work: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], values: torch.Tensor, z: torch.Tensor, n_genes: int
) -> tuple[dict[str, float], tuple[torch.Tensor, torch.Tensor]]:
    """Milliseconds forward and backward, and the derivatives."""
    gradient = torch.randn(n_genes, z.shape[1], generator=torch.Generator().manual_seed(0))
    forward, backward = [], []
    for run in range(1 + RUNS):
        start = time.perf_counter()
        genes = work(values, z)
        middle = time.perf_counter()
        derivatives = torch.autograd.grad(genes, (values, z), gradient)
        end = time.perf_counter()
        # the first run warms up, unless it is long
        if run or end - start > 2:
            forward.append(middle - start)
            backward.append(end - middle)
        if sum(forward) + sum(backward) > MAX_SECONDS:
            break
    ms = {"forward_ms": 1e3 * float(np.median(forward)), "backward_ms": 1e3 * float(np.median(backward))}
    return {**{key: round(value, 3) for key, value in ms.items()}, "ms": round(sum(ms.values()), 3)}, derivatives


def check_same(reference: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> None:
    for a, b in zip(reference, other, strict=True):
        if float((a - b).abs().max()) > 1e-3 * float(a.abs().max()):
            raise RuntimeError("Two representations disagree.")


def rows_of(n_programs: int, n_genes: int, shares: tuple[float, ...], sizes: tuple[int, ...]) -> list[dict]:
    rng = np.random.default_rng(0)
    rows, last = [], {}
    for share in shares:
        edges = None
        for n_cells in sizes:
            row = {"programs": n_programs, "genes": n_genes, "cells": n_cells, "share_of_edges": share}
            found = None
            for representation in REPRESENTATIONS:
                before = last.get((n_cells, representation))
                # dense takes as long whatever the share
                growth = 1 if before is None or representation == "dense" else share / before[0]
                expected = 0 if before is None else growth * before[1]
                if expected > MAX_SECONDS or n_bytes(n_programs, n_genes, share, n_cells, representation) > MAX_BYTES:
                    continue
                edges = random_edges(n_programs, n_genes, share, rng) if edges is None else edges
                generator = torch.Generator().manual_seed(0)
                values = torch.rand(len(edges), generator=generator).requires_grad_()
                z = torch.randn(n_programs, n_cells, generator=generator).requires_grad_()
                row[representation], derivatives = measure(product(representation, edges), values, z, n_genes)
                last[n_cells, representation] = (share, row[representation]["ms"] / 1e3)
                if found is not None:
                    check_same(found, derivatives)
                found = derivatives
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def crossover(rows: list[dict], other: str) -> dict[str, float | str | None]:
    """Share of edges from which dense is quicker than the other representation."""
    both = [row for row in rows if "dense" in row and other in row]
    if not both:
        return {"share": None, "says": "not measured"}
    share = np.array([row["share_of_edges"] for row in both])
    ratio = np.log([row[other]["ms"] / row["dense"]["ms"] for row in both])
    if ratio[0] > 0:
        return {"share": None, "says": f"below {share[0]:g}"}
    if (ratio <= 0).all():
        return {"share": None, "says": f"above {share[-1]:g}"}
    # the last share at which the other one is quicker
    i = int(np.flatnonzero(ratio <= 0)[-1])
    if i + 1 == len(ratio):
        return {"share": None, "says": f"above {share[-1]:g}"}
    at = math.exp(np.interp(0, ratio[[i, i + 1]], np.log(share[[i, i + 1]])))
    return {"share": round(at, 3), "says": f"{at:.2g}"}


def main() -> None:
    args = parser("representation").parse_args()
    # torch calls its CSR a beta
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
    sizes = QUICK if args.quick else FULL
    results: dict = {
        "versions": versions("torch"),
        "threads": torch.get_num_threads(),
        "dense_from": ours.DENSE_FROM,
        "rows": [],
        "crossover": [],
    }
    for n_programs, n_genes in sizes["shapes"]:
        rows = rows_of(n_programs, n_genes, sizes["shares"], sizes["cells"])
        results["rows"] += rows
        for n_cells in sizes["cells"]:
            chosen = [row for row in rows if row["cells"] == n_cells]
            result = {
                "programs": n_programs,
                "genes": n_genes,
                "cells": n_cells,
                **{f"dense_over_{other}": crossover(chosen, other) for other in ("gathered", "sparse")},
            }
            results["crossover"].append(result)
            print("crossover", json.dumps(result), flush=True)
    write(results, "representation", args)


if __name__ == "__main__":
    main()
