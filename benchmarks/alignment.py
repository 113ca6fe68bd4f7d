"""Time and memory of aligning a large collection, against a plain Python loop that fills a matrix and nothing else.

python benchmarks/alignment.py       # writes benchmarks/results/alignment.json
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from _common import parser, versions, write
from scipy import sparse

from crystallin.programs import align, read_gene_sets

N_SETS, N_GENES, RUNS = 5_000, 20_000, 5


def loop(sets: dict[str, list[str]], genes: list[str]) -> sparse.csr_matrix:
    position = {gene: i for i, gene in enumerate(genes)}
    matrix = sparse.lil_matrix((len(genes), len(sets)), dtype=np.float32)
    for column, members in enumerate(sets.values()):
        for gene in members:
            if gene in position:
                matrix[position[gene], column] = 1
    return matrix.tocsr()


def measure(work: Callable[[], object]) -> dict[str, float]:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"seconds": round(float(np.median(seconds)), 2), "peak_mb": round(peak / 1e6)}


def main() -> None:
    args = parser("alignment").parse_args()
    n_sets = 50 if args.quick else N_SETS
    rng = np.random.default_rng(0)
    genes = [f"GENE{i}" for i in range(N_GENES)]
    sets = {
        f"SET_{i}": [genes[j] for j in rng.choice(N_GENES, rng.integers(10, 200), replace=False)] for i in range(n_sets)
    }
    ours = align(read_gene_sets(sets), genes, min_genes=5, max_genes=None)
    if (ours.matrix != loop(sets, genes)).nnz:
        raise RuntimeError("The two ways disagree.")
    runs = {
        "crystallin": measure(lambda: align(read_gene_sets(sets), genes, min_genes=5, max_genes=None)),
        "loop": measure(lambda: loop(sets, genes)),
    }
    results = {
        "versions": versions("scipy", "pandas"),
        "n_sets": n_sets,
        "n_genes": N_GENES,
        "n_edges": int(ours.matrix.nnz),
        "runs": runs,
        "ratio_of_seconds": round(runs["crystallin"]["seconds"] / runs["loop"]["seconds"], 2),
    }
    print(json.dumps(results))
    write(results, "alignment", args)


if __name__ == "__main__":
    main()
