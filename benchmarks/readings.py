"""Two readings of a program: what it explains beside all others (unique), and what the genes of its set do (total).

    python benchmarks/readings.py            # writes benchmarks/results/readings.json and docs/_static/readings.png
    python benchmarks/readings.py --quick    # a small check that writes nothing

* Kang (3,000 variable genes, Reactome sets of at least 12 genes present, 40 decoys), five seeds and five bootstraps:
  cells drawn with replacement to train on (the donors of stimulated cells are not known), at one seed, and readings of
  all original cells by each model. Correlation of each program's readings between pairs of runs, median and 10th
  percentile over programs and pairs, of all programs and of those that pp.screen_programs (within cell types) calls
  awake. Effects (Cohen's d, stimulated against control) of two interferon sets and the largest one of a decoy, in cell
  types with at least 50 cells, mean over the seeds. The same correlations between seeds if only the awake programs are
  trained, without and with free programs.
* Simulated cells (100 true programs, 100 decoys; a fifth of the members missing, a fifth spurious), at depths of 500
  and 2,000 counts: correlation of the readings of true programs with the truth. The true total is the same sum over the
  given set, of the true log rates. The oracle is the total of activities inferred with all true parameters known.
  Coverage: share of all cells and true programs whose true total lies within mean ± z sd, minus the nominal share.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import BLUE, DATA, GREY, VERMILION, parser, quiet, save, seconds_of, versions, write
from kang import effects, short, variable_genes
from matplotlib.figure import Figure
from recovery import LEVELS, SMALL, truth_of
from scipy.stats import norm
from stability import agreement, resampled

import crystallin as cr
from crystallin.model._unmeasured import typical_information

KINDS = ("unique", "total")
N_RUNS = 5
DEPTHS = (500, 2_000)
COLLECTION, MIN_GENES, N_DECOYS = "reactome_msigdb_v2025.symbols.gmt", 12, 40
# cell type of the figure
DRAWN = "CD14 Mono"
SHOWN = ("REACTOME_INTERFERON_GAMMA_SIGNALING", "REACTOME_INTERFERON_ALPHA_BETA_SIGNALING")


def quantiles(values: np.ndarray) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 3), "10th_percentile": round(float(np.quantile(values, 0.1)), 3)}


def kang(n_runs: int, max_epochs: int | None) -> Iterator[dict]:
    """What is known after the seeds, and after the bootstraps."""
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    min_genes = MIN_GENES
    if max_epochs:
        # a small check: fewer cells, and large sets only
        adata, min_genes = adata[np.random.default_rng(0).choice(adata.n_obs, 600, replace=False)].copy(), 25
    cr.pp.add_programs(adata, DATA / "genesets" / COLLECTION, min_genes=min_genes, n_decoys=N_DECOYS)
    cr.pp.screen_programs(adata, within="cell_type")
    table = cr.get.programs_df(adata, decoys=True, columns="all")
    result: dict = {"bootstrap_of": "cells"}
    trainings = {
        "seeds": [(adata, seed) for seed in range(n_runs)],
        "bootstraps": [(resampled(adata, seed), 0) for seed in range(n_runs)],
    }
    for source, samples in trainings.items():
        readings: dict[str, list[pd.DataFrame]] = {kind: [] for kind in KINDS}
        for i, (training, seed) in enumerate(samples):
            model = fitted(training, seed, max_epochs)
            for kind in KINDS:
                values = model.get_activity(adata, kind=kind)
                readings[kind].append(pd.DataFrame(values, adata.obs_names, model.program_names))
            print("kang", source, i, len(model.history["elbo_validation"]), "epochs", flush=True)
        names, is_decoy = model.program_names, model.is_decoy
        awake = table.loc[names, "awake"].to_numpy()
        result |= {
            "programs": int((~is_decoy).sum()),
            "awake": int(awake[~is_decoy].sum()),
            "decoys": int(is_decoy.sum()),
            f"n_{source}": n_runs,
        }
        for kind, frames in readings.items():
            r = agreement(frames).to_numpy()
            row = result.setdefault(kind, {})
            row[f"r_between_{source}"] = quantiles(r[~is_decoy])
            row[f"r_between_{source}_awake"] = quantiles(r[awake & ~is_decoy])
            if source == "seeds":
                _, seconds = seconds_of(lambda kind=kind, model=model: model.get_activity(kind=kind, return_sd=True))
                row |= {"seconds_with_sd": round(seconds, 1), **effects_of(adata, frames, is_decoy)}
        yield result
    yield result | {"awake_only": awake_only(adata, n_runs, max_epochs)}


def awake_only(adata: ad.AnnData, n_runs: int, max_epochs: int | None) -> dict:
    """Correlations between seeds if programs that are asleep are not trained."""
    cr.pp.screen_programs(adata, within="cell_type", drop=True)
    result = {}
    for arm, free in {"without free programs": 0, "with free programs": "auto"}.items():
        models = [fitted(adata, seed, max_epochs, n_unannotated=free) for seed in range(n_runs)]
        result[arm] = {"programs": int((~models[0].is_decoy).sum()), "free": models[0].module.decoder.n_free}
        for kind in KINDS:
            frames = [pd.DataFrame(model.get_activity(kind=kind), columns=model.program_names) for model in models]
            result[arm][kind] = quantiles(agreement(frames).to_numpy()[~models[0].is_decoy])
    return result


def fitted(adata: ad.AnnData, seed: int, max_epochs: int | None, **options: object) -> cr.ProgramVAE:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, random_state=seed, **options)
    model.train(max_epochs=max_epochs, enable_progress_bar=False)
    return model


def effects_of(adata: ad.AnnData, frames: list[pd.DataFrame], is_decoy: np.ndarray) -> dict:
    """Means over the runs."""
    d = sum(effects(adata, frame) for frame in frames) / len(frames)
    return {
        "effects": {name: d.loc[name].round(1).to_dict() for name in SHOWN if name in d.index},
        "effects_in_drawn_type": d.loc[~is_decoy, DRAWN].round(2).to_dict(),
        "largest_effect_of_a_decoy": d[is_decoy].abs().max().round(1).to_dict(),
    }


def simulated(setting: dict, max_epochs: int | None) -> dict:
    adata = cr.datasets.simulate(random_state=0, **setting)
    truth = truth_of(adata)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    model = fitted(adata, 0, max_epochs)
    place = [model.program_names.tolist().index(name) for name in truth.columns]
    unique = model.get_activity()[:, place]
    total, sd = (values[:, place] for values in model.get_activity(kind="total", return_sd=True))
    information = typical_information(model.module)
    members = np.sign(model.prior.toarray()[:, place]) * np.sqrt(information)[:, None]
    unit = np.linalg.norm(members.T @ model.get_loadings().to_numpy(), axis=1)
    log_rate = truth.to_numpy() @ adata.varm["true_loadings"].T
    true_total = log_rate @ members / unit
    oracle, _ = cr.datasets.oracle_activity(adata)
    distance = np.abs(true_total - total) / sd
    excess = {f"{level:.0%}": float((distance <= norm.ppf((1 + level) / 2)).mean()) - level for level in LEVELS}

    def r_with(values: np.ndarray, other: np.ndarray) -> dict[str, float]:
        return quantiles(np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(values.T, other.T, strict=True)]))

    return {
        "depth": setting["depth"],
        "cells": adata.n_obs,
        "programs": len(place),
        "r_unique_with_activity": r_with(unique, truth.to_numpy()),
        "r_total_with_total": r_with(total, true_total),
        "r_oracle_total_with_total": r_with(oracle @ adata.varm["true_loadings"].T @ members / unit, true_total),
        "r_total_with_activity": r_with(total, truth.to_numpy()),
        "coverage_minus_nominal": {level: round(value, 4) for level, value in excess.items()},
    }


def draw(results: dict) -> Figure:
    """Both readings of each program in one cell type."""
    unique, total = (pd.Series(results["kang"][kind]["effects_in_drawn_type"]) for kind in KINDS)
    figure, ax = plt.subplots(figsize=(6.2, 4.6), layout="constrained")
    opposed = (unique < -0.5) & (total > 0.5)
    ax.axhline(0, color=GREY, lw=0.7)
    ax.axvline(0, color=GREY, lw=0.7)
    ax.scatter(unique[~opposed], total[~opposed], s=12, color=GREY, lw=0)
    ax.scatter(
        unique[opposed], total[opposed], s=16, color=VERMILION, lw=0, label="down beside the others, up in total"
    )
    for name in unique.index.intersection(SHOWN):
        ax.scatter(unique[name], total[name], s=34, color=BLUE, lw=0)
        place = {"xytext": (-7, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        ax.annotate(
            short(name).replace(" signaling", "\nsignaling"),
            (unique[name], total[name]),
            color=BLUE,
            fontsize=9,
            **place,
        )
    ax.margins(x=0.12, y=0.08)
    ax.set_xlabel("difference of unique activity (Cohen's d)\nwhat the program explains beside all others")
    ax.set_ylabel("difference of total activity (Cohen's d)\nwhat the genes of the set do")
    ax.set_title("Monocytes with and without interferon-beta, one dot per Reactome set", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    options = parser("readings")
    args = options.parse_args()
    mpl.use("agg")
    quiet()
    warnings.simplefilter("ignore")
    n_runs, max_epochs = (2, 2) if args.quick else (N_RUNS, None)
    results: dict = {"versions": versions("scvi-tools", "torch"), "min_genes": MIN_GENES}
    for part in kang(n_runs, max_epochs):
        results["kang"] = part
        print(json.dumps(part), flush=True)
        write(results, "readings", args)
    save(draw(results), "readings", args)
    results["simulations"] = []
    for depth in DEPTHS:
        results["simulations"].append(simulated({"depth": depth, **(SMALL if args.quick else {})}, max_epochs))
        print(json.dumps(results["simulations"][-1]), flush=True)
        write(results, "readings", args)


if __name__ == "__main__":
    main()
