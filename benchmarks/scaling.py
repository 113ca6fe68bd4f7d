"""How do time and memory grow with cells, programs and genes?

Seconds of a training epoch (the second of two; minibatches of 128) and of the activities of all cells with standard
deviations, and the peak memory of the whole process, each size in a process of its own. Counts are Poisson around
log-normal means of genes, sets are random: this measures the machine's work, not what is learnt.

    python benchmarks/scaling.py            # writes benchmarks/results/scaling.json and docs/_static/scaling.png
    python benchmarks/scaling.py --quick    # a small check that writes nothing

* cells: 1,000 to 200,000 x 2,000 genes, 200 programs; the largest also from disk (backed h5ad).
* programs: 50 to 5,000 of 50 genes each, 5,000 cells x 20,000 genes.
* genes: 1,000 to 20,000, 5,000 cells, 200 programs.

Slopes are those of least squares on log-log axes, 1 being proportional: against cells, against the edges of the prior
over the upper half of the programs, and against genes. For memory they are of what comes on top of the imports, which
take the same whatever the size.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from _common import BLACK, BLUE, VERMILION, parser, quiet, save, versions, write
from matplotlib.figure import Figure
from scipy import sparse
from scipy.optimize import brentq
from training import EpochClock, counts_mb, peak_mb

import crystallin as cr

BASE = {"cells": 5_000, "genes": 2_000, "programs": 200, "share_of_counts_not_zero": 0.06, "backed": False}
LARGE = {**BASE, "genes": 20_000, "share_of_counts_not_zero": 0.03}
FULL = {
    "cells": [
        *({**BASE, "cells": n} for n in (1_000, 3_000, 10_000, 30_000, 100_000, 200_000)),
        {**BASE, "cells": 200_000, "backed": True},
    ],
    "programs": [{**LARGE, "programs": n} for n in (50, 200, 500, 1_000, 2_000, 5_000)],
    "genes": [{**BASE, "genes": n} for n in (1_000, 2_000, 5_000, 10_000)] + [LARGE],
}
SMALL = {**BASE, "cells": 600, "genes": 400, "programs": 20}
QUICK = {
    "cells": [*({**SMALL, "cells": n} for n in (300, 900)), {**SMALL, "cells": 900, "backed": True}],
    "programs": [{**SMALL, "programs": n} for n in (10, 20, 40)],
    "genes": [{**SMALL, "genes": n} for n in (400, 800)],
}
SET_SIZE, CHUNK = 50, 2**24
COLOURS = {"seconds_per_epoch": BLUE, "seconds_activity_with_sd": VERMILION, "peak_mb": BLACK}
GROWING = ("seconds_per_epoch", "seconds_activity_with_sd", "mb_beyond_imports")
LABELS = {
    "seconds_per_epoch": "training, one epoch",
    "seconds_activity_with_sd": "activities with sd",
    "peak_mb": "peak memory",
}


def random_counts(
    n_cells: int, n_genes: int, share_not_zero: float, device: str = "cpu", seed: int = 0
) -> sparse.csr_matrix:
    """Poisson counts around log-normal means of genes and depths of cells, float32, drawn some cells at a time."""
    rng = np.random.default_rng(seed)
    gene = rng.lognormal(0, 1.5, n_genes)
    scale = brentq(lambda log: (1 - np.exp(-np.exp(log) * gene)).mean() - share_not_zero, -20, 10)
    mean = torch.tensor(np.exp(scale) * gene, dtype=torch.float32, device=device)
    generator = torch.Generator(device).manual_seed(seed)
    columns, values, sizes = [], [], []
    step = max(1, CHUNK // n_genes)
    for start in range(0, n_cells, step):
        depth = torch.randn(min(step, n_cells - start), generator=generator, device=device).mul_(0.3).exp_()
        counts = torch.poisson(torch.outer(depth, mean), generator=generator)
        # a cell without counts is none
        counts[:, 0].clamp_(min=1)
        cell, column = counts.nonzero(as_tuple=True)
        columns.append(column.int().cpu().numpy())
        values.append(counts[cell, column].cpu().numpy())
        sizes.append(torch.bincount(cell, minlength=len(counts)).cpu().numpy())
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    if indptr[-1] < 2**31:
        indptr = indptr.astype(np.int32)
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), indptr), shape=(n_cells, n_genes))


def random_cells(n_cells: int, n_genes: int, n_programs: int, share_not_zero: float, device: str = "cpu") -> ad.AnnData:
    """Random counts with random sets of 50 genes each."""
    adata = ad.AnnData(random_counts(n_cells, n_genes, share_not_zero, device))
    rng = np.random.default_rng(1)
    genes = adata.var_names.to_numpy()
    sets = {f"set {i}": genes[rng.choice(n_genes, SET_SIZE, replace=False)] for i in range(n_programs)}
    cr.pp.add_programs(adata, sets)
    return adata


def one(setting: dict) -> dict:
    """One size, in this process."""
    quiet()
    imports = peak_mb()
    adata = ad.read_h5ad(setting["path"], backed="r" if setting["backed"] else None)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    clock = EpochClock()
    start = time.perf_counter()
    model.train(max_epochs=2, callbacks=[clock], enable_progress_bar=False)
    trained = time.perf_counter()
    after_training = peak_mb()
    model.get_activity(return_sd=True)
    return {
        "seconds_per_epoch": round(clock.seconds[1], 3),
        "seconds_before_epochs": round(clock.end - start - sum(clock.seconds), 2),
        "seconds_after_epochs": round(trained - clock.end, 2),
        "epochs_of_last_stage": len(model.history.get("reconstruction_loss_posterior", ())),
        "seconds_activity_with_sd": round(time.perf_counter() - trained, 3),
        "peak_mb_training": after_training,
        "peak_mb": peak_mb(),
        "mb_beyond_imports": peak_mb() - imports,
    }


def measure(setting: dict, folder: Path) -> dict:
    path = folder / "cells.h5ad"
    size = {key: setting[key] for key in ("cells", "genes", "programs")}
    adata = random_cells(*size.values(), setting["share_of_counts_not_zero"])
    adata.write_h5ad(path)
    row = {
        **size,
        "backed": setting["backed"],
        "edges": int(adata.varm["programs"].nnz),
        "share_of_counts_not_zero": round(adata.X.nnz / (adata.n_obs * adata.n_vars), 3),
        "counts_mb": counts_mb(adata),
    }
    del adata
    work = json.dumps({"path": str(path), "backed": setting["backed"]})
    child = subprocess.run([sys.executable, __file__, "--one", work], stdout=subprocess.PIPE, text=True, check=True)
    (answer,) = (line for line in child.stdout.splitlines() if line.startswith("{"))
    return row | json.loads(answer)


def slope(rows: list[dict], by: str) -> dict[str, float]:
    """Exponents by which times and memory grow with ``by``."""
    rows = [row for row in rows if not row["backed"]]
    x = np.log([row[by] for row in rows])
    return {key: round(float(np.polyfit(x, np.log([row[key] for row in rows]), 1)[0]), 2) for key in GROWING}


def draw(panels: dict[str, list[dict]]) -> Figure:
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        memory = ax.twinx()
        for key, label in LABELS.items():
            one_ax = memory if key == "peak_mb" else ax
            style = {"color": COLOURS[key], "marker": "s" if key == "peak_mb" else "o", "markersize": 4}
            style["linestyle"] = "--" if key == "peak_mb" else "-"
            there = [row for row in rows if not row["backed"]]
            unit = 1e3 if key == "peak_mb" else 1
            one_ax.plot([row[title] for row in there], [row[key] / unit for row in there], label=label, **style)
            disk = [row for row in rows if row["backed"]]
            if disk:
                style |= {"linestyle": "none", "markerfacecolor": "white", "markersize": 7}
                one_ax.plot([row[title] for row in disk], [row[key] / unit for row in disk], **style)
        for one_ax in (ax, memory):
            one_ax.set(xscale="log", yscale="log")
            one_ax.spines[["top"]].set_visible(False)
        first = rows[0]
        others = [f"{first[key]:,} {key}" for key in ("cells", "genes", "programs") if key != title]
        ax.set_title(" × ".join(others), fontsize=10)
        ax.set(xlabel=title, ylabel="seconds")
        memory.set_ylabel("peak memory, GB")
        memory.set_ylim(0.1, 2 * max(10, *(row["peak_mb"] / 1e3 for row in rows)))
        handles, labels = (a + b for a, b in zip(*(x.get_legend_handles_labels() for x in (ax, memory)), strict=True))
        if any(row["backed"] for row in rows):
            handles.append(plt.Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="none"))
            labels.append("from disk")
        ax.legend(handles, labels, fontsize=8, frameon=False, loc="upper left")
        low, high = ax.get_ylim()
        # room for the legend
        ax.set_ylim(low, high * (high / low) ** 0.4)
    return figure


def main() -> None:
    options = parser("scaling")
    options.add_argument("--one", type=json.loads, help="used by the script itself")
    args = options.parse_args()
    if args.one:
        print("\n" + json.dumps(one(args.one)), flush=True)
        return
    mpl.use("agg")
    panels: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in (QUICK if args.quick else FULL).items():
            panels[name] = []
            for setting in settings:
                row = measure(setting, Path(folder))
                panels[name].append(row)
                print(name, json.dumps(row), flush=True)
    upper = panels["programs"][len(panels["programs"]) // 2 :]
    slopes = {
        "cells": slope(panels["cells"], "cells"),
        "edges, upper half of the programs": slope(upper, "edges"),
        "genes": slope(panels["genes"], "genes"),
    }
    print("slopes", json.dumps(slopes))
    results = {
        "versions": versions("scvi-tools", "lightning", "torch"),
        "threads": torch.get_num_threads(),
        "slopes": slopes,
        "panels": panels,
    }
    write(results, "scaling", args)
    save(draw(panels), "scaling", args)


if __name__ == "__main__":
    main()
