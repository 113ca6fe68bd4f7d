"""Gene sets with the genes that an audit suggested."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import ADDITIONS, AUDIT_PROGRAMS, DEFAULT_KEY, KEY, NAMES, PARAMS, TABLE, Keys

from ._audit_df import MEMBER, audit_df

ORIGINAL, ADDED = "original", "added"
EDGE = ["source", "target"]
# columns of the audit, and what they hold for programs that were not audited
OF_AUDIT = {"loading": np.nan, "q": np.nan, "verdict": "", "replicated": False}
# parameters that say where the added genes come from
PROVENANCE = ("crystallin", "fdr", "min_loading", "realised")


def completed_programs(adata: AnnData, *, drop_contradicting: bool = False, key: str = AUDIT_PROGRAMS) -> pd.DataFrame:
    """Return the gene sets with the genes that were suggested for them, or added to them.

    Suggestions are those of :func:`crystallin.tl.audit_programs`. After :func:`crystallin.complete`, give the key of
    the completed programs. The result can be given to :func:`crystallin.pp.add_programs` and
    :func:`crystallin.write_gmt`. Decoys and sets that are not programs of the collection are left out, and so are the
    genes of a set that are not in the data.

    Parameters
    ----------
    adata
        Data with the result and its programs.
    drop_contradicting
        Leave out members with the verdict ``"contradicts"``, unless these are all members of a program.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame with one row for each program and gene: first the members, in the order of the genes of ``adata``,
    then the suggested genes, in the order of the audit. Columns

    - ``source``: the program;
    - ``target``: the gene, as in ``adata.var_names``;
    - ``weight``: of members their weight in the gene set, of suggested genes 1, or -1 if they fall when the activity
      rises;
    - ``origin``: ``"original"`` for members of the gene sets, ``"added"`` for genes that were suggested or added;
    - ``loading``, ``q``, ``verdict``, ``replicated``: as in :func:`crystallin.get.audit_df`, and for added genes as
      they were found; NaN, empty and ``False`` where they are not known (``replicated`` is of added genes only).

    ``attrs`` of the DataFrame holds the version of crystallin and the error rate that the audit was asked for.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or no programs.
    ValueError
        If the programs were added again since they were audited, or the genes of ``adata`` were changed.

    Examples
    --------
    >>> completed = cr.get.completed_programs(adata)  # doctest: +SKIP
    >>> cr.pp.add_programs(adata, completed, key_added="completed")  # doctest: +SKIP
    """
    audit = audit_df(adata, key=key, columns="all")
    params = adata.uns[checks.check_result(adata, key, AUDIT_PROGRAMS)][PARAMS]
    keys = Keys(str(params.get(KEY, DEFAULT_KEY)))
    checks.check_programs(adata, keys)
    audit = audit.rename(columns={"program": EDGE[0], "gene": EDGE[1]}).astype(dict.fromkeys(EDGE, object))
    members = _members(adata, keys).merge(
        audit.loc[audit["kind"] == MEMBER, [*EDGE, *OF_AUDIT]], on=EDGE, how="left", validate="one_to_one"
    )
    if drop_contradicting:
        follows = members["verdict"] != "contradicts"
        members = members[follows | ~follows.groupby(members["source"]).transform("any")]
    members = _as_found(members, adata.uns[keys.uns].get(ADDITIONS))
    added = audit[audit["verdict"] == "suggested"].assign(origin=ADDED)
    names = list(members["source"].unique())
    there = pd.MultiIndex.from_frame(added[EDGE]).isin(pd.MultiIndex.from_frame(members[EDGE]))
    added = added[added["source"].isin(names) & ~there]
    found = pd.concat([members, added[list(members)]], ignore_index=True) if len(added) else members
    place = found["source"].map({name: i for i, name in enumerate(names)})
    found = found.loc[place.sort_values(kind="stable").index].reset_index(drop=True)
    for column, empty in OF_AUDIT.items():
        # as objects, because text may be categories or nullable
        values = found[column].astype(object)
        found[column] = values.where(values.notna(), empty).astype(type(empty) if empty != "" else object)
    found.attrs = {name: _plain(params[name]) for name in PROVENANCE if name in params}
    return found


def _as_found(members: pd.DataFrame, additions: pd.DataFrame | None) -> pd.DataFrame:
    """Return members with the evidence by which those that were added had been found."""
    if additions is None or not len(additions):
        return members
    evidence = additions.rename(columns={"program": EDGE[0], "gene": EDGE[1]}).astype(dict.fromkeys(EDGE, object))
    evidence = evidence.assign(verdict="suggested").set_index(EDGE)[list(OF_AUDIT)]
    place = evidence.index.get_indexer(pd.MultiIndex.from_frame(members[EDGE]))
    members = members.copy()
    for column in OF_AUDIT:
        known = evidence[column].to_numpy(dtype=object)[place]
        members[column] = np.where(place >= 0, known, members[column].astype(object))
    return members


def _members(adata: AnnData, keys: Keys) -> pd.DataFrame:
    """Return the members of all programs that are no decoys, by program and in the order of the genes."""
    prior = sparse.csc_matrix(checks.check_matrix(adata, "varm", keys.prior, keys))
    prior.eliminate_zeros()
    prior.sort_indices()
    names = np.array([str(name) for name in adata.uns[keys.uns][NAMES]], dtype=object)
    genes = np.array([str(name) for name in adata.var_names], dtype=object)
    table = adata.uns[keys.uns][TABLE]
    decoys = set(table.loc[table["decoy"].astype(bool), "name"].astype(str))
    found = pd.DataFrame(
        {
            "source": np.repeat(names, np.diff(prior.indptr)),
            "target": genes[prior.indices],
            "weight": prior.data.astype(float),
            "origin": ORIGINAL,
        }
    )
    if keys.added in adata.varm:
        added = sparse.csc_matrix(checks.check_matrix(adata, "varm", keys.added, keys))
        place = np.repeat(np.arange(len(names)), np.diff(prior.indptr))
        is_added = np.asarray(added[prior.indices, place]).ravel() != 0
        found["origin"] = np.where(is_added, ADDED, ORIGINAL).astype(object)
    return found[~found["source"].isin(decoys)]


def _plain(value: object) -> object:
    """Return a number of numpy as one of Python, and anything else as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, int | float) else str(value)
