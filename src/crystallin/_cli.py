"""The command line: from a file of counts to activities, loadings and figures."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import _checks as checks
from . import datasets, get, pl
from ._fit import fit
from .stats import effects_of_those_up

if TYPE_CHECKING:
    from anndata import AnnData

    from .model import ProgramVAE

logger = logging.getLogger("crystallin")

# programs shown for each group
TOP = 5
# panels of the loadings figure
MAX_PANELS = 12


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; bad input ends with a message and status 2."""
    args = _parser().parse_args(argv)
    _report_progress()
    try:
        args.command(args)
    except (ValueError, KeyError, TypeError, OSError) as error:
        # KeyError prints the repr of its message
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        sys.stderr.write(f"crystallin: {message}\n")
        return 2
    return 0


def _report_progress() -> None:
    """Send this package's messages to standard error."""
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # to a terminal a warning is its message, not the line of code it came from
    warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crystallin", description="Gene-program activities from single-cell counts.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train on an .h5ad file and write activities, loadings and figures")
    run.add_argument("input", type=Path, metavar="IN.h5ad", help="AnnData with raw counts")
    run.add_argument(
        "--programs",
        required=True,
        help="gene sets: 'immune', a .gmt file, a .csv/.tsv of source,target[,weight], enrichr:NAME or msigdb:NAME",
    )
    run.add_argument("--layer", help="layer that holds the counts (default: X)")
    run.add_argument("--batch-key", help="column of obs with batches to correct for")
    run.add_argument("--groupby", help="column of obs whose groups are compared in tables and figures")
    run.add_argument("--gene-symbols", help="column of var with gene symbols (default: var_names)")
    run.add_argument(
        "--min-genes", type=int, default=5, help="smallest number of a program's genes present (default: 5)"
    )
    run.add_argument("--n-decoys", type=int, default=0, help="random sets to train alongside (default: 0)")
    run.add_argument("--max-epochs", type=int, help="epochs of training (default: from the number of cells)")
    run.add_argument("--random-state", type=int, default=0, help="seed (default: 0)")
    run.add_argument("--out", type=Path, required=True, metavar="OUT.h5ad", help="file to write")
    run.add_argument("--figures", type=Path, metavar="DIR", help="folder for figures")
    run.set_defaults(command=_run)

    demo = commands.add_parser("demo", help="run on the embedded data (700 blood cells, no network)")
    demo.add_argument(
        "--folder", type=Path, default=Path("crystallin_demo"), help="where to write (default: %(default)s)"
    )
    demo.set_defaults(command=_demo)
    return parser


def _run(args: argparse.Namespace) -> None:
    import anndata

    if not args.input.is_file():
        msg = f"There is no file {str(args.input)!r}."
        raise FileNotFoundError(msg)
    if args.out.exists() and args.out.samefile(args.input):
        msg = f"--out is the input {str(args.input)!r}; give another file."
        raise ValueError(msg)
    adata = anndata.read_h5ad(args.input)
    checks.check_adata(adata)
    checks.check_categories(adata, args.groupby, "--groupby")
    for folder in (args.out.parent, *([args.figures] if args.figures else [])):
        folder.mkdir(parents=True, exist_ok=True)
    _silence_lightning()
    model = fit(
        adata,
        args.programs,
        layer=args.layer,
        batch_key=args.batch_key,
        gene_symbols=args.gene_symbols,
        min_genes=args.min_genes,
        n_decoys=args.n_decoys,
        max_epochs=args.max_epochs,
        random_state=args.random_state,
    )
    _write(adata, model, args.out, args.figures, args.groupby)


def _demo(args: argparse.Namespace) -> None:
    args.folder.mkdir(parents=True, exist_ok=True)
    adata = datasets.pbmc68k()
    # the embedded panel has 765 genes, so small sets are let in
    _silence_lightning()
    model = fit(adata, "immune", layer="counts", min_genes=3)
    _write(adata, model, args.folder / "pbmc68k.h5ad", args.folder, "bulk_labels")


def _silence_lightning() -> None:
    """Its messages are about hardware and loggers; importing it sets the level, so it is imported first."""
    from . import model  # noqa: F401

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def _write(adata: AnnData, model: ProgramVAE, out: Path, figures: Path | None, groupby: str | None) -> None:
    adata.write_h5ad(out)
    logger.info("Wrote %s.", out)
    acts = get.activity(adata)
    top = None
    if groupby is not None:
        # scanpy's plots want categories
        acts.obs[groupby] = acts.obs[groupby].astype("category")
        top = top_programs(acts, groupby)
        sys.stdout.write(f"\nMost active programs by {groupby} (Cohen's d against all other cells):\n")
        for group, programs in top.items():
            listed = ", ".join(f"{name} ({effect:+.1f})" for name, effect in programs.items())
            sys.stdout.write(f"  {group}: {listed or 'none stands out'}\n")
    if figures is not None:
        _draw(adata, acts, model, figures, groupby, top)


def top_programs(acts: AnnData, groupby: str, n: int = TOP) -> dict[str, pd.Series]:
    """Programs with the largest Cohen's d in each group of ``acts`` (cells x programs), of those clearly up in it."""
    groups = acts.obs[groupby].astype("category").cat.remove_unused_categories()
    codes, names = groups.cat.codes.to_numpy(), groups.cat.categories.astype(str)
    effect = effects_of_those_up(np.asarray(acts.X), codes, len(names))
    shown = pd.DataFrame(effect, index=names, columns=acts.var_names)
    return {group: row.dropna().nlargest(n) for group, row in shown.iterrows()}


def _draw(
    adata: AnnData,
    acts: AnnData,
    model: ProgramVAE,
    folder: Path,
    groupby: str | None,
    top: dict[str, pd.Series] | None,
) -> None:
    import matplotlib.pyplot as plt
    import scanpy as sc

    def save(name: str) -> None:
        path = folder / f"{name}.png"
        plt.gcf().savefig(path, dpi=150, bbox_inches="tight")
        plt.close("all")
        logger.info("Wrote %s.", path)

    plt.switch_backend("agg")
    # the clearest first: figures that hold only a few programs show different groups
    best = pd.concat([programs.head(2) for programs in top.values()]) if top else pd.Series(dtype=float)
    shown = list(dict.fromkeys(best.sort_values(ascending=False).index))
    if not shown:
        varied = np.argsort(-np.asarray(acts.X).std(axis=0))[:MAX_PANELS]
        shown = list(acts.var_names[varied])
    pl.history(model)
    save("history")
    pl.loadings(adata, shown[:MAX_PANELS])
    save("loadings")
    if groupby is not None:
        means = acts[:, shown].to_df().groupby(acts.obs[groupby], observed=True).mean()
        # one colour scale on which a single group far out does not pale the others
        limit = max(float(means.abs().stack().quantile(0.95)), 0.5)
        colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        sc.pl.matrixplot(acts, shown, groupby=groupby, show=False, colorbar_title="activity", **colours)
        save("matrixplot")
    if "X_umap" not in acts.obsm:
        sc.pp.neighbors(acts, use_rep="X")
        sc.tl.umap(acts)
    color = [*([groupby] if groupby else []), *shown[:5]]
    # room for the legend of the groups beside the first panel
    wspace = 0.1 + 0.012 * max([0, *map(len, top or [])])
    values = acts.to_df().abs()
    limits = [None if name == groupby else float(values[name].quantile(0.99)) for name in color]
    lows = [None if limit is None else -limit for limit in limits]
    sc.pl.umap(
        acts, color=color, cmap="RdBu_r", vmin=lows, vmax=limits, ncols=3, wspace=wspace, frameon=False, show=False
    )
    save("umap")
