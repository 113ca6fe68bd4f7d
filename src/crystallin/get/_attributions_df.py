"""Attributions as a tidy table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import ATTRIBUTIONS, CELLS, GENES, GROUPS, NAMES, PARAMS, PROGRAMS, VALUES, Keys, se_of


def attributions_df(
    adata: AnnData,
    program: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    *,
    n: int | None = None,
    members: bool | None = None,
    key: str = ATTRIBUTIONS,
) -> pd.DataFrame:
    """Return the attributions of activities to genes, the largest first, from :func:`crystallin.tl.attributions`.

    Parameters
    ----------
    adata
        Data with attributions.
    program
        Names of the programs to return; ``None`` returns all.
    group
        Names of the groups (for ``level="cell"``, of the cells) to return; ``None`` returns all.
    n
        Number of genes to return for each program and group, by absolute attribution; ``None`` returns all.
    members
        ``True`` returns genes of the program only, ``False`` genes outside it only, ``None`` both.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New tidy DataFrame with columns ``program``, ``group`` (or ``cell``), ``gene``, ``attribution``, ``se`` (standard
    error of a mean that was estimated), ``member`` (of the program), ``added`` (by :func:`crystallin.complete`) and
    ``rank`` (1 = largest absolute attribution among those kept).

    Raises
    ------
    KeyError
        If there are no attributions, or none of a program.
    ValueError
        If there is no such group or cell.

    Examples
    --------
    >>> cr.get.attributions_df(adata, "B cell", "CD19+ B", n=20)  # doctest: +SKIP
    """
    slot = checks.check_result(adata, key, ATTRIBUTIONS)
    if n is not None:
        checks.check_int(n, "n", 1)
    stored = adata.uns[slot]
    programs = [str(name) for name in stored[PROGRAMS]]
    wanted = programs if program is None else checks.check_program_names(program, programs, "program")
    of_cells = VALUES in stored
    what = "cell" if of_cells else "group"
    labels = [str(name) for name in stored[CELLS if of_cells else GROUPS]]
    chosen = labels if group is None else checks.check_among(group, what, labels)
    if of_cells:
        # if adata was subset since then, some of these genes are no longer in it
        genes = np.array([str(name) for name in stored[GENES]])
        values = np.asarray(stored[VALUES]).transpose(1, 2, 0)
    else:
        genes = adata.var_names.to_numpy(dtype=str)
        values = _by_group(adata, slot)
    errors = None if of_cells or se_of(slot) not in adata.varm else _by_group(adata, se_of(slot))
    keys = Keys(str(stored[PARAMS]["key"]))
    checks.check_table(adata, keys)
    if keys.prior not in adata.varm:
        msg = f"adata.varm[{keys.prior!r}] no longer has the genes of programs; call crystallin.pp.add_programs again."
        raise KeyError(msg)
    is_member = _members(adata, keys, keys.prior, genes)
    is_added = _members(adata, keys, keys.added, genes) if keys.added in adata.varm else is_member & False
    parts = []
    for name in wanted:
        own = is_member[name].to_numpy() if name in is_member else np.zeros(len(genes), dtype=bool)
        for label in chosen:
            place = programs.index(name), labels.index(label)
            column = values[:, *place]
            keep = ~np.isnan(column) if members is None else ~np.isnan(column) & (own == members)
            order = np.flatnonzero(keep)[np.argsort(-np.abs(column[keep]), kind="stable")[:n]]
            part = {"program": name, what: label, "gene": genes[order], "attribution": column[order]}
            part |= {} if errors is None else {"se": errors[order, *place]}
            new = is_added[name].to_numpy()[order] if name in is_added else False
            parts.append(
                pd.DataFrame(part | {"member": own[order], "added": new, "rank": np.arange(1, len(order) + 1)})
            )
    return pd.concat(parts, ignore_index=True)


def _by_group(adata: AnnData, slot: str) -> np.ndarray:
    """Return an array of ``varm`` as genes x programs x groups; one over all cells has a single group."""
    values = np.asarray(adata.varm[slot])
    return values[:, :, None] if values.ndim == 2 else values


def _members(adata: AnnData, keys: Keys, slot: str, genes: np.ndarray) -> pd.DataFrame:
    """Whether each gene is a member of each program by this slot of ``varm``, genes x programs."""
    names = [str(name) for name in adata.uns[keys.uns][NAMES]]
    member = sparse.csr_matrix(checks.check_matrix(adata, "varm", slot, keys)).toarray() != 0
    prior = pd.DataFrame(member, index=adata.var_names.astype(str), columns=names)
    return prior.reindex(genes, fill_value=False)
