"""How long does each public call take on 10,000 cells?

    python benchmarks/calls.py            # writes benchmarks/results/calls.json
    python benchmarks/calls.py --quick    # a small check that writes nothing

Ten thousand simulated cells x 2,000 genes (100 true programs and 100 decoys, six donors, two conditions, eight types),
in memory. Each call has the defaults of its options, except for the arguments that it cannot do without, in one process
and in the order of the table. The bar is two minutes, or a progress bar: crystallin shows one for every pass over cells
that takes longer than ten seconds if standard error is a terminal or a notebook, which is counted here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import anndata as ad
import torch
from _common import parser, quiet, seconds_of, versions, write
from training import peak_mb

import crystallin as cr
from crystallin import _progress

BAR_SECONDS = 120
TYPES, CONDITIONS = "cell_type", "condition"


def calls(adata: ad.AnnData, model: cr.ProgramVAE) -> dict[str, Callable[[], object]]:
    """Calls by what they are, in an order in which each finds what it needs."""
    program, group = model.program_names[0], adata.obs[TYPES].cat.categories[0]
    tl = cr.tl
    return {
        "tl.activity": lambda: tl.activity(adata, model),
        "tl.loadings": lambda: tl.loadings(adata, model),
        "tl.rank_programs_groups, types": lambda: tl.rank_programs_groups(adata, model, TYPES),
        "tl.rank_programs_groups, donors": lambda: tl.rank_programs_groups(
            adata, model, CONDITIONS, reference="ctrl", sample_key="donor", within=TYPES
        ),
        "tl.annotate": lambda: tl.annotate(adata, model, TYPES),
        "tl.rules": lambda: tl.rules(adata, TYPES),
        "tl.attributions, by type": lambda: tl.attributions(adata, model, groupby=TYPES),
        "tl.attributions, all cells": lambda: tl.attributions(adata, model),
        "tl.attributions, one program": lambda: tl.attributions(adata, model, groupby=TYPES, programs=program),
        "tl.contrast": lambda: tl.contrast(adata, model, program, groupby=TYPES, group=group),
        "tl.contrast, integrated gradients": lambda: tl.contrast(
            adata, model, program, groupby=TYPES, group=group, method="integrated_gradients"
        ),
        "tl.attribution_agreement": lambda: tl.attribution_agreement(adata, model, TYPES),
        "tl.knockdown": lambda: tl.knockdown(adata, model, genes=list(adata.var_names[:5]), groupby=TYPES),
        "tl.interactions": lambda: tl.interactions(adata, model, program, groupby=TYPES, group=group),
        "tl.leakage": lambda: tl.leakage(adata, model),
        "tl.leakage, by type": lambda: tl.leakage(adata, model, groupby=TYPES),
        "tl.program_importance": lambda: tl.program_importance(adata, model, groupby=TYPES),
        "tl.programs_overview": lambda: tl.programs_overview(adata, model, TYPES),
        "tl.audit_programs": lambda: tl.audit_programs(adata, model, sample_key="donor"),
        "tl.faithfulness": lambda: tl.faithfulness(adata, model),
        "cr.ensemble": lambda: cr.ensemble(adata, model),
    }


def main() -> None:
    args = parser("calls").parse_args()
    quiet()
    bars: list[str] = []

    class Counted(_progress.tqdm):
        """Progress bar that says when it was drawn."""

        def display(self, *args: object, **kwargs: object) -> bool:
            bars.append(self.desc)
            return True

    # as in a terminal
    _progress.tqdm, _progress.is_watched = Counted, lambda: True
    size = (1_000, 300) if args.quick else (10_000, 2_000)
    few = {"n_programs": 10, "n_decoys": 10, "program_size": (10, 30)} if args.quick else {}
    adata = cr.datasets.simulate(*size, n_donors=6, conditions=("ctrl", "stim"), **few)
    adata.obs[TYPES] = adata.obs[TYPES].astype("category")
    cr.ProgramVAE.setup_anndata(adata)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    results: dict = {
        "versions": versions("scvi-tools", "torch"),
        "threads": torch.get_num_threads(),
        "bar_seconds": BAR_SECONDS,
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "programs": len(adata.uns["programs"]["names"]),
        "calls": [],
    }

    def timed(name: str, call: Callable[[], object]) -> None:
        bars.clear()
        _, seconds = seconds_of(call)
        results["calls"].append({"call": name, "seconds": round(seconds, 1), "progress_bar": bool(bars)})
        print(json.dumps(results["calls"][-1]), file=sys.stderr, flush=True)
        write(results | {"peak_mb": peak_mb()}, "calls", args)

    timed("pp.screen_programs", lambda: cr.pp.screen_programs(adata))
    model = cr.ProgramVAE(adata)
    timed("ProgramVAE.train", model.train)
    for name, call in calls(adata, model).items():
        timed(name, call)


if __name__ == "__main__":
    main()
