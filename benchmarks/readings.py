"""Two readings of a program: what it explains beside all others (unique), and what the genes of its set do (total).

    python benchmarks/readings.py            # writes benchmarks/results/readings.json
    python benchmarks/readings.py --quick    # a small check that writes nothing

* Kang (3,000 variable genes, Reactome sets of at least 12 genes present, 40 decoys), two seeds: correlation of each
  program's readings between the seeds, median and 10th percentile, over all programs and over those that
  pp.screen_programs (within cell types) calls awake; effects (Cohen's d, stimulated against control) of two interferon
  sets and the largest one of a decoy, in cell types with at least 50 cells, mean of both seeds.
* Simulated cells (100 true programs, 100 decoys; a fifth of the members missing, a fifth spurious): correlation of the
  readings of true programs with the truth. The true total is the same sum over the given set, of the true log rates.
  Coverage: share of all cells and true programs whose true total lies within mean ± z sd, minus the nominal share.
* Differences of simulated cells (6 + 6 donors, 4 types, 40 true programs of which 12 are shifted in half of the types,
  20 decoys, two seeds at each depth) in both readings, within types and across donors: slope of the effect on the true
  difference, without correction for shrinkage too, coverage of intervals minus the nominal share, and share of calls
  (q <= .05) in the wrong direction.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import json
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA, parser, quiet, versions, write
from kang import effects, variable_genes
from recovery import LEVELS, truth_of
from scipy.stats import norm, t

import crystallin as cr
from crystallin.model._unmeasured import typical_information

KINDS = ("unique", "total")
SEEDS = (0, 1)
COLLECTION, MIN_GENES, N_DECOYS = "reactome_msigdb_v2025.symbols.gmt", 12, 40
SHOWN = ("REACTOME_INTERFERON_GAMMA_SIGNALING", "REACTOME_INTERFERON_ALPHA_BETA_SIGNALING")
# simulated donors and conditions
DESIGN = {
    "n_programs": 40,
    "n_decoys": 20,
    "conditions": ("ctrl", "stim"),
    "n_donors": 12,
    "paired": False,
    "n_shifted": 12,
    "shift": (0.12, 0.6),
    "n_cell_types": 4,
    "rare_fraction": 0,
}
DEPTHS, N_COMPARED = (500, 2_000), 3_600
SMALL = {"n_obs": 500, "n_vars": 300, "n_programs": 10, "n_decoys": 10, "program_size": (10, 30)}


def quantiles(values: np.ndarray) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 3), "10th_percentile": round(float(np.quantile(values, 0.1)), 3)}


def kang(max_epochs: int | None) -> dict:
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    cr.pp.add_programs(adata, DATA / "genesets" / COLLECTION, min_genes=MIN_GENES, n_decoys=N_DECOYS)
    cr.pp.screen_programs(adata, within="cell_type")
    cr.ProgramVAE.setup_anndata(adata)
    readings, seconds = [], dict.fromkeys(KINDS, 0.0)
    for seed in SEEDS:
        model = cr.ProgramVAE(adata, random_state=seed)
        model.train(max_epochs=max_epochs, enable_progress_bar=False)
        found = {}
        for kind in KINDS:
            start = time.perf_counter()
            found[kind], _ = model.get_activity(kind=kind, return_sd=True)
            seconds[kind] += (time.perf_counter() - start) / len(SEEDS)
        readings.append(found)
    names, is_decoy = model.program_names, model.is_decoy
    awake = cr.get.programs_df(adata, decoys=True).loc[names, "awake"].to_numpy()
    result: dict = {"programs": int((~is_decoy).sum()), "awake": int(awake.sum()), "decoys": int(is_decoy.sum())}
    for kind in KINDS:
        first, second = (found[kind] for found in readings)
        r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(first.T, second.T, strict=True)])
        d = np.mean([effects(adata, as_frame(adata, found[kind], names)) for found in readings], axis=0)
        types = effects(adata, as_frame(adata, first, names)).columns
        result[kind] = {
            "r_between_seeds": quantiles(r[~is_decoy]),
            "r_between_seeds_awake": quantiles(r[awake]),
            "seconds_with_sd": round(seconds[kind], 1),
            "effects": {
                name: dict(zip(types, d[names.tolist().index(name)].round(1).tolist(), strict=True)) for name in SHOWN
            },
            "largest_effect_of_a_decoy": dict(zip(types, np.abs(d[is_decoy]).max(0).round(1).tolist(), strict=True)),
        }
    return result


def as_frame(adata: ad.AnnData, values: np.ndarray, names: np.ndarray) -> object:
    return ad.AnnData(values, obs=adata.obs[[]], var={"name": names}).to_df().set_axis(names, axis=1)


def simulated(setting: dict, max_epochs: int | None) -> dict:
    adata = cr.datasets.simulate(random_state=0, **setting)
    truth = truth_of(adata)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=max_epochs, enable_progress_bar=False)
    place = [model.program_names.tolist().index(name) for name in truth.columns]
    unique = model.get_activity()[:, place]
    total, sd = (values[:, place] for values in model.get_activity(kind="total", return_sd=True))
    information = typical_information(model.module)
    members = np.sign(model.prior.toarray()[:, place]) * np.sqrt(information)[:, None]
    unit = np.linalg.norm(members.T @ model.get_loadings().to_numpy(), axis=1)
    log_rate = truth.to_numpy() @ adata.varm["true_loadings"].T
    true_total = log_rate @ members / unit
    distance = np.abs(true_total - total) / sd
    excess = {f"{level:.0%}": float((distance <= norm.ppf((1 + level) / 2)).mean()) - level for level in LEVELS}

    def r_with(values: np.ndarray, other: np.ndarray) -> dict[str, float]:
        return quantiles(np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(values.T, other.T, strict=True)]))

    return {
        "depth": setting.get("depth", 500),
        "cells": adata.n_obs,
        "programs": len(place),
        "r_unique_with_activity": r_with(unique, truth.to_numpy()),
        "r_total_with_total": r_with(total, true_total),
        "r_total_with_activity": r_with(total, truth.to_numpy()),
        "coverage_minus_nominal": {level: round(value, 4) for level, value in excess.items()},
    }


def differences(depth: float, max_epochs: int | None, n_obs: int) -> dict:
    tables = pd.concat([compared(depth, seed, max_epochs, n_obs) for seed in SEEDS])
    return {"unique": summary(tables, ""), "total": summary(tables, "total_")}


def compared(depth: float, seed: int, max_epochs: int | None, n_obs: int) -> pd.DataFrame:
    """Differences of true programs within types, with the true ones in both readings."""
    adata = cr.datasets.simulate(n_obs, 1_000, depth=depth, random_state=seed, **DESIGN)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, random_state=seed)
    model.train(max_epochs=max_epochs, enable_progress_bar=False)
    cr.tl.activity(adata, model)
    settings = {"reference": "ctrl", "groups": "stim", "within": "cell_type", "sample_key": "sample"}
    cr.tl.rank_programs_groups(adata, model, "condition", **settings)
    stored = pd.DataFrame(adata.obsm["X_programs_total"], adata.obs_names, model.program_names)
    means = stored.groupby([adata.obs["cell_type"], adata.obs["condition"]], observed=True).mean()
    shifts, dimensions = (adata.uns["simulation"][name] for name in ("shifts", "dimensions"))
    weights = model.get_total_weights("genes")
    parts = []
    for stratum, part in cr.get.rank_programs_groups_df(adata).groupby("stratum"):
        moved = shifts[shifts["cell_type"] == stratum].set_index("dimension")["shift"]
        z = moved.reindex(dimensions["name"], fill_value=0.0)
        total = pd.Series(weights.to_numpy() @ adata.varm["true_loadings"] @ z.to_numpy(), weights.index)
        raw = means.loc[(stratum, "stim")] - means.loc[(stratum, "ctrl")]
        part = part[part["program"].isin(z.index)].set_index("program")
        parts.append(
            part.assign(true=z, total_true=total, raw=part["mean_group"] - part["mean_reference"], total_raw=raw)
        )
    return pd.concat(parts)


def summary(table: pd.DataFrame, before: str) -> dict:
    effect, true, se = (table[f"{before}{name}"] for name in ("effect", "true", "se"))
    called = table[f"{before}q"] <= 0.05
    distance = np.abs(effect - true) / se
    excess = {
        f"{level:.0%}": float((distance <= t.ppf((1 + level) / 2, table["df"])).mean()) - level for level in LEVELS
    }
    return {
        "differences": len(table),
        "slope": round(float(np.polyfit(true, effect, 1)[0]), 3),
        "slope_without_correction": round(float(np.polyfit(true, table[f"{before}raw"], 1)[0]), 3),
        "coverage_minus_nominal": {level: round(value, 3) for level, value in excess.items()},
        "called": int(called.sum()),
        "called_in_the_wrong_direction": int((called & (effect * true < 0)).sum()),
    }


def main() -> None:
    options = parser("readings")
    args = options.parse_args()
    quiet()
    warnings.simplefilter("ignore")
    max_epochs = 2 if args.quick else None
    results: dict = {"versions": versions("scvi-tools", "torch"), "seeds": SEEDS, "min_genes": MIN_GENES}
    results["kang"] = kang(max_epochs)
    print(json.dumps(results["kang"]), flush=True)
    results["simulated"] = simulated(SMALL if args.quick else {}, max_epochs)
    print(json.dumps(results["simulated"]), flush=True)
    n_obs = 600 if args.quick else N_COMPARED
    results["differences"] = {str(depth): differences(depth, max_epochs, n_obs) for depth in DEPTHS}
    print(json.dumps(results["differences"]), flush=True)
    write(results, "readings", args)


if __name__ == "__main__":
    main()
