"""How much do activities depend on the seed, and how much on which cells were sampled?

Cells of Kang et al. (2018, Nat Biotechnol 36:89), prepared as in ``kang.py``, with Hallmark and Reactome. Five seeds
on all cells, and five bootstraps: cells drawn with replacement to train on, at one seed, then activities of all
original cells by that model. Pearson r over cells between the activities of each pair of runs, for each program.

    python benchmarks/stability.py            # writes benchmarks/results/stability.json and docs/_static/stability.png
    python benchmarks/stability.py --quick    # a small check that writes nothing

Programs that vary are those whose activity, averaged over the runs, has a standard deviation of at least .3 over cells.
Copies of one cell may be on both sides of a bootstrap's split into training and validation, so its validation ELBO is
not one of unseen cells. Data: see ``kang.py``.
"""

from __future__ import annotations

import json
import time
import warnings
from itertools import combinations

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import BLUE, DATA, GREY, VERMILION, parser, quiet, save, versions, write
from kang import COLLECTIONS, MIN_GENES, effects, variable_genes
from matplotlib.figure import Figure

import crystallin as cr

N_RUNS, VARIES = 5, 0.3
BARS = {"Hallmark": 0.95, "Reactome": 0.90}
COLOURS = {"seeds": BLUE, "bootstraps": VERMILION}


def resampled(adata: ad.AnnData, seed: int) -> ad.AnnData:
    """As many cells, drawn with replacement."""
    chosen = np.random.default_rng(seed).integers(0, adata.n_obs, adata.n_obs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Observation names are not unique")
        sample = adata[chosen].copy()
    sample.obs_names = [f"{name}/{i}" for i, name in enumerate(sample.obs_names)]
    return sample


def run(adata: ad.AnnData, training: ad.AnnData, seed: int, max_epochs: int | None) -> tuple[pd.DataFrame, dict]:
    """Activities of ``adata`` by a model of ``training``."""
    cr.ProgramVAE.setup_anndata(training)
    model = cr.ProgramVAE(training, random_state=seed)
    start = time.perf_counter()
    model.train(max_epochs=max_epochs, enable_progress_bar=False)
    seconds = time.perf_counter() - start
    activity = pd.DataFrame(model.get_activity(adata), index=adata.obs_names, columns=model.program_names)
    table = effects(adata, activity)
    top = table.abs().idxmax()
    return activity, {
        "epochs": len(model.history["elbo_validation"]),
        "seconds_training": round(seconds, 1),
        "validation_elbo_per_cell": round(float(model.history["elbo_validation"].min().iloc[0]), 2),
        "cell_types": len(top),
        "interferon_first_in": [cell_type for cell_type, name in top.items() if "INTERFERON" in name.upper()],
    }


def agreement(activities: list[pd.DataFrame]) -> pd.DataFrame:
    """Programs x pairs of runs: r over cells."""
    pairs = combinations(range(len(activities)), 2)
    # a program without variation agrees with nothing
    return pd.DataFrame({f"{i} and {j}": activities[i].corrwith(activities[j]).fillna(0) for i, j in pairs})


def summary(r: pd.DataFrame, activities: list[pd.DataFrame]) -> dict:
    mean = sum(activities) / len(activities)
    varies = mean.std() >= VARIES
    row = {"programs": len(r), "programs_that_vary": int(varies.sum())}
    for suffix, part in (("", r), ("_of_programs_that_vary", r[varies])):
        values = part.to_numpy().ravel()
        row[f"r_median{suffix}"] = round(float(np.median(values)), 3) if len(values) else None
        row[f"r_10th_percentile{suffix}"] = round(float(np.quantile(values, 0.1)), 3) if len(values) else None
    return row


def draw(agreements: dict[str, dict[str, pd.DataFrame]]) -> Figure:
    figure, axes = plt.subplots(1, len(agreements), figsize=(10, 3.8), layout="constrained", sharey=True)
    for ax, (title, kinds) in zip(axes, agreements.items(), strict=True):
        for kind, r in kinds.items():
            values = r.to_numpy().ravel()
            median = float(np.median(values))
            style = "-" if kind == "seeds" else "--"
            ax.ecdf(values, color=COLOURS[kind], linestyle=style, label=f"{kind}, median {median:.3f}")
            ax.plot(median, 0.5, "o" if kind == "seeds" else "s", color=COLOURS[kind])
        low = min(float(np.quantile(r.to_numpy(), 0.02)) for r in kinds.values())
        ax.axvline(BARS[title], color=GREY, linewidth=1, linestyle=":", label=f"bar for the median, {BARS[title]:g}")
        ax.set(xlim=(min(low, 0.85), 1.005), xlabel="r between two runs", title=f"{title} ({len(r)} programs)")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8, loc="upper left")
    axes[0].set_ylabel("share of programs and pairs of runs")
    return figure


def main() -> None:
    args = parser("stability").parse_args()
    mpl.use("agg")
    quiet()
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    if args.quick:
        adata = adata[np.random.default_rng(0).choice(adata.n_obs, 700, replace=False)].copy()
    n_runs, max_epochs = (2, 3) if args.quick else (N_RUNS, None)
    results: dict = {
        "versions": versions("scvi-tools", "torch"),
        "bars": BARS,
        "cells": adata.n_obs,
        "genes": adata.n_vars,
    }
    agreements: dict[str, dict[str, pd.DataFrame]] = {}
    for title, file in COLLECTIONS.items():
        cr.pp.add_programs(adata, DATA / "genesets" / file, min_genes=MIN_GENES)
        trainings = {
            "seeds": [(adata.copy(), seed) for seed in range(n_runs)],
            "bootstraps": [(resampled(adata, seed), 0) for seed in range(n_runs)],
        }
        results[title], agreements[title] = {}, {}
        for kind, samples in trainings.items():
            activities, rows = [], []
            for i, (training, seed) in enumerate(samples):
                activity, row = run(adata, training, seed, max_epochs)
                activities.append(activity)
                rows.append(row)
                print(title, kind, i, json.dumps(row), flush=True)
            r = agreements[title][kind] = agreement(activities)
            results[title][kind] = {
                **summary(r, activities),
                "interferon_first_in_every_type_and_run": all(
                    len(row["interferon_first_in"]) == row["cell_types"] for row in rows
                ),
                "runs": rows,
            }
            short = {key: value for key, value in results[title][kind].items() if key != "runs"}
            print(title, kind, json.dumps(short), flush=True)
        results[title]["bar_met"] = results[title]["seeds"]["r_median"] >= BARS[title]
    write(results, "stability", args)
    save(draw(agreements), "stability", args)


if __name__ == "__main__":
    main()
