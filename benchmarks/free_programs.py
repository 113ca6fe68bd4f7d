"""What do free programs (unannotated dimensions) take from the named ones, and what do they take off their shoulders?

Variation that no set explains has to go somewhere: without free programs, into the named ones and into decoys.

    python benchmarks/free_programs.py            # writes benchmarks/results/free_programs.json
    python benchmarks/free_programs.py --quick    # a small check that writes nothing

Arms: ``n_unannotated=0`` and ``n_unannotated="auto"``; the same cells, sets, decoys, split and seeds.

* Kang with Hallmark (three seeds) and with Reactome (sets of at least 12 genes), PBMC 3k with Hallmark, each with
  decoys trained alongside: interferon's effect (Cohen's d, stimulated against control) and rank in each type; the
  largest absolute effect of a program and of a decoy; the standard deviation of activities over cells, median over
  programs, over those that pp.screen_programs calls awake (between cells or within types), and over decoys; the cell
  type of the 15 nearest cells; log-likelihood of held-out cells by Laplace's approximation, per cell.
* Simulated cells (recovery.py: 100 true programs and 100 decoys), with sets for all true programs, and with a fifth of
  these without a set: correlation with the truth of true programs that have a set, and how well decoys are told from
  true sets by the variance of their activities.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA, RESULTS, parser, quiet, versions, write
from _fits import KINDS, interferon, nearest_neighbours, readings_of, trained
from kang import COLLECTIONS, MIN_GENES, effects, variable_genes
from recovery import SMALL, correlations, decoy_auroc, truth_of

import crystallin as cr

ARMS: dict[str, int | str] = {"none": 0, "auto": "auto"}
# "auto" decides itself, and takes its time
QUICK_ARMS: dict[str, int | str] = {"none": 0, "five": 5}
# title: file, collection, decoys, seeds
REAL = {
    "Kang, Hallmark": ("kang_ifnb_2800", "Hallmark", 41, (0, 1, 2)),
    "Kang, Reactome": ("kang_ifnb_2800", "Reactome", 40, (0,)),
    "PBMC 3k, Hallmark": ("pbmc3k_2638", "Hallmark", 41, (0,)),
}
SIMULATIONS = {
    "a set for each true program": {},
    "a fifth of the true programs without a set": {"n_missing": 20},
}
DEFAULTS = {"arm": "log-additive", "depth": 500, "random_state": 0}


def fit(adata: ad.AnnData, seed: int, free: int | str, max_epochs: int | None) -> tuple[dict[str, pd.DataFrame], dict]:
    """Readings, and the row of results to add to."""
    model, row = trained(adata, seed, {"max_epochs": max_epochs}, n_unannotated=free)
    row["free_programs"] = model.module.decoder.n_free
    return readings_of(model, adata), row


def real(title: str, args: argparse.Namespace) -> Iterator[tuple[str, dict]]:
    file, collection, n_decoys, seeds = REAL[title]
    adata = variable_genes(ad.read_h5ad(DATA / f"{file}.h5ad"))
    if args.quick:
        adata, seeds = adata[np.random.default_rng(0).choice(adata.n_obs, 600, replace=False)].copy(), seeds[:1]
    path = DATA / "genesets" / COLLECTIONS[collection]
    cr.pp.add_programs(adata, path, min_genes=MIN_GENES, n_decoys=n_decoys)
    cr.pp.screen_programs(adata, within="cell_type")
    programs = cr.get.programs_df(adata, decoys=True, columns="all")
    decoys = programs.index[programs["decoy"].astype(bool)]
    kept = programs.index[programs["kept"].astype(bool) & ~programs["decoy"].astype(bool)]
    awake = kept[programs.loc[kept, "awake"].astype(bool)]
    for seed in seeds:
        for arm, free in args.arms.items():
            readings, row = fit(adata, seed, free, args.max_epochs)
            row |= {"programs": len(kept), "awake": len(awake), "decoys": len(decoys)}
            for kind in KINDS:
                values = readings[kind]
                parts = {"programs": values[kept], "awake": values[awake], "decoys": values[decoys]}
                row[kind] = {
                    "sd_median": {name: round(float(part.std().median()), 3) for name, part in parts.items()},
                    "cell_type_by_neighbours": nearest_neighbours(values[kept], adata.obs["cell_type"]),
                }
                if "condition" in adata.obs:
                    row[kind] |= interferon(adata, values[kept], collection)
                    row[kind]["largest_effect_of_a_decoy"] = (
                        effects(adata, values[decoys]).abs().max().round(2).to_dict()
                    )
            yield arm, row


def simulated(title: str, args: argparse.Namespace) -> Iterator[tuple[str, dict]]:
    setting = {**DEFAULTS, **SIMULATIONS[title]}
    if args.quick:
        setting |= SMALL | dict.fromkeys(SIMULATIONS[title], 2)
    adata = cr.datasets.simulate(**setting)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    # free programs leave the awake ones alone
    cr.pp.screen_programs(adata)
    truth = truth_of(adata)
    # nothing carries the name of a program without a set
    truth = truth[[name for name in truth if name in set(map(str, adata.uns["programs"]["names"]))]]
    for arm, free in args.arms.items():
        readings, row = fit(adata, 0, free, args.max_epochs)
        for kind in KINDS:
            row[kind] = {**correlations(truth, readings[kind]), **decoy_auroc(adata, readings[kind].var())}
        yield arm, {**row, "true_programs_with_a_set": truth.shape[1]}


def main() -> None:
    options = parser("free_programs")
    known = {**dict.fromkeys(REAL, real), **dict.fromkeys(SIMULATIONS, simulated)}
    options.add_argument("--only", nargs="*", choices=list(known), help="data to use; the others' results are kept")
    args = options.parse_args()
    args.arms, args.max_epochs = (QUICK_ARMS, 2) if args.quick else (ARMS, None)
    quiet()
    path = args.out or RESULTS / "free_programs.json"
    results = json.loads(path.read_text()) if args.only and path.is_file() else {"data": {}}
    results["versions"] = versions("scvi-tools", "torch")
    quick = [next(iter(REAL)), *SIMULATIONS]
    for title in args.only or (quick if args.quick else known):
        rows = results["data"][title] = {}
        for arm, row in known[title](title, args):
            rows.setdefault(arm, []).append(row)
            print(title, arm, json.dumps(row), flush=True)
            write(results, "free_programs", args)


if __name__ == "__main__":
    main()
