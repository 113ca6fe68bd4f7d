"""All results as CSV files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _checks as checks
from . import get
from ._keys import ATTRIBUTIONS, DEFAULT_KEY, FREE, KEY, PARAMS, Keys
from ._registry import RESULTS
from .get._main_columns import MAIN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# list of the files that an earlier call wrote, which may be replaced
MANIFEST = "contents.json"
# genes of each program and group, of which attributions have one for each
N_GENES = 100


def export(adata: AnnData, folder: str | os.PathLike[str], *, key: str = DEFAULT_KEY, cells: bool = True) -> list[Path]:
    """Write all results as CSV files, for spreadsheets, R, or the supplement of a paper.

    Parameters
    ----------
    adata
        Data with programs, and with results of crystallin's tools; any of them may be missing.
    folder
        Folder to write to, which is made if it does not exist. Files of an earlier call are replaced. The folder may
        hold other files, but none of the same names.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    cells
        Write the activities of all cells as well, which is by far the largest file. ``False`` leaves it out.

    Returns
    -------
    The paths of the files: ``programs.csv``; ``activities.csv``, with means and standard deviations; ``loadings.csv``;
    a file for each result on these programs, named by its slot in ``adata.uns`` (of attributions, the 100 largest of
    each program and group); and ``contents.json``, which says what each file is, which accessor returns it, its
    columns, and which call computed it with which arguments.

    Raises
    ------
    KeyError
        If there are no programs under ``key``.
    FileExistsError
        If the folder is a file, or holds a file of the same name that this function did not write.

    All tables are read before anything is written.

    Examples
    --------
    >>> cr.export(adata, "results")  # doctest: +SKIP
    """
    checks.check_adata(adata)
    checks.check_table(adata, Keys(key))
    checks.check_bool(cells, "cells")
    folder = Path(folder)
    tables = dict(_tables(adata, key, cells=cells))
    _check_folder(folder, [*tables, MANIFEST])

    folder.mkdir(parents=True, exist_ok=True)
    about = {"crystallin": version("crystallin"), "written": f"{datetime.now():%Y-%m-%d %H:%M}", "files": {}}
    for name, (table, described) in tables.items():
        has_names = table.index.name is not None or name == "activities.csv"
        table.to_csv(folder / name, index=has_names)
        columns = [*([table.index.name or "cell"] if has_names else []), *map(str, table.columns)]
        about["files"][name] = {**described, "rows": len(table), "columns": columns}
    text = json.dumps(about, indent=2, ensure_ascii=False, default=str)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return [folder / name for name in [*tables, MANIFEST]]


def _tables(adata: AnnData, key: str, *, cells: bool) -> Iterator[tuple[str, tuple[pd.DataFrame, dict[str, Any]]]]:
    """Yield file names with their table and what it is."""
    keys = Keys(key)
    has_free = FREE in adata.uns[keys.uns]
    readers: dict[str, tuple[str, Callable[[], pd.DataFrame]]] = {
        "programs": ("programs_df", lambda: get.programs_df(adata, key=key, decoys=True, dropped=True, columns="all")),
    }
    if has_free:
        readers["free_programs"] = ("free_programs_df", lambda: get.free_programs_df(adata, key=key))
    if keys.activity in adata.obsm and cells:
        readers["activities"] = (
            "activity_df",
            lambda: get.activity_df(adata, key=key, decoys=True, free=has_free, sd=True).rename_axis("cell"),
        )
    if keys.loadings in adata.varm:
        readers["loadings"] = ("loadings_df", lambda: get.loadings_df(adata, key=key, decoys=True))
    for name, (accessor, read) in readers.items():
        yield f"{name}.csv", (read(), {"what": name.replace("_", " "), "accessor": f"crystallin.get.{accessor}"})
    for slot in adata.uns:
        tool = checks.kind_of(adata, slot)
        params = adata.uns[slot][PARAMS] if tool else {}
        if not tool or str(params.get(KEY, DEFAULT_KEY)) != key or checks.is_replaced(adata, params):
            continue
        about = RESULTS[tool]
        accessor = getattr(get, about.accessor)
        asked: dict[str, Any] = {"columns": "all"} if about.accessor in MAIN_COLUMNS else {}
        if tool == ATTRIBUTIONS:
            asked["n"] = N_GENES
        described = {"what": about.what, "accessor": f"crystallin.get.{about.accessor}", "call": about.how}
        name = f"{slot}_result" if slot in readers else slot
        yield f"{name}.csv", (accessor(adata, key=slot, **asked), {**described, "arguments": dict(params)})


def _check_folder(folder: Path, names: list[str]) -> None:
    """Raise if a file that is there was not written by an earlier call."""
    if folder.exists() and not folder.is_dir():
        msg = f"folder={str(folder)!r} is a file; give another name."
        raise FileExistsError(msg)
    manifest = folder / MANIFEST
    ours = set(names) & {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if manifest.exists():
        try:
            written = json.loads(manifest.read_text(encoding="utf-8"))
            ours -= {MANIFEST, *written["files"]} if "crystallin" in written else set()
        except (ValueError, KeyError, TypeError):
            pass
    if ours:
        msg = (
            f"{str(folder)!r} already holds {checks.some(sorted(ours))}, which crystallin did not write. Choose "
            "another folder, or remove the file."
        )
        raise FileExistsError(msg)
