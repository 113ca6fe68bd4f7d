"""crystallin: gene programs you can see through.

A variational autoencoder for single-cell counts whose latent dimensions are gene programs, based on scvi-tools and used
like scanpy.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from . import datasets, get, pl, pp, tl
from ._complete import complete
from ._ensemble import ensemble
from ._export import export
from ._fit import fit
from ._load import load
from ._map import calibrate, extend, map
from ._power import power
from ._report import report
from ._store import open_store, update_store
from .programs import write_gmt

if TYPE_CHECKING:
    from .model import ProgramEnsemble, ProgramVAE

__all__ = [
    "ProgramEnsemble",
    "ProgramVAE",
    "calibrate",
    "complete",
    "datasets",
    "ensemble",
    "export",
    "extend",
    "fit",
    "get",
    "load",
    "map",
    "open_store",
    "pl",
    "power",
    "pp",
    "report",
    "tl",
    "update_store",
    "write_gmt",
]

__version__ = version("crystallin")


def __getattr__(name: str) -> Any:
    # torch and scvi-tools take seconds to import, and reading or plotting results does not need them
    if name in ("ProgramEnsemble", "ProgramVAE"):
        from . import model

        return getattr(model, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
