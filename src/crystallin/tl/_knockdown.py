"""Knock-downs of genes or programs in the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import programs as prior
from crystallin._keys import DEFAULT_KEY, KNOCKDOWN, PARAMS, TABLE, Keys, given

from ._shared import Chosen, choose_cells, members, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


# added to expression, in counts per 10,000, before the logarithm of a ratio
PSEUDOCOUNT = 0.01


@on_model_genes
def knockdown(
    adata: AnnData,
    model: ProgramVAE,
    *,
    genes: str | Sequence[str] | None = None,
    programs: str | Sequence[str] | None = None,
    groupby: str | None = None,
    n_random: int = 50,
    max_cells: int | None = 500,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Silence genes or programs in the model, and compute how activities or expression change.

    The result describes the model and not the cell: how much of an activity depends on these genes, or how much
    expression the model attributes to these programs. It does not predict how a cell would respond to the loss of a
    gene.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    genes
        Genes whose counts are set to 0 together, with the cell's depth unchanged; activities are then computed again.
    programs
        Programs whose activities are set to 0 together, instead of ``genes``.
    groupby
        Column of ``obs`` with groups of cells.
    n_random
        With ``genes``, number of random gene sets to compare with, of the same size and similar mean expression.
    max_cells
        Largest number of cells to use from each group, drawn at random; ``None`` uses all.
    random_state
        Seed of the random cells and gene sets.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"knockdown"``, or ``key + "_knockdown"`` for programs under
        another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        With ``genes`` one row for each program and group, the largest change first: ``program``, ``group``, ``before``
        and ``after`` (mean activity), ``change``, ``null_mean`` and ``null_sd`` (mean and standard deviation of the
        changes for random sets), ``z`` (z score of the change relative to these), and ``p``, the share of changes that
        are at least as large among the random sets and this one. With ``programs`` one row for each gene and group:
        ``gene``, ``group``, ``before`` and ``after`` (expected counts per 10,000), ``change`` and ``log2_fold_change``,
        and ``member`` (whether the gene is a member of a silenced program).
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.

    Raises
    ------
    KeyError
        If a gene, program or column does not exist, or ``adata`` has no programs.
    ValueError
        If neither or both of ``genes`` and ``programs`` are given, so many genes are named that there are not enough
        others for random sets, genes or programs differ from the model's, or the data are minified.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", n_decoys=20)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.knockdown(adata, model, genes=["CD79A", "CD79B"], groupby="bulk_labels", n_random=10)
    >>> cr.get.knockdown_df(adata, "CD19+ B").columns[:5].tolist()
    ['program', 'group', 'before', 'after', 'change']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, KNOCKDOWN)
    if (genes is None) == (programs is None):
        msg = "Give either genes= or programs=, the names of those to silence, and not both."
        raise ValueError(msg)
    checks.check_int(n_random, "n_random", 1)
    checks.check_int(random_state, "random_state", 0)
    if max_cells is not None:
        checks.check_int(max_cells, "max_cells", 1)
    chosen = choose_cells(adata, groupby, max_cells=max_cells, seed=random_state)
    if genes is not None:
        silent = checks.check_genes(genes, list(adata.var_names))
        table = _without_genes(adata, model, silent, chosen, n_random, random_state)
    else:
        silent = checks.check_program_names(programs, model.program_names.tolist())
        table = _without_programs(adata, model, silent, chosen)

    adata = adata.copy() if copy else adata
    params = {
        "silenced": np.array(silent, dtype=object),
        "what": "programs" if genes is None else "genes",
        "groupby": groupby,
        "n_random": n_random,
        "max_cells": max_cells,
        "random_state": random_state,
    }
    params = given(params) | origin_of(KNOCKDOWN, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table}
    return adata if copy else None


def _without_genes(
    adata: AnnData, model: ProgramVAE, silent: list[str], chosen: Chosen, n_random: int, seed: int
) -> pd.DataFrame:
    if 2 * len(set(silent)) > adata.n_vars:
        msg = (
            f"genes names {len(silent)} of {adata.n_vars} genes, but random sets to compare with need at least as many "
            "other genes. Name fewer genes."
        )
        raise ValueError(msg)
    layer = model.registry["setup_args"]["layer"]
    matrix = adata.X if layer is None else adata.layers[layer]
    by_abundance = np.argsort(np.asarray(matrix[chosen.positions].mean(axis=0)).ravel(), kind="stable")
    positions, rng = adata.var_names.get_indexer(list(dict.fromkeys(silent))), np.random.default_rng(seed)
    random = [adata.var_names[prior.matched_genes(positions, by_abundance, rng.choice)] for _ in range(n_random)]
    # sets x groups x programs
    activity = model.get_activity_without([[], silent, *random], adata, chosen.positions, groups=chosen.labels)
    activity = activity.astype(float)
    change, null = activity[1] - activity[0], activity[2:] - activity[0]
    sd = null.std(axis=0, ddof=1) if n_random > 1 else np.full(change.shape, np.nan)
    z = np.divide(change - null.mean(axis=0), sd, out=np.full(change.shape, np.nan), where=sd > 0)
    columns = {
        "before": activity[0],
        "after": activity[1],
        "change": change,
        "null_mean": null.mean(axis=0),
        "null_sd": sd,
        "z": z,
        "p": (1 + (np.abs(null) >= np.abs(change)).sum(axis=0)) / (1 + n_random),
    }
    return _tidy("program", model.program_names, chosen.groups, columns)


def _without_programs(adata: AnnData, model: ProgramVAE, silent: list[str], chosen: Chosen) -> pd.DataFrame:
    reading = model.reading(adata)
    before, after = (
        model.get_expression_without(names, reading, chosen.positions, groups=chosen.labels) for names in ([], silent)
    )
    fold = np.log2((after + PSEUDOCOUNT) / (before + PSEUDOCOUNT))
    columns = {"before": before, "after": after, "change": after - before, "log2_fold_change": fold}
    table = _tidy("gene", adata.var_names, chosen.groups, columns)
    return table.assign(member=table["gene"].isin(adata.var_names[members(model, silent).any(axis=1)]))


def _tidy(what: str, names: Sequence[str], groups: list[str], columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return a row for each group and name, with the largest change of each group first."""
    parts = []
    for place, group in enumerate(groups):
        part = pd.DataFrame(
            {what: [str(name) for name in names], "group": group}
            | {key: value[place] for key, value in columns.items()}
        )
        parts.append(part.loc[part["change"].abs().sort_values(ascending=False, kind="stable").index])
    return pd.concat(parts, ignore_index=True)
