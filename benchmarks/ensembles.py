"""Do intervals of ensembles hold, what do refits cost, and do calls that most fits make replicate?

    python benchmarks/ensembles.py                    # writes benchmarks/results/ensembles.json and a figure
    python benchmarks/ensembles.py --only intervals   # one part again, the others as they were
    python benchmarks/ensembles.py --quick            # a small check that writes nothing

* intervals: simulated cells x 1,000 genes, 60 true programs and six further pairs of near twins (Jaccard index .9 of
  the true sets), 40 decoys. Share of cells and true programs whose true activity lies within mean +- z sd, minus the
  nominal share, of a single model and of an ensemble of five fits, twins apart; median correlation of the activities of
  the first fit, and of the mean over fits, with the truth; seconds of the ensemble with its first fit, over those of
  the first fit; peak memory of the process.
* steps: the same at 2,000 cells with refits of different length, and the log-likelihood of the cells that a refit has
  not seen (per cell, at their modes, minus that of the first fit).
* replication: 24 samples in two conditions with large effects, halved. An ensemble of one half, and differences between
  conditions within types in both halves. Differences that the first fit calls (q <= .05), by the share of fits that
  call them: how many are true, and how many the single model of the other half calls in the same direction.
* kang: cells of Kang et al. (2018, Nat Biotechnol 36:89), prepared as in kang.py: correlations between the first fit
  and refits to halves of the cells and of the donors, for programs that vary (sd of .3 or more) and for all.
"""

from __future__ import annotations

import json
from argparse import Namespace

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _common import BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, seconds_of, versions, write
from _differences import SMALL, simulated_cells, with_truth
from kang import COLLECTIONS, MIN_GENES, variable_genes
from matplotlib.figure import Figure
from scipy.stats import norm
from training import peak_mb

import crystallin as cr

LEVELS = (0.5, 0.8, 0.9, 0.95)
N_FITS = 5
BARS = {"coverage": 0.03, "coverage_of_twins": 0.05, "seconds_over_single": 2.5}
TWINS = (0.9,) * 6
VARIES = 0.3


def simulated(n_cells: int, seed: int, quick: bool) -> ad.AnnData:
    size = {"n_programs": 20, "n_decoys": 5, "program_size": (10, 30)} if quick else {"n_programs": 60, "n_decoys": 40}
    adata = cr.datasets.simulate(n_cells, 300 if quick else 1_000, twins=TWINS, random_state=seed, **size)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    return adata


def first_fit(adata: ad.AnnData, quick: bool) -> cr.ProgramVAE:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=4 if quick else None, enable_progress_bar=False)
    return model


class Truth:
    """True activities of a simulation."""

    def __init__(self, adata: ad.AnnData, model: cr.ProgramVAE) -> None:
        dimensions = adata.uns["simulation"]["dimensions"]
        self.z = adata.obsm["true_activity"]
        self.columns = pd.Index(model.program_names).get_indexer(dimensions["program"])
        self.groups = {"programs": (dimensions["kind"] != "twin").to_numpy()}
        self.groups["twins"] = ~self.groups["programs"]

    def off(self, mean: np.ndarray, sd: np.ndarray) -> dict:
        """Coverage minus its nominal share, by group of programs and level."""
        error = np.abs(mean[:, self.columns] - self.z) / sd[:, self.columns]
        return {
            name: {
                f"{level:g}": round(float((error[:, group] <= norm.ppf(0.5 + level / 2)).mean() - level), 4)
                for level in LEVELS
            }
            for name, group in self.groups.items()
        }

    def r(self, mean: np.ndarray) -> dict:
        r = np.array([np.corrcoef(mean[:, j], self.z[:, i])[0, 1] for i, j in enumerate(self.columns)])
        return {name: round(float(np.median(r[group])), 3) for name, group in self.groups.items()}


def intervals(args: Namespace) -> dict:
    rows = []
    for n_cells, seed in [(600, 0)] if args.quick else [(300, 3), (1_000, 0), (1_000, 1), (10_000, 2)]:
        adata = simulated(n_cells, seed, args.quick)
        model, seconds = seconds_of(lambda adata=adata: first_fit(adata, args.quick))
        truth, before = Truth(adata, model), peak_mb()
        mean, sd = model.get_activity(return_sd=True)
        fits, more = seconds_of(lambda adata=adata, model=model: again(adata, model))
        _, of_fits = fits.get_activity(return_sd=True)
        average = (mean + fits.get_refit_activities()["unique"].sum(1)) / N_FITS
        rows.append(
            {
                "cells": n_cells,
                "seed": seed,
                "single": {"off": truth.off(mean, sd), "r": truth.r(mean)},
                "ensemble": {
                    "off": truth.off(mean, of_fits),
                    "r_of_mean_over_fits": truth.r(average),
                },
                "seconds_single": round(seconds, 1),
                "seconds_over_single": round((seconds + more) / seconds, 2),
                "peak_mb_single": before,
                "peak_mb": peak_mb(),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return {"runs": rows}


def again(adata: ad.AnnData, model: cr.ProgramVAE, **options: object) -> cr.ProgramEnsemble:
    """Refits alone, without activities."""
    return cr.model.refits_of(model, n_fits=N_FITS, enable_progress_bar=False, **options)


def steps(args: Namespace) -> dict:
    adata = simulated(600 if args.quick else 2_000, 3, args.quick)
    model, seconds = seconds_of(lambda: first_fit(adata, args.quick))
    truth, rows = Truth(adata, model), []
    parts = cr.model.check_resampling(adata, N_FITS, "cells", 0)
    unseen = [np.setdiff1d(np.arange(adata.n_obs), part) for part in parts]
    for n_steps in (10, 20) if args.quick else (20, 40, 80, 160, 300):
        per_epoch = -(-(adata.n_obs // 2) // 512)
        options = {"posterior_epochs": -(-n_steps // per_epoch)}
        fits, more = seconds_of(lambda options=options: again(adata, model, **options))
        mean, sd = fits.get_activity(return_sd=True)
        refits = fits.get_refit_activities()["unique"]
        gains = [
            log_likelihood(fit, cells) - log_likelihood(model, cells)
            for fit, cells in zip(fits.refits, unseen, strict=True)
        ]
        r = [[np.corrcoef(mean[:, j], refits[:, f, j])[0, 1] for j in truth.columns] for f in range(N_FITS - 1)]
        rows.append(
            {
                "steps": n_steps,
                "seconds_over_single": round((seconds + more) / seconds, 2),
                "log_likelihood_of_unseen": round(float(np.mean(gains)), 2),
                "off": truth.off(mean, sd),
                "r_with_first_fit_median": round(float(np.median(r)), 4),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return {"runs": rows}


@torch.no_grad()
def log_likelihood(model: cr.ProgramVAE, cells: np.ndarray) -> float:
    """Log joint probability per cell of counts and activities, at the mode."""
    total = 0.0
    reading = model.reading()
    for tensors in reading.minibatches(cells):
        batch, start = model.module.posterior_start(tensors)
        average = model.module.average_cell(tensors)
        z = cr.nn.refine(batch, start, model.module.decoder.weight(), average.covariance).z
        total += float(model.module.log_joint(tensors, z).sum())
    return total / len(cells)


def replication(args: Namespace) -> dict:
    parts = []
    for seed in range(1 if args.quick else 4):
        options = {"n_donors": 24, "n_obs": SMALL["n_obs"] if args.quick else 12_000, "shift": (0.3, 0.9)}
        adata = simulated_cells(args.quick, seed, **options)
        samples = adata.obs.groupby("sample", observed=True)["condition"].first()
        rng = np.random.default_rng(seed)
        first = np.concatenate(
            [rng.permutation(s.index)[: len(s) // 2] for _, s in samples.groupby(samples, observed=True)]
        )
        inside = adata.obs["sample"].isin(first).to_numpy()
        one, other = adata[inside].copy(), adata[~inside].copy()
        epochs = {"max_epochs": 4} if args.quick else {}
        tables = []
        for cells, more in ((one, {"n_fits": N_FITS, "resample": "sample"}), (other, {})):
            sets = adata.uns["simulation"]["annotation"]
            model = cr.fit(cells, sets, n_decoys=10 if args.quick else 50, enable_progress_bar=False, **epochs, **more)
            asked = {"reference": "ctrl", "within": "cell_type", "sample_key": "sample"}
            cr.tl.rank_programs_groups(cells, model, "condition", **asked)
            tables.append(with_truth(adata, cr.get.rank_programs_groups_df(cells, None, columns="all")))
        keys = ["stratum", "program"]
        beside = tables[1].set_index(keys)[["q", "effect"]].add_suffix("_beside")
        table = tables[0].join(beside, on=keys)
        table["family_shifted"] = (table["shift"] != 0).groupby([table["stratum"], table["family"]]).transform("any")
        parts.append(table)
        print("replication", seed, int((table["q"] <= 0.05).sum()), flush=True)
    table = pd.concat(parts)
    called = table[table["q"] <= 0.05]
    replicated = (called["q_beside"] <= 0.05) & (called["effect"] * called["effect_beside"] > 0)
    rows = []
    for share, group in called.groupby(called["share_of_fits"].round(2)):
        false = ~group["family_shifted"]
        rows.append(
            {
                "share_of_fits": float(share),
                "calls": len(group),
                "false": int(false.sum()),
                "replicated": int(replicated[called["share_of_fits"].round(2) == share].sum()),
            }
        )
    shifted = table["shift"] != 0
    power = {
        name: round(float((shifted & calls).sum() / shifted.sum()), 3)
        for name, calls in (
            ("first fit", table["q"] <= 0.05),
            ("four of five fits", (table["q"] <= 0.05) & (table["share_of_fits"] >= 0.8 - 1e-9)),
        )
    }
    print(rows, power, flush=True)
    return {"rows": rows, "power": power, "tests": len(table)}


def kang(args: Namespace) -> dict:
    found: dict = {}
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    if args.quick:
        adata = adata[np.random.default_rng(0).choice(adata.n_obs, 700, replace=False)].copy()
    for title, file in COLLECTIONS.items():
        cr.pp.add_programs(adata, DATA / "genesets" / file, min_genes=MIN_GENES)
        model = first_fit(adata, args.quick)
        varies = model.get_activity().std(axis=0) >= VARIES
        for resample in ("cells", "donor", "seed"):
            fits = cr.ensemble(adata, model, resample=resample, enable_progress_bar=False)
            table = adata.uns["programs"]["table"].set_index("name").loc[fits.program_names]
            found.setdefault(title, {})[resample] = {
                f"{column}{suffix}": quantiles(table[column].to_numpy()[chosen])
                for column in ("stability", "total_stability", "loadings_stability")
                for suffix, chosen in (("", varies | True), ("_of_programs_that_vary", varies))
            }
            print(title, resample, json.dumps(found[title][resample]), flush=True)
    return found


def quantiles(values: np.ndarray) -> dict:
    return {"median": round(float(np.median(values)), 3), "10th percentile": round(float(np.quantile(values, 0.1)), 3)}


def draw(results: dict) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, colour in (("single", GREY), ("ensemble", BLUE)):
        for group, marker in (("programs", "o"), ("twins", "D")):
            off = [run[name]["off"][group] for run in results["intervals"]["runs"]]
            mean = np.mean([[row[f"{level:g}"] for level in LEVELS] for row in off], axis=0)
            axes[0].plot(LEVELS, 100 * mean, marker=marker, color=colour, label=f"{name}, {group}")
    axes[0].axhline(0, color="black", linewidth=0.8)
    axes[0].set(xlabel="nominal coverage", ylabel="coverage off by, points", xticks=LEVELS)
    rows = results["replication"]["rows"]
    share = [row["share_of_fits"] for row in rows]
    for key, colour, label in (("replicated", BLUE, "called in other samples"), ("false", VERMILION, "false")):
        axes[1].plot(share, [row[key] / row["calls"] for row in rows], "o-", color=colour, label=label)
    for row in rows:
        axes[1].annotate(row["calls"], (row["share_of_fits"], 1.02), ha="center", fontsize=7, color=GREY)
    axes[1].set(xlabel="share of fits that call the difference", ylabel="share of calls", ylim=(-0.03, 1.1))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8)
    return figure


PARTS = {"intervals": intervals, "steps": steps, "replication": replication, "kang": kang}


def main() -> None:
    options = parser("ensembles")
    options.add_argument("--only", choices=PARTS, help="this part again, the others as they were")
    args = options.parse_args()
    mpl.use("agg")
    quiet()
    path = RESULTS / "ensembles.json"
    results: dict = json.loads(path.read_text()) if args.only and path.exists() else {}
    results |= {"versions": versions("scvi-tools", "torch"), "threads": torch.get_num_threads(), "bars": BARS}
    results["n_fits"] = N_FITS
    for name, part in PARTS.items():
        if args.only in (None, name):
            results[name] = part(args)
            write(results, "ensembles", args)
    if {"intervals", "replication"} <= set(results):
        save(draw(results), "ensembles", args)


if __name__ == "__main__":
    main()
