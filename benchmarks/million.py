"""Can a million cells be trained on, read and compared on two cores, with counts that stay on disk?

A million simulated cells x 2,000 genes (100 true programs and 100 decoys, six donors, two conditions, eight types) in a
zarr store, compressed as anndata writes it. Each step runs in a process of its own, so that its peak memory is its own:

* fit: ``cr.fit(path, sets)``: setup, training with its defaults, activities in both readings with standard deviations,
  written to the store, loadings;
* ranking: ``tl.rank_programs_groups`` of the conditions across donors, within each type;
* attributions: ``tl.attributions`` of the refined activity, all programs, by type, with their default tolerance;
* ulm: decoupler's univariate linear model, the score that people would run instead, on log-normalised counts in memory.
  It has no uncertainty but a t value per cell, no correction for overlap, and no comparison across donors.

    python benchmarks/million.py            # writes benchmarks/results/million.json
    python benchmarks/million.py --folder F # the same, and keeps the store there
    python benchmarks/million.py --folder F --only ulm    # one step again
    python benchmarks/million.py --quick    # a small check that writes nothing

Peak memory is that of the whole process (Python and torch take about 500 MB of it), including pages of mapped files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata as ad
import pandas as pd
from _common import RESULTS, parser, quiet, seconds_of, versions, write
from training import peak_mb

import crystallin as cr

STEPS = ("fit", "ranking", "attributions", "ulm")
BAR_MB = 4_096


def simulated(n_cells: int, n_genes: int, folder: Path) -> None:
    """Write the store and the sets."""
    options = {"n_donors": 6, "conditions": ("ctrl", "stim"), "depth": 220}
    if n_genes < 2_000:
        options |= {"n_programs": 10, "n_decoys": 10, "program_size": (10, 30)}
    data = cr.datasets.simulate(n_cells, n_genes, **options)
    data.uns["simulation"]["annotation"].to_csv(folder / "sets.csv", index=False)
    truth = pd.DataFrame(data.obsm["true_activity"], columns=data.uns["simulation"]["dimensions"]["program"])
    some = truth.iloc[:: max(len(truth) // 10_000, 1)].reset_index(drop=True)
    some.astype("float32").to_parquet(folder / "truth.parquet")
    ad.AnnData(data.X, obs=data.obs[["cell_type", "condition", "donor"]], var=data.var[[]]).write_zarr(
        folder / "cells.zarr"
    )


def r_with_truth(folder: Path, estimate: pd.DataFrame) -> float:
    """Median correlation over the true programs, for the cells whose truth was kept."""
    truth = pd.read_parquet(folder / "truth.parquet")
    return round(float(truth.corrwith(estimate[truth.columns].reset_index(drop=True)).median()), 3)


def fit(folder: Path) -> dict:
    marks: dict[str, float] = {}
    train, activity = cr.ProgramVAE.train, cr.tl.activity

    def timed_training(self: cr.ProgramVAE, *args: object, **kwargs: object) -> None:
        _, marks["seconds_training"] = seconds_of(lambda: train(self, *args, **kwargs))

    cr.ProgramVAE.train = timed_training
    model, seconds = seconds_of(lambda: cr.fit(folder / "cells.zarr", pd.read_csv(folder / "sets.csv")))
    adata = model.adata
    _, seconds_again = seconds_of(lambda: activity(adata, model))
    model.save(folder / "model", overwrite=True)
    rows = adata.obsm["X_programs"][:: max(adata.n_obs // 10_000, 1)]
    r = r_with_truth(folder, pd.DataFrame(rows, columns=model.program_names))
    adata.close()
    return {
        "seconds": round(seconds, 1),
        "seconds_training": round(marks["seconds_training"], 1),
        "seconds_activities": round(seconds_again, 1),
        "epochs": len(model.history["elbo_validation"]),
        "r_with_truth_median": r,
    }


def ranking(folder: Path) -> dict:
    with cr.open_store(folder / "cells.zarr") as adata:
        model = cr.ProgramVAE.load(folder / "model", adata)
        _, seconds = seconds_of(
            lambda: cr.tl.rank_programs_groups(
                adata, model, "condition", reference="ctrl", sample_key="donor", within="cell_type"
            )
        )
        cr.update_store(adata)
        return {"seconds": round(seconds, 1), "rows": len(cr.get.rank_programs_groups_df(adata, None, columns="all"))}


def attributions(folder: Path) -> dict:
    with cr.open_store(folder / "cells.zarr") as adata:
        model = cr.ProgramVAE.load(folder / "model", adata)
        _, seconds = seconds_of(lambda: cr.tl.attributions(adata, model, groupby="cell_type"))
        cr.update_store(adata)
        return {"seconds": round(seconds, 1), "groups": adata.obs["cell_type"].nunique()}


def ulm(folder: Path) -> dict:
    import decoupler as dc
    import scanpy as sc

    start = time.perf_counter()
    adata = ad.read_zarr(folder / "cells.zarr")
    adata = ad.AnnData(adata.X, obs=adata.obs[[]], var=adata.var[[]])
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    prepared = time.perf_counter() - start
    sets = pd.read_csv(folder / "sets.csv")[["source", "target"]].drop_duplicates()
    _, seconds = seconds_of(lambda: dc.mt.ulm(adata, sets.assign(weight=1.0)))
    r = r_with_truth(folder, adata.obsm["score_ulm"].iloc[:: max(adata.n_obs // 10_000, 1)])
    return {
        "seconds": round(seconds, 1),
        "seconds_to_read_and_normalise": round(prepared, 1),
        "r_with_truth_median": r,
    }


def one(step: str, folder: Path) -> None:
    quiet()
    result = {"fit": fit, "ranking": ranking, "attributions": attributions, "ulm": ulm}[step](folder)
    print(json.dumps(result | {"peak_mb": peak_mb()}), flush=True)


def main() -> None:
    options = parser("million")
    options.add_argument("--one", nargs=2, help="used by the script itself")
    options.add_argument("--cells", type=int, default=1_000_000)
    options.add_argument("--only", choices=STEPS, help="this step again, the others as they were; needs --folder")
    options.add_argument("--folder", type=Path, help="keep the store here, and use the one that is there")
    args = options.parse_args()
    if args.one:
        one(args.one[0], Path(args.one[1]))
        return
    quiet()
    n_cells, n_genes = (3_000, 300) if args.quick else (args.cells, 2_000)
    folder = args.folder or Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    if not (folder / "cells.zarr").exists():
        simulated(n_cells, n_genes, folder)
    results: dict = {
        "versions": versions("anndata", "decoupler", "scvi-tools", "torch", "zarr"),
        "threads": os.cpu_count(),
        "bar_mb": BAR_MB,
        "cells": n_cells,
        "genes": n_genes,
        "programs": int(pd.read_csv(folder / "sets.csv")["source"].nunique()),
        "store_mb": round(sum(path.stat().st_size for path in (folder / "cells.zarr").rglob("*")) / 1e6),
        "steps": json.loads((RESULTS / "million.json").read_text())["steps"] if args.only else {},
    }
    for step in [args.only] if args.only else STEPS:
        done = subprocess.run(
            [sys.executable, __file__, "--one", step, str(folder)], stdout=subprocess.PIPE, text=True, check=False
        )
        said = [line for line in done.stdout.splitlines() if line.startswith("{")]
        results["steps"][step] = json.loads(said[-1]) if said else {"failed": f"exit status {done.returncode}"}
        print(step, json.dumps(results["steps"][step]), flush=True)
        write(results, "million", args)
    if args.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
