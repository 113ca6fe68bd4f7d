"""Share of a program's activity that is attributed to genes outside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, LEAKAGE, PARAMS, TABLE, Keys, given

from ._shared import add_to_table, choose_cells, members, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


# target and method of each column; with these methods, attributions sum exactly to the target
TARGETS = {"leakage": ("activity", "contributions"), "leakage_encoder": ("encoder", "integrated_gradients")}


@on_model_genes
def leakage(
    adata: AnnData,
    model: ProgramVAE,
    *,
    groupby: str | None = None,
    max_cells: int | None = 500,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Compute the share of each program's attributions that falls on genes outside the program.

    The share refers to absolute attributions of single cells, averaged over cells. For the refined activity, which
    :func:`crystallin.tl.activity` writes, leakage has two sources: programs that overlap share what they explain, and
    expression is relative to the cell's total counts, so that every gene contributes a little. For the encoder, at
    which refinement starts, leakage is the contribution of its context network.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells.
    max_cells
        Largest number of cells to use from each group, drawn at random. A few hundred are enough for a stable share.
        ``None`` uses all.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result by group. ``None`` uses ``"leakage"``, or ``key + "_leakage"`` for programs under
        another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key]["table"]`` : columns ``leakage`` and ``leakage_encoder``
        Leakage of each program over all groups, weighted by their numbers of cells. If :func:`crystallin.complete`
        added members to programs, also ``leakage_added``: the share of the refined activity that falls on these. It is
        not part of ``leakage``.
    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each group and program: ``program``, ``group``, ``leakage`` (of the refined activity),
        ``leakage_encoder`` (of the encoder's mean), and ``leakage_added`` as above.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.

    Raises
    ------
    KeyError
        If the column does not exist, or ``adata`` has no programs.
    ValueError
        If genes or programs differ from the model's, the data are minified, or the encoder is not the default one.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", n_decoys=20)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.leakage(adata, model, groupby="bulk_labels")
    >>> cr.get.leakage_df(adata, group="CD19+ B").columns.tolist()
    ['program', 'group', 'leakage', 'leakage_encoder']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, LEAKAGE)
    if max_cells is not None:
        checks.check_int(max_cells, "max_cells", 1)
    chosen = choose_cells(adata, groupby, max_cells=max_cells)
    everyone = choose_cells(adata, groupby)
    outside = ~members(model)
    names = model.program_names
    size = np.array([(everyone.labels == name).sum() for name in chosen.groups])
    table = pd.DataFrame({"program": np.tile(names, len(chosen.groups)), "group": np.repeat(chosen.groups, len(names))})
    reading, overall = model.reading(adata), {}
    for column, (target, method) in TARGETS.items():
        # groups x genes x programs
        mass = model.get_attributions(
            reading,
            chosen.positions,
            target=target,
            method=method,
            groups=chosen.labels,
            statistic="mean_absolute",
        )
        shares = {column: outside}
        if target == "activity" and model.added_members.nnz:
            shares["leakage_added"] = model.added_members.toarray() != 0
        for name, genes in shares.items():
            table[name] = _share(mass, genes).ravel()
            overall[name] = _share(np.tensordot(size, mass, 1)[None], genes)[0]

    adata = adata.copy() if copy else adata
    columns = {name: pd.Series(values, index=names) for name, values in overall.items()}
    add_to_table(adata, keys, pd.DataFrame(columns))
    params = {"groupby": groupby, "max_cells": max_cells}
    params = given(params) | origin_of(LEAKAGE, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table}
    return adata if copy else None


def _share(mass: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Return the share of these genes of each program, groups x programs; 0 where the total is 0."""
    total = mass.sum(axis=1)
    return np.divide((mass * genes).sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
