"""How many Newton steps does the posterior need?

On a model of the embedded data: distance of each cell's activities from the converged mode, in units of the posterior
standard deviation: at the encoder's mean, after 1 and 2 steps, and where the default stops.

    python benchmarks/refinement.py      # writes benchmarks/results/refinement.json
"""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from pathlib import Path

import numpy as np

import crystallin as cr
from crystallin.nn import refine

ROOT = Path(__file__).parents[1]


def main() -> None:
    adata = cr.datasets.pbmc68k()
    cr.pp.add_programs(adata, "immune", min_genes=3)
    cr.ProgramVAE.setup_anndata(adata, layer="counts")
    model = cr.ProgramVAE(adata)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    model.train(enable_progress_bar=False)

    defaults = dict(refine.__kwdefaults__)

    def modes(**settings: float) -> tuple[np.ndarray, np.ndarray]:
        # not a choice of users, so it is changed where it stands
        refine.__kwdefaults__.update(settings)
        try:
            return model.get_activity(return_sd=True)
        finally:
            refine.__kwdefaults__.update(defaults)

    mode, sd = modes(max_steps=60, tolerance=1e-10)
    rows = {}
    for label, (mean, spread) in {
        "encoder": model.get_activity(refine=False, return_sd=True),
        "1 step": modes(max_steps=1),
        "2 steps": modes(max_steps=2),
        "until done (default)": modes(),
    }.items():
        distance = np.abs(mean - mode) / sd
        rows[label] = {
            "median_distance_in_sd": round(float(np.median(distance)), 4),
            "99th_percentile": round(float(np.quantile(distance, 0.99)), 4),
            "largest": round(float(distance.max()), 3),
            "ratio_of_sd_median": round(float(np.median(spread / sd)), 4),
        }
        print(label, rows[label], flush=True)
    path = ROOT / "benchmarks" / "results" / "refinement.json"
    path.parent.mkdir(exist_ok=True)
    versions = {name: version(name) for name in ("crystallin", "scvi-tools", "torch")}
    path.write_text(json.dumps({"versions": versions, "cells": adata.n_obs, "distance": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
