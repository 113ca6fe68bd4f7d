"""Restore an AnnData if a call that writes several slots fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

FRAMES, MAPPINGS = ("obs", "var"), ("obsm", "varm", "layers", "obsp", "varp")


@contextmanager
def unchanged_on_error(adata: Any) -> Iterator[None]:
    """Restore columns, slots and ``uns`` if the block raises an error or is interrupted.

    Arrays are not copied, so the block may replace them but not write into them; nor may it change ``X``.
    """
    frames = {name: getattr(adata, name).copy(deep=False) for name in FRAMES}
    mappings = {name: dict(getattr(adata, name)) for name in MAPPINGS}
    uns = _copied(adata.uns)
    try:
        yield
    except BaseException:
        for name, frame in frames.items():
            setattr(adata, name, frame)
        for name, before in mappings.items():
            _put_back(getattr(adata, name), before)
        adata.uns = uns
        raise


def _copied(value: Any) -> Any:
    """Copy dictionaries and tables, but not the objects in them."""
    if isinstance(value, Mapping):
        return {key: _copied(entry) for key, entry in value.items()}
    return value.copy(deep=False) if isinstance(value, pd.DataFrame) else value


def _put_back(mapping: Any, before: dict[str, Any]) -> None:
    for key in set(mapping) - set(before):
        del mapping[key]
    for key, value in before.items():
        # anndata 0.13 lists X among the layers, under the name None
        if key is not None and (key not in mapping or mapping[key] is not value):
            mapping[key] = value
