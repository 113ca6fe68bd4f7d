"""Arguments of the command line, and a message and an exit status for every error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ._messages import messages
from ._run import AUTO, demo, run

# exit status of errors that the user can correct, and of interruptions as shells expect it
BAD_INPUT, INTERRUPTED = 2, 130

EXAMPLES = """examples:
  crystallin demo
  crystallin run counts.h5ad --programs immune --out activities.h5ad
  crystallin run counts.h5ad --programs immune --layer counts --n-top-genes 2000 --groupby leiden --annotate \\
      --report report.html --out activities.h5ad
  crystallin run counts.h5ad --programs hallmark.gmt --batch-key batch --groupby condition --sample-key donor \\
      --figures figures --out activities.h5ad
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; bad input ends with a message and status 2."""
    args = _parser().parse_args(argv)
    with messages():
        try:
            args.command(args)
        except (ValueError, KeyError, TypeError, OSError, RuntimeError, ImportError, MemoryError) as error:
            # KeyError prints the repr of its message; MemoryError may have none
            message = error.args[0] if isinstance(error, KeyError) and error.args else str(error)
            sys.stderr.write(f"crystallin: {message or type(error).__name__}\n")
            return BAD_INPUT
        except KeyboardInterrupt:
            sys.stderr.write("crystallin: interrupted; existing output files were not changed.\n")
            return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crystallin",
        description="Gene-program activities from single-cell counts.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"crystallin {version('crystallin')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    command = commands.add_parser("demo", help="run on the embedded data (700 blood cells, no network)")
    command.add_argument(
        "--folder", type=Path, default=Path("crystallin_demo"), help="where to write (default: %(default)s)"
    )
    command.set_defaults(command=demo)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "run",
        help="train on a file of counts and write activities, loadings and figures",
        description="Train on a file of counts and write activities, loadings and figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "input",
        type=Path,
        metavar="IN.h5ad",
        help="raw counts: AnnData (.h5ad, .zarr), or a file (.h5) or folder (matrix.mtx) of Cell Ranger",
    )
    command.add_argument(
        "--programs",
        required=True,
        help="gene sets: 'immune', a .gmt file, a .csv/.tsv of source,target[,weight], enrichr:NAME or msigdb:NAME",
    )
    command.add_argument("--layer", help="layer that holds the counts (default: X)")
    command.add_argument("--batch-key", help="column of obs with batches to correct for")
    command.add_argument("--groupby", help="column of obs whose groups are compared in tables and figures")
    command.add_argument(
        "--sample-key", help="column of obs with samples (donors): groups are then compared across samples"
    )
    command.add_argument(
        "--annotate", action="store_true", help="name the groups of --groupby by their programs (obs: GROUPBY_label)"
    )
    command.add_argument("--report", type=Path, metavar="PAGE.html", help="write all results on one page")
    command.add_argument(
        "--n-top-genes",
        type=_whole,
        metavar="N",
        help="train on so many variable genes and those of the programs; 2000 is usual (default: all genes)",
    )
    command.add_argument("--gene-symbols", help="column of var with gene symbols (default: var_names)")
    command.add_argument(
        "--min-genes", type=_whole, default=5, help="smallest number of a program's genes present (default: 5)"
    )
    command.add_argument("--n-decoys", type=_whole, default=0, help="random sets to train alongside (default: 0)")
    command.add_argument("--screen", action="store_true", help="train only the programs that are awake in these cells")
    command.add_argument(
        "--free",
        type=_whole_or_auto,
        default=0,
        metavar="N",
        help="free programs for variation that no gene set explains: a number, or 'auto' (default: 0)",
    )
    command.add_argument(
        "--n-fits", type=_whole, default=1, help="fits of an ensemble, 3 or more (default: 1, a single model)"
    )
    command.add_argument("--max-epochs", type=_whole, help="epochs of training (default: from the number of cells)")
    command.add_argument("--random-state", type=_whole, default=0, help="seed (default: 0)")
    command.add_argument("--out", type=Path, required=True, metavar="OUT.h5ad", help="file to write (.h5ad or .zarr)")
    command.add_argument("--figures", type=Path, metavar="DIR", help="folder for figures")
    command.set_defaults(command=run)


def _whole_or_auto(text: str) -> int | str:
    if text == AUTO:
        return AUTO
    try:
        return int(text)
    except ValueError:
        msg = f"{text!r} is neither a whole number nor {AUTO!r}"
        raise argparse.ArgumentTypeError(msg) from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        msg = f"{text!r} is not a whole number"
        raise argparse.ArgumentTypeError(msg) from None
