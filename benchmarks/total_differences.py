"""Differences between conditions in both readings of programs, beside the true differences.

    python benchmarks/total_differences.py            # writes benchmarks/results/total_differences.json
    python benchmarks/total_differences.py --quick    # a small check that writes nothing

Simulated cells of 6 + 6 donors and 4 types; 40 true programs, of which 12 are shifted in half of the types, and 20
decoys; two seeds at each depth. Conditions are compared within types and across donors. The true difference of a total
is the same weighted sum over the given set, of the true differences of log rates.

For true programs: slope of the effect on the true difference, without the correction for shrinkage too; coverage of
intervals minus the nominal share; and how many differences are called (q <= .05), and in the wrong direction.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
from _common import parser, quiet, versions, write
from recovery import LEVELS
from scipy.stats import t

import crystallin as cr

SEEDS, DEPTHS, N_OBS, N_OBS_QUICK = (0, 1), (500, 2_000), 3_600, 600
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
    for stratum, part in cr.get.rank_programs_groups_df(adata, columns="all").groupby("stratum"):
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
    args = parser("total_differences").parse_args()
    quiet()
    warnings.simplefilter("ignore")
    n_obs, max_epochs = (N_OBS_QUICK, 2) if args.quick else (N_OBS, None)
    results: dict = {"versions": versions("scvi-tools", "torch"), "seeds": SEEDS, "cells": n_obs}
    results["depths"] = {str(depth): differences(depth, max_epochs, n_obs) for depth in DEPTHS}
    print(json.dumps(results["depths"]), flush=True)
    write(results, "total_differences", args)


if __name__ == "__main__":
    main()
