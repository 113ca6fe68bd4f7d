"""Contribution of programs to the fit of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import DEFAULT_KEY, PARAMS, PROGRAM_IMPORTANCE, TABLE, Keys, given

from ._shared import add_to_table, choose_cells, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


@on_model_genes
def program_importance(
    adata: AnnData,
    model: ProgramVAE,
    *,
    groupby: str | None = None,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Compute how much each program adds to the log-likelihood of cells, in comparison with decoys.

    Importances are integrated gradients of a cell's log-likelihood along the path from zero to its refined activities,
    so the importances of all programs sum to the gain in log-likelihood. Attributing the fit to latent dimensions is
    the idea of PAUSE (Janizek et al. 2023, Genome Biol 24:81); here it uses the likelihood of the counts. Any gene set
    gains something, because activities are fitted to the cell; decoys show how much.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"program_importance"``, or ``key + "_program_importance"`` for
        programs under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key]["table"]`` : column ``importance``
        Mean over all cells, in nats per cell.
    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each group and program (no decoys), the most important first: ``program``, ``group``, ``importance``
        in nats per cell, ``share`` (of the gain by all programs and decoys), and ``decoy_q``, an estimate from decoys
        of the share of false positives among programs that are at least as important; NaN without decoys.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.

    Raises
    ------
    KeyError
        If the column does not exist, or ``adata`` has no programs.
    ValueError
        If genes or programs differ from the model's, or the data are minified.

    Notes
    -----
    ``decoy_q`` is the ratio of the shares of decoys and of programs that are at least as important, made monotone
    (target-decoy estimate; Elias & Gygi 2007, Nat Methods 4:207); with ``n`` decoys its resolution is about ``1/n``.
    Decoys consist of real genes that vary, and they take up variation that no program of the collection explains. A
    program that is less important than many decoys can therefore still be real.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", n_decoys=20)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.program_importance(adata, model, groupby="bulk_labels")
    >>> cr.get.program_importance_df(adata, "CD19+ B").columns.tolist()
    ['program', 'group', 'importance', 'share', 'decoy_q']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, PROGRAM_IMPORTANCE)
    chosen = choose_cells(adata, groupby)
    by_group = model.get_program_importance(adata, groups=chosen.labels)
    real, parts = ~model.is_decoy, []
    for group, values in by_group.items():
        importance = values.to_numpy()
        part = pd.DataFrame(
            {
                "program": by_group.index[real],
                "group": group,
                "importance": importance[real],
                "share": importance[real] / importance.sum(),
                "decoy_q": stats.target_decoy_q(importance[real], importance[~real]),
            }
        )
        parts.append(part.sort_values("importance", ascending=False, kind="stable"))
    size = pd.Series(chosen.labels).value_counts()[chosen.groups].to_numpy()
    overall = pd.DataFrame({"importance": by_group.to_numpy() @ size / size.sum()}, index=by_group.index)

    adata = adata.copy() if copy else adata
    add_to_table(adata, keys, overall)
    params = {"groupby": groupby}
    params = given(params) | origin_of(PROGRAM_IMPORTANCE, adata, keys, model.digest)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: pd.concat(parts, ignore_index=True),
    }
    return adata if copy else None
