"""Are the programs that pp.screen_programs calls awake the ones that do something, and only these?

    python benchmarks/screening.py            # writes benchmarks/results/screening.json and docs/_static/screening.png
    python benchmarks/screening.py --quick    # a small check that writes nothing

Simulated cells, whose true programs are known (a fifth of their members missing, a fifth spurious), with decoys and,
in place of as many random ones, degree-preserving rewired sets; at two depths and seeds, and two false discovery rates.
A true program counts if an oracle that knows all but the activities reaches a reliability of at least .3 (the squared
correlation of its posterior mean with the truth). Real cells, 3,000 variable genes and sets of at least 12 genes
present: Kang (Hallmark, Reactome, GO biological processes) and PBMC 3k (Reactome, GO), screened between all cells alone
and also within types; a rewired collection in the place of each; and the collection itself on cells in which each gene
was shuffled on its own.

Time and memory: 5,000 random sets of 10 to 100 genes on 20,000 genes and 50,000 random cells, 2,000 random sets of each
kind.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import json
import resource
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA, parser, quiet, save, seconds_of, versions, write
from kang import variable_genes
from scaling import random_counts
from scipy import sparse

import crystallin as cr
from crystallin.programs import expression_classes, rewired

RATES = (0.05, 0.10)
SIMULATIONS = [{"depth": depth, "random_state": seed} for depth in (500, 2_000) for seed in (0, 1)]
SMALL = {"n_obs": 1_000, "n_vars": 400, "n_programs": 15, "n_decoys": 15, "program_size": (10, 30)}
RELIABLE = 0.3
REAL = (
    ("kang_ifnb_2800", "hallmark_msigdb_v2025.symbols.gmt"),
    ("kang_ifnb_2800", "reactome_msigdb_v2025.symbols.gmt"),
    ("pbmc3k_2638", "reactome_msigdb_v2025.symbols.gmt"),
    ("kang_ifnb_2800", "gobp_enrichr_2021.symbols.gmt"),
    ("pbmc3k_2638", "gobp_enrichr_2021.symbols.gmt"),
)
MIN_GENES = 12
N_SETS, N_GENES, N_CELLS = 5_000, 20_000, 50_000


def members(sets: sparse.csr_matrix, genes: pd.Index, prefix: str) -> dict[str, list[str]]:
    return {
        f"{prefix} {row + 1}": genes[sets.indices[sets.indptr[row] : sets.indptr[row + 1]]].tolist()
        for row in range(sets.shape[0])
    }


def rewired_sets(adata: ad.AnnData, seed: int) -> dict[str, list[str]]:
    """A collection in which genes and sets of that of ``adata`` keep their degrees, and sets their expression."""
    sets = sparse.csr_matrix(adata.varm["programs"].T)
    classes = expression_classes(np.asarray(adata.X.mean(axis=0)).ravel())
    return members(rewired(sets, classes, np.random.default_rng(seed)), adata.var_names, "rewired")


def awake(adata: ad.AnnData, sets: object, fdr: float = 0.05, **options: object) -> pd.Series:
    """Whether each program is awake, by name."""
    screened = adata.copy()
    cr.pp.add_programs(screened, sets, min_genes=options.pop("min_genes", 5), max_genes=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cr.pp.screen_programs(screened, fdr=fdr, **options)
    return cr.get.programs_df(screened, columns="all")["awake"]


def simulated(setting: dict) -> dict:
    adata = cr.datasets.simulate(**setting)
    truth = adata.obsm["true_activity"]
    mode, _ = cr.datasets.oracle_activity(adata)
    reliability = np.array([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(truth.T, mode.T, strict=True)])
    true = adata.uns["simulation"]["dimensions"]["program"].to_numpy()
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    names = adata.uns["programs"]["names"]
    prior = sparse.csr_matrix(adata.varm["programs"].T)
    sets = {
        str(name): adata.var_names[prior.indices[prior.indptr[i] : prior.indptr[i + 1]]].tolist()
        for i, name in enumerate(names)
    }
    sets |= rewired_sets(adata, setting["random_state"])
    row = {"setting": setting, "reliable_programs": int((reliability >= RELIABLE).sum()), "programs": len(true)}
    for fdr in RATES:
        found = awake(adata, sets, fdr=fdr)
        is_true, is_rewired = found.index.isin(true), found.index.str.startswith("rewired")
        row[f"fdr {fdr:g}"] = {
            "true": round(float(found[is_true].mean()), 3),
            "true_reliable": round(float(found[true[reliability >= RELIABLE]].mean()), 3),
            "decoys": round(float(found[~is_true & ~is_rewired].mean()), 3),
            "rewired": round(float(found[is_rewired].mean()), 3),
            "false_among_awake": round(float((~is_true)[found.to_numpy()].mean()), 3),
        }
    return row


def shuffled(adata: ad.AnnData, seed: int = 0) -> ad.AnnData:
    """Each gene's counts in an order of their own."""
    rng = np.random.default_rng(seed)
    columns = adata.X.tocsc(copy=True)
    for gene in range(adata.n_vars):
        part = slice(columns.indptr[gene], columns.indptr[gene + 1])
        columns.indices[part] = rng.choice(adata.n_obs, part.stop - part.start, replace=False)
    columns.sort_indices()
    result = ad.AnnData(columns.tocsr(), obs=adata.obs.copy(), var=adata.var[[]].copy())
    return result[np.asarray(result.X.sum(axis=1)).ravel() > 0].copy()


def real(data: str, collection: str) -> dict:
    adata = variable_genes(ad.read_h5ad(DATA / f"{data}.h5ad"))
    path = DATA / "genesets" / collection
    cr.pp.add_programs(adata, path, min_genes=MIN_GENES)
    random = rewired_sets(adata, 0)
    options = {"min_genes": MIN_GENES}
    between, seconds = seconds_of(lambda: awake(adata, path, **options))
    both, seconds_within = seconds_of(lambda: awake(adata, path, within="cell_type", **options))
    return {
        "data": data,
        "collection": collection.split(".")[0],
        "genes": adata.n_vars,
        "programs": len(between),
        "awake": int(between.sum()),
        "awake_with_within": int(both.sum()),
        "names_with_within": both.index[both].tolist()[:40],
        "rewired_awake": round(float(awake(adata, random, min_genes=3).mean()), 4),
        "rewired_awake_with_within": round(float(awake(adata, random, within="cell_type", min_genes=3).mean()), 4),
        "shuffled_awake": int(awake(shuffled(adata), path, **options).sum()),
        "seconds": round(seconds, 1),
        "seconds_with_within": round(seconds_within, 1),
    }


def large() -> dict:
    adata = ad.AnnData(random_counts(N_CELLS, N_GENES, 0.05))
    rng = np.random.default_rng(0)
    genes = adata.var_names.to_numpy()
    sets = {f"set {i}": rng.choice(genes, rng.integers(10, 100), replace=False) for i in range(N_SETS)}
    cr.pp.add_programs(adata, sets)
    del sets
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cr.pp.screen_programs(adata)
    return {
        "sets": N_SETS,
        "genes": N_GENES,
        "cells": N_CELLS,
        "counts_gb": round(8 * adata.X.nnz / 1e9, 2),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "peak_gb_before": round(before / 1e6, 2),
        "awake": int(cr.get.programs_df(adata, columns="all")["awake"].sum()),
    }


def main() -> None:
    options = parser("screening")
    args = options.parse_args()
    quiet()
    results: dict = {"versions": versions("scanpy", "numpy"), "fdr": RATES, "min_genes": MIN_GENES}
    results["large"] = None if args.quick else large()
    print(json.dumps(results["large"]), flush=True)
    settings = [{**SMALL, "random_state": 0}] if args.quick else SIMULATIONS
    results["simulated"] = []
    for setting in settings:
        results["simulated"].append(simulated(setting))
        print(json.dumps(results["simulated"][-1]), flush=True)
        write(results, "screening", args)
    results["real"] = []
    for case in REAL[:1] if args.quick else REAL:
        results["real"].append(real(*case))
        print(json.dumps(results["real"][-1]), flush=True)
        write(results, "screening", args)
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    cr.pp.add_programs(adata, DATA / "genesets" / REAL[1][1], min_genes=MIN_GENES)
    cr.pp.screen_programs(adata, within="cell_type")
    save(cr.pl.screen_programs(adata).figure, "screening", args)


if __name__ == "__main__":
    main()
