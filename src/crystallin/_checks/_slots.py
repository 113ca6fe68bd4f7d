"""Slots for results: names that files can store, and that hold nothing of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crystallin._keys import (
    ACTIVITY_PARAMS,
    ATTRIBUTIONS,
    GROUPS,
    NAMES,
    PARAMS,
    PROGRAMS,
    TABLE,
    TOOL,
    VALUES,
    Keys,
    se_of,
)
from crystallin._registry import RESULTS

from ._words import some


def check_slot_name(name: Any, argument: str) -> None:
    """Raise unless ``name`` can be a key of AnnData that h5ad and zarr files store unchanged."""
    if not isinstance(name, str):
        msg = f"{argument}={name!r} must be a name, not {type(name).__name__}."
        raise TypeError(msg)
    if "/" in name:
        msg = f"{argument}={name!r} cannot name a slot: files split names at '/'. Use a single word, such as 'mine'."
        raise ValueError(msg)
    if not name.strip() or name in (".", "..") or "\0" in name or not _is_text(name):
        msg = (
            f"{argument}={name!r} cannot name a slot, because files would not store it unchanged. Use a single word, "
            "such as 'mine'."
        )
        raise ValueError(msg)


def _is_text(name: str) -> bool:
    """Whether a name can be encoded as UTF-8, which excludes half of a surrogate pair."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def programs_keys(adata: Any) -> list[str]:
    """Return the keys under which programs were added."""
    return [key for key, entry in adata.uns.items() if is_programs(entry)]


def is_programs(entry: Any) -> bool:
    """Whether an entry of ``uns`` holds programs."""
    return isinstance(entry, Mapping) and NAMES in entry and TABLE in entry


def check_programs_key(adata: Any, key: str, argument: str = "key_added") -> None:
    """Raise unless the slots of programs under ``key`` are free, or hold programs and their results."""
    check_slot_name(key, argument)
    keys = Keys(key)
    entry = adata.uns.get(keys.uns)
    ours = set()
    if is_programs(entry):
        ours = keys.slots
        if ACTIVITY_PARAMS not in entry:
            # a slot that exists was not written from these programs
            ours -= {("obsm", slot) for slot in keys.of_cells}
    taken = sorted(f"{where}[{name!r}]" for where, name in keys.slots - ours if name in getattr(adata, where))
    if taken:
        msg = (
            f"{argument}={key!r} would overwrite adata.{', adata.'.join(taken)}, which crystallin did not write for "
            f"programs under this key. Choose another {argument}, or remove them first."
        )
        raise ValueError(msg)
    for other in programs_keys(adata):
        shared = sorted(name for _, name in keys.slots & Keys(other).slots)
        if other != key and shared:
            msg = f"{argument}={key!r} shares slot(s) {some(shared)} with the programs {other!r}; choose another name."
            raise ValueError(msg)


def check_result_key(adata: Any, key_added: str | None, keys: Keys, tool: str) -> str:
    """Return the slot for a tool's result on the programs of ``keys``; ``None`` means their default slot.

    Raises unless ``uns[slot]`` (for attributions also ``varm[slot]``) is free, or a result of the same tool.
    """
    argument = "key_added"
    key = keys.result(tool) if key_added is None else key_added
    check_slot_name(key, argument)
    own = {("uns", key): kind_of(adata, key) == tool}
    if tool == ATTRIBUTIONS:
        # attributions of single cells have no array in varm
        is_own = own["uns", key] and GROUPS in adata.uns[key]
        own |= {("varm", slot): is_own for slot in (key, se_of(key))}
    for (where, slot), is_own in own.items():
        if slot in getattr(adata, where) and not is_own:
            msg = (
                f"{argument}={key!r} would overwrite adata.{where}[{slot!r}], which is not a result of "
                f"crystallin.{RESULTS[tool].room}{tool}. Choose another {argument}, or remove it first: "
                f"del adata.{where}[{slot!r}]."
            )
            raise ValueError(msg)
        for other in programs_keys(adata):
            if (where, slot) in Keys(other).slots:
                msg = f"{argument}={key!r} is a slot of the programs {other!r} (adata.{where}); choose another name."
                raise ValueError(msg)
    return key


def check_new_columns(adata: Any, columns: Mapping[str, str], own: set[str]) -> None:
    """Raise if columns to be added to ``obs`` exist already and are not the tool's ``own``; ``columns`` by argument.

    This protects the user's own labels, which would otherwise be overwritten.
    """
    for argument, column in columns.items():
        check_slot_name(column, argument)
        if column in ("_index", adata.obs.index.name):
            msg = f"{argument}={column!r} is the name of the index of adata.obs; choose another name."
            raise ValueError(msg)
        if column in adata.obs and column not in own:
            msg = (
                f"{argument}={column!r} is already a column of adata.obs, which would be lost; choose another name, or "
                f"drop it first: del adata.obs[{column!r}]."
            )
            raise ValueError(msg)
    repeated = sorted({name for name in columns.values() if list(columns.values()).count(name) > 1})
    if repeated:
        arguments = " and ".join(argument for argument, column in columns.items() if column == repeated[0])
        msg = f"{arguments} are both {repeated[0]!r}; name two different columns."
        raise ValueError(msg)


def kind_of(adata: Any, slot: str) -> str:
    """Return the name of the tool that wrote ``uns[slot]``; empty if it is not a result of a tool."""
    entry = adata.uns.get(slot)
    if not isinstance(entry, Mapping) or not isinstance(entry.get(PARAMS), Mapping) or NAMES in entry:
        return ""
    tool = str(entry[PARAMS].get(TOOL, ""))
    if tool:
        # anndata.concat drops the array in varm
        is_whole = tool != ATTRIBUTIONS or slot in adata.varm or VALUES in entry
        return tool if tool in RESULTS and is_whole else ""
    # results of earlier versions do not record their tool
    table = entry.get(TABLE)
    if isinstance(table, pd.DataFrame):
        fitting = [kind for kind, about in RESULTS.items() if about.column in table]
        return slot if slot in fitting else fitting[0] if fitting else ""
    return ATTRIBUTIONS if PROGRAMS in entry and (slot in adata.varm or VALUES in entry) else ""
