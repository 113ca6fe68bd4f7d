"""The commands ``run`` and ``demo``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from crystallin import _checks as checks
from crystallin import datasets, get
from crystallin._fit import fit
from crystallin._report import report

from ._figures import draw
from ._messages import say
from ._read import read_counts
from ._results import check_results, compute, label_column
from ._slashes import without_slashes
from ._top import top_programs
from ._write import check_folder, check_out, folders, try_out, write

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

# smallest values of whole numbers
MINIMUM = {"min_genes": 1, "n_top_genes": 1, "n_decoys": 0, "n_fits": 1, "max_epochs": 1, "random_state": 0}
# value of --free with which the data choose the number
AUTO = "auto"
# clusters of the embedded data
DEMO_CLUSTERS = "louvain"
# options that name a key, and the slot it is in
KEYS = {"layer": "layers", "batch_key": "obs", "groupby": "obs", "sample_key": "obs", "gene_symbols": "var"}


def run(args: argparse.Namespace) -> None:
    """Train on a file; everything that can be checked is checked before training."""
    for option, minimum in MINIMUM.items():
        if getattr(args, option) is not None:
            checks.check_int(getattr(args, option), f"--{option.replace('_', '-')}", minimum)
    if args.free != AUTO:
        checks.check_int(args.free, "--free", 0)
    check_out(args.out, args.input)
    if args.figures is not None:
        _check_figures(args.figures, args.out)
    adata = read_counts(args.input)
    renamed = without_slashes(adata)
    given = {option: renamed[slot].get(getattr(args, option), getattr(args, option)) for option, slot in KEYS.items()}
    groupby, sample_key = given.pop("groupby"), given.pop("sample_key")
    checks.check_adata(adata)
    checks.check_categories(adata, groupby, "--groupby")
    check_results(adata, groupby, sample_key, annotate=args.annotate, report=args.report)
    places = [args.out.parent, args.figures, args.report and args.report.parent]
    with folders(*(place for place in places if place is not None)):
        try_out(adata, args.out)
        model = fit(
            adata,
            args.programs,
            min_genes=args.min_genes,
            n_top_genes=args.n_top_genes,
            n_decoys=args.n_decoys,
            screen=args.screen,
            n_unannotated=args.free,
            n_fits=args.n_fits,
            max_epochs=args.max_epochs,
            random_state=args.random_state,
            **given,
        )
        if groupby is not None and (args.annotate or args.report or sample_key is not None):
            compute(adata, model, groupby, sample_key, annotate=args.annotate)
        _finish(adata, model, args.out, args.figures, groupby)
        if args.report is not None:
            report(adata, args.report, groupby=groupby)
            logger.info("Wrote %s.", args.report)


def demo(args: argparse.Namespace) -> None:
    """Train on the embedded data, name its clusters and write the report."""
    out = args.folder / "pbmc68k.h5ad"
    check_folder(args.folder, "--folder")
    check_out(out)
    adata = datasets.pbmc68k()
    with folders(args.folder):
        # the embedded panel has 765 genes only, so small sets are allowed
        model = fit(adata, "immune", layer="counts", min_genes=3)
        compute(adata, model, DEMO_CLUSTERS, None, annotate=True)
        _finish(adata, model, out, args.folder, label_column(DEMO_CLUSTERS))
        page = args.folder / "report.html"
        report(adata, page, groupby=DEMO_CLUSTERS)
        logger.info("Wrote %s.", page)


def _check_figures(figures: Path, out: Path) -> None:
    check_folder(figures, "--figures")
    if out.absolute() in (figures.absolute(), *figures.absolute().parents):
        msg = f"--figures {str(figures)!r} is --out or lies in it; give another folder."
        raise ValueError(msg)


def _finish(adata: AnnData, model: ProgramVAE, out: Path, figures: Path | None, groupby: str | None) -> None:
    write(adata, out)
    logger.info("Wrote %s.", out)
    acts = get.activity(adata)
    top = None
    if groupby is not None:
        # scanpy's plots need categories
        acts.obs[groupby] = acts.obs[groupby].astype("category")
        top = top_programs(acts, groupby)
        say(f"\nMost active programs by {groupby} (Cohen's d of unique activities against all other cells):\n")
        for group, programs in top.items():
            listed = ", ".join(f"{name} ({effect:+.1f})" for name, effect in programs.items())
            say(f"  {group}: {listed or 'none stands out'}\n")
    if len(model.free_names):
        say("\nFree programs, for variation that no gene set explains, with their most typical genes:\n")
        for name in model.free_names:
            say(f"  {name}\n")
    if figures is not None:
        draw(adata, acts, model, figures, groupby, top)
