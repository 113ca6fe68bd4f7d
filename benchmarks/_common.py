"""What the benchmarks share: their options, silence of other packages, and where results and figures go."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ROOT / "docs" / "_static"
# real data and gene sets
DATA = Path(os.environ.get("CRYSTALLIN_DATA_DIR", ROOT.parent / "shared" / "data"))
# Okabe-Ito
BLUE, VERMILION, GREY, BLACK = "#0072B2", "#D55E00", "#999999", "#000000"


def parser(name: str) -> argparse.ArgumentParser:
    """Options of the benchmark ``name``."""
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="small sizes, to check that it runs; writes nothing")
    options.add_argument("--out", type=Path, help=f"file to write instead of benchmarks/results/{name}.json")
    return options


def quiet() -> None:
    """Errors only from lightning and scvi-tools, no warnings."""
    # both set their levels when they are imported
    importlib.import_module("lightning.pytorch")
    scvi = importlib.import_module("scvi")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    scvi.settings.verbosity = logging.ERROR
    warnings.simplefilter("ignore")


def seconds_of(work: Callable[[], object]) -> tuple[object, float]:
    """What ``work`` returns, and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def versions(*packages: str) -> dict[str, str]:
    """Versions of crystallin and of what it was measured with."""
    return {name: version(name) for name in ("crystallin", *packages)}


def write(results: dict, name: str, args: argparse.Namespace) -> None:
    """Results to ``--out`` or their place in the repository; with ``--quick`` alone nowhere."""
    path = args.out or (None if args.quick else RESULTS / f"{name}.json")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")


def save(figure: Figure, name: str, args: argparse.Namespace) -> None:
    """A figure beside ``--out`` or to the documentation; with ``--quick`` alone nowhere."""
    path = args.out.with_suffix(".png") if args.out else (None if args.quick else FIGURES / f"{name}.png")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=140)
