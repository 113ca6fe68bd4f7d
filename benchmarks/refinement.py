"""How far are activities from the mode of the posterior, and how many Newton steps does it take?

Distance of each cell's activities from the converged mode in units of the posterior standard deviation: at the
encoder's mean, after 1 and 2 steps, and where the default stops. On the embedded data and, where the data folder named
by CRYSTALLIN_DATA_DIR (default ``../shared/data``) is there, on 2,638 cells with all 13,714 genes.

    python benchmarks/refinement.py      # writes benchmarks/results/refinement.json
"""

from __future__ import annotations

import anndata as ad
import numpy as np
from _common import DATA, parser, quiet, versions, write

import crystallin as cr
from crystallin.nn import refine


def measure(adata: ad.AnnData, layer: str | None) -> dict:
    cr.pp.add_programs(adata, "immune", min_genes=3)
    cr.ProgramVAE.setup_anndata(adata, layer=layer)
    model = cr.ProgramVAE(adata)
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
    return {"cells": adata.n_obs, "genes": adata.n_vars, "programs": len(model.program_names), "distance": rows}


def main() -> None:
    args = parser("refinement").parse_args()
    quiet()
    results: dict = {"versions": versions("scvi-tools", "torch")}
    results["pbmc68k"] = measure(cr.datasets.pbmc68k(), "counts")
    if DATA.is_dir() and not args.quick:
        results["pbmc3k"] = measure(ad.read_h5ad(DATA / "pbmc3k_2638.h5ad"), None)
    write(results, "refinement", args)


if __name__ == "__main__":
    main()
