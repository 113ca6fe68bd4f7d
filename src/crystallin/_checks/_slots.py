"""Where results are to be written: slots that can be written and read back, and hold nothing of the user's."""

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
    RESULTS,
    TABLE,
    TOOL,
    VALUES,
    Keys,
)

from ._words import some


def check_slot_name(name: Any, argument: str) -> None:
    """Raise unless ``name`` can be a key of AnnData that h5ad and zarr files give back."""
    if not isinstance(name, str):
        msg = f"{argument}={name!r} must be a name, not {type(name).__name__}."
        raise TypeError(msg)
    if "/" in name:
        msg = f"{argument}={name!r} cannot name a slot: files split names at '/'. Give a word, such as 'mine'."
        raise ValueError(msg)
    if not name.strip() or name in (".", "..") or "\0" in name or not _is_text(name):
        msg = f"{argument}={name!r} cannot name a slot, as files would not give it back. Give a word, such as 'mine'."
        raise ValueError(msg)


def _is_text(name: str) -> bool:
    """Whether a name can be written; half of a character cannot."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def programs_keys(adata: Any) -> list[str]:
    """Keys under which programs were added."""
    return [key for key, entry in adata.uns.items() if is_programs(entry)]


def is_programs(entry: Any) -> bool:
    """Whether an entry of ``uns`` is that of programs."""
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
            # what is there was not written from these programs
            ours -= {("obsm", keys.activity), ("obsm", keys.sd)}
    taken = sorted(f"{where}[{name!r}]" for where, name in keys.slots - ours if name in getattr(adata, where))
    if taken:
        msg = (
            f"{argument}={key!r} would overwrite adata.{', adata.'.join(taken)}, which crystallin did not write from "
            f"programs of this key. Give another {argument}, or remove them first."
        )
        raise ValueError(msg)
    for other in programs_keys(adata):
        shared = sorted(name for _, name in keys.slots & Keys(other).slots)
        if other != key and shared:
            msg = f"{argument}={key!r} shares slot(s) {some(shared)} with the programs {other!r}; give another name."
            raise ValueError(msg)


def check_result_key(adata: Any, key_added: str | None, keys: Keys, tool: str) -> str:
    """Return the slot for a tool's result on the programs of ``keys``; ``None`` is the one that is theirs.

    Raises unless ``uns[slot]`` (for attributions also ``varm[slot]``) is free, or a result of the same tool.
    """
    argument = "key_added"
    key = keys.result(tool) if key_added is None else key_added
    check_slot_name(key, argument)
    own = {"uns": kind_of(adata, key) == tool}
    if tool == ATTRIBUTIONS:
        # those of single cells have no array of genes
        own["varm"] = own["uns"] and GROUPS in adata.uns[key]
    for where, is_own in own.items():
        if key in getattr(adata, where) and not is_own:
            msg = (
                f"{argument}={key!r} would overwrite adata.{where}[{key!r}], which is no result of "
                f"crystallin.tl.{tool}. Give another {argument}, or remove it first: del adata.{where}[{key!r}]."
            )
            raise ValueError(msg)
        for other in programs_keys(adata):
            if (where, key) in Keys(other).slots:
                msg = f"{argument}={key!r} is a slot of the programs {other!r} (adata.{where}); give another name."
                raise ValueError(msg)
    return key


def check_new_columns(adata: Any, columns: Mapping[str, str], own: set[str]) -> None:
    """Raise unless columns to be added to ``obs`` are free, or among the tool's ``own``; ``columns`` by argument.

    Published labels are easily lost.
    """
    for argument, column in columns.items():
        check_slot_name(column, argument)
        if column in ("_index", adata.obs.index.name):
            msg = f"{argument}={column!r} is the name of the index of adata.obs; give another name."
            raise ValueError(msg)
        if column in adata.obs and column not in own:
            msg = (
                f"{argument}={column!r} is a column of adata.obs already, which would be lost; give another name, or "
                f"drop it first: del adata.obs[{column!r}]."
            )
            raise ValueError(msg)
    repeated = sorted({name for name in columns.values() if list(columns.values()).count(name) > 1})
    if repeated:
        arguments = " and ".join(argument for argument, column in columns.items() if column == repeated[0])
        msg = f"{arguments} are both {repeated[0]!r}; give two columns."
        raise ValueError(msg)


def kind_of(adata: Any, slot: str) -> str:
    """Which tool's result ``uns[slot]`` is; empty if of none."""
    entry = adata.uns.get(slot)
    if not isinstance(entry, Mapping) or not isinstance(entry.get(PARAMS), Mapping) or NAMES in entry:
        return ""
    tool = str(entry[PARAMS].get(TOOL, ""))
    if tool:
        # anndata's concat leaves arrays of genes out
        is_whole = tool != ATTRIBUTIONS or slot in adata.varm or VALUES in entry
        return tool if tool in RESULTS and is_whole else ""
    # results of earlier versions do not name their tool
    table = entry.get(TABLE)
    if isinstance(table, pd.DataFrame):
        fitting = [kind for kind, about in RESULTS.items() if about.column in table]
        return slot if slot in fitting else fitting[0] if fitting else ""
    return ATTRIBUTIONS if PROGRAMS in entry and (slot in adata.varm or VALUES in entry) else ""
