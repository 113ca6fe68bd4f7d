"""Columns of the programs that were asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import FREE, NAMES, TABLE, Keys


def activity_values(
    adata: AnnData,
    keys: Keys,
    kind: str,
    *,
    programs: str | Sequence[str] | None = None,
    decoys: bool = False,
    free: bool = False,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names of programs, then of free programs, with posterior means and standard deviations of activities.

    Programs may be free ones, by their whole name or as "free 1"; the names that are returned are those asked for.
    Without names, free programs are included if ``free``. They have a single reading.
    """
    checks.check_activity(adata, keys, kind)
    known = [str(name) for name in adata.uns[keys.uns][NAMES]]
    named = [str(name) for name in adata.uns[keys.uns].get(FREE, {}).get("name", ())]
    columns, names = program_columns(adata, keys, named, programs=programs, decoys=decoys, free=free)
    slots = [(slot, known) for slot in keys.of_kind(kind)]
    if (columns >= len(known)).any():
        checks.check_reading(adata, keys, FREE)
        slots += [(slot, named) for slot in keys.of_kind(FREE)]
    stored = [checks.check_matrix(adata, "obsm", slot, keys, of) for slot, of in slots]
    mean, sd = (np.concatenate(stored[i::2], axis=1)[:, columns] for i in (0, 1))
    return names, mean, sd


def program_columns(
    adata: AnnData,
    keys: Keys,
    free_names: Sequence[str],
    *,
    programs: str | Sequence[str] | None = None,
    decoys: bool = False,
    free: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """Return positions and names of the programs asked for, as described at :func:`activity_values`.

    Positions are those among the names of all programs, followed by ``free_names``.
    """
    checks.check_table(adata, keys)
    names = [str(name) for name in adata.uns[keys.uns][NAMES]]
    if programs is None:
        table = adata.uns[keys.uns][TABLE]
        is_decoy = table.loc[table["kept"].astype(bool), "decoy"].to_numpy(dtype=bool)
        shown = np.append(~is_decoy | decoys, np.full(len(free_names), free))
        every = [*names, *free_names]
        return np.flatnonzero(shown), [every[i] for i in np.flatnonzero(shown)]
    whole = {name: i for i, name in enumerate([*names, *free_names])}
    short = {name.split(" (")[0]: whole[name] for name in free_names}
    wanted = checks.check_program_names(programs, list(whole), short=short)
    # a program may be called "free 1" as well
    place = short | whole
    return np.array([place[name] for name in wanted], dtype=int), wanted
