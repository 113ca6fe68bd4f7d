"""The tools that were run, with their versions and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from crystallin import get
from crystallin._keys import ACTIVITY_PARAMS, FREE, PARAMS

from ._blocks import Facts, Section, Table, Text
from ._found import Source
from ._values import count, show

PACKAGES = ("crystallin", "scvi-tools", "torch", "scanpy", "anndata")


def run_section(source: Source) -> Section:
    """Show data, programs, model, versions, and the arguments of each result."""
    adata, stored = source.adata, source.programs
    about: dict[str, Any] = {"Data": f"{count(adata.n_obs, 'cell')}, {count(adata.n_vars, 'gene')}"}
    blocks: list[Any] = []
    if stored:
        table = get.programs_df(adata, key=source.key, decoys=True, columns="all")
        n_decoys = int(table["decoy"].astype(bool).sum())
        decoys = f" and {count(n_decoys, 'decoy')} (random sets)" if n_decoys else ""
        params, model = stored.get(PARAMS, {}), stored.get(ACTIVITY_PARAMS, {})
        about["Programs"] = f"{count(len(table) - n_decoys, 'gene program')}{decoys}, under {source.key!r}"
        if FREE in stored:
            about["Free programs"] = f"{len(stored[FREE])}, for variation that no gene set explains"
        about["Gene sets from"] = params.get("origin", "the model (these cells are a query)")
        about["Hash of the gene sets"] = params.get("prior_digest", "not stored")
        about["Model"] = model.get("model", "no activities were written: crystallin.tl.activity(adata, model)")
        if model:
            about["Hash of the model"] = source.digest or "not stored"
            how = "refined: mode of the posterior" if model.get("refine") else "the encoder's approximation"
            about["Activities"] = f"{how}. {READING}"
        about["Written with"] = f"crystallin {params['crystallin']}" if "crystallin" in params else "not stored"
    else:
        blocks.append(
            Text(f"No programs were added under {source.key!r}, so there is little to report.", "missing", ADD_PROGRAMS)
        )
    about["Clusters"] = f"{len(source.groups):,} of {source.groupby!r}" if source.groupby else "none chosen"
    about["Packages where this page was made"] = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    blocks.append(Facts(about))
    if source.replaced:
        slots = ", ".join(map(repr, source.replaced))
        text = f"Left out, because their programs have been replaced since then: {slots}. Compute them again."
        blocks.append(Text(text, "warning"))
    arguments = _arguments(source)
    if len(arguments):
        blocks.append(Table(arguments, "Arguments of all results", n_first=50, folded=True))
    return Section("What was run", blocks)


def _arguments(source: Source) -> pd.DataFrame:
    entries: dict[str, Mapping[str, Any]] = {source.keys.uns: source.programs.get(PARAMS, {})}
    entries |= {result.slot: result.params for results in source.results.values() for result in results}
    rows = [(slot, name, show(value)) for slot, params in entries.items() for name, value in params.items()]
    return pd.DataFrame(rows, columns=["result", "argument", "value"])


# totals are read by annotations and rules only if they were asked to
READING = "Shown are unique activities (what a program explains beside all other programs), unless total ones are named"
ADD_PROGRAMS = "crystallin.pp.add_programs(adata, …)"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
