"""Keys with slashes, which files interpret as folders."""

from __future__ import annotations

import logging
from collections.abc import Collection, MutableMapping
from typing import Any

import pandas as pd
from anndata import AnnData

logger = logging.getLogger(__name__)

SLOTS = ("layers", "obsm", "varm", "obsp", "varp")


def without_slashes(adata: AnnData) -> dict[str, dict[str, str]]:
    """Rename columns and keys that contain a slash, in place, because files cannot store them; log each change.

    Returns
    -------
    For each slot the new name of each old one.
    """
    renamed = {slot: _renamed_keys(getattr(adata, slot)) for slot in SLOTS}
    renamed["uns"] = _renamed_keys(adata.uns)
    for slot in ("obs", "var"):
        renamed[slot] = _renamed_columns(getattr(adata, slot))
    if adata.raw is not None:
        _renamed_columns(adata.raw.var)
        _renamed_keys(adata.raw.varm)
    for slot, names in renamed.items():
        for old, new in names.items():
            logger.warning("Renamed %r of %s to %r: a slash in a key cannot be written.", old, slot, new)
    return renamed


def _renamed_columns(table: pd.DataFrame) -> dict[str, str]:
    names = _new_names(table.columns)
    if names:
        table.columns = [names.get(column, column) for column in table.columns]
    return names


def _renamed_keys(mapping: MutableMapping[str, Any]) -> dict[str, str]:
    """Rename the keys of a slot, and those of dicts within it."""
    names = _new_names(mapping)
    for old, new in names.items():
        mapping[new] = mapping.pop(old)
    for value in mapping.values():
        if isinstance(value, dict):
            _renamed_keys(value)
    return names


def _new_names(keys: Collection[Any]) -> dict[str, str]:
    taken = set(keys)
    names = {}
    for old in keys:
        if isinstance(old, str) and "/" in old:
            new = old.replace("/", "_")
            while new in taken:
                new += "_"
            taken.add(new)
            names[old] = new
    return names
