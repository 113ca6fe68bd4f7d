"""Contributions of genes to a difference of activity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import CONTRAST, DEFAULT_KEY, KIND, PARAMS, TABLE, Keys, given
from crystallin._store import activity_rows

from ._explain import shares, sides, strata_of, units
from ._shared import members, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


@on_model_genes
def contrast(
    adata: AnnData,
    model: ProgramVAE,
    program: str,
    *,
    groupby: str,
    group: str,
    reference: str = "rest",
    within: str | None = None,
    kind: Literal["unique", "total"] = "unique",
    method: Literal["contributions", "integrated_gradients"] = "contributions",
    tolerance: float = 0.02,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Attribute the difference of a program's mean activity between two groups to genes.

    Contributions show which genes cause the difference of activity, and whether it rests on many genes or on a single
    one. They are those of :func:`crystallin.tl.attributions`, averaged over the cells of each group and corrected for
    shrinkage like the column ``effect`` of :func:`crystallin.tl.rank_programs_groups`. Their sum is this ``effect``,
    in prior standard deviations, if cells are compared without covariates. With ``sample_key``, ``effect`` weighs
    samples, whereas here each cell has the same weight, so the two can differ.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its activities, from :func:`crystallin.tl.activity`.
    model
        The trained model.
    program
        Name of the program.
    groupby
        Column of ``obs`` with the groups.
    group
        Group of interest.
    reference
        Group to compare with; ``"rest"`` uses all other cells.
    within
        Column of ``obs``. The difference is attributed within each of its labels, for example between conditions within
        cell types. Labels with fewer than ten cells on one of the two sides are left out and logged.
    kind
        ``"unique"`` attributes the difference of what the program explains beside all others, ``"total"`` that of what
        the genes of its set do, whichever programs explain it (see :meth:`crystallin.ProgramVAE.get_activity`).
    method
        ``"contributions"`` splits the activity by weighted least squares; it is exact and fast.
        ``"integrated_gradients"`` was more faithful in our benchmarks, because genes with many counts have less of the
        weight. In groups of 256 or more cells it is estimated, and the table has standard errors.
    tolerance
        Standard error at which an estimate of integrated gradients is good enough, as a share of the largest
        attribution (see :func:`crystallin.tl.attributions`).
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"contrast"``, or ``key + "_contrast"`` for programs under
        another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row per gene that contributes, the largest first: ``gene``, ``contribution``, ``mean_group`` and
        ``mean_reference`` (mean contribution to the activity as stored in each of the two, without the correction for
        shrinkage), ``member`` (whether the gene is a member of the program), ``loading``; for
        ``method="integrated_gradients"`` also ``se``, the standard error of the contribution due to the sample of
        cells. With ``within``, one row per gene and ``stratum``, which is then the first column. Genes are in the order
        of their largest absolute contribution in any stratum.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments; ``difference``, the sum of contributions; ``breadth``, the effective number of the program's
        genes that contribute (participation ratio of their contributions, 1 if a single gene contributes); ``leakage``,
        the share of the absolute contributions that comes from genes outside the program. With ``within``, these three
        are of the mean contributions over strata, and ``left_out`` are the strata that were left out, with reasons.

    Raises
    ------
    KeyError
        If the program or column does not exist, or ``adata`` has no activities under ``key``.
    ValueError
        If a group does not exist, group and reference are the same, no label of ``within`` has ten cells of both,
        genes, programs or activities differ from the model's, ``method`` is unknown, or ``tolerance`` is not between 0
        and 1.

    Notes
    -----
    The mean contribution in each group is divided by its mean reliability, one minus the mean posterior variance, which
    undoes the shrinkage of activities towards 0. Contributions by ``"integrated_gradients"`` are relative to the
    average cell. If the reliability of the groups differs, their sum differs from ``effect`` by the activity of the
    average cell, which is near 0, times the difference of the inverse reliabilities.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.contrast(adata, model, "B cell", groupby="bulk_labels", group="CD19+ B")
    >>> cr.get.contrast_df(adata).columns[:2].tolist()
    ['gene', 'contribution']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    checks.check_fresh(adata, keys, model.digest, kind)
    slot = checks.check_result_key(adata, key_added, keys, CONTRAST)
    program = checks.check_program(program, list(model.program_names))
    checks.check_choice(method, "method", ("contributions", "integrated_gradients"))
    checks.check_number(tolerance, "tolerance", 0, 1, include_minimum=False)
    group, reference, side = sides(adata, groupby, group, reference)
    strata, left_out = strata_of(adata, within, groupby, side)
    estimates = method == "integrated_gradients"
    place = model.program_names.tolist().index(program)
    cells, unit = units(strata, side)
    means, se = model.get_attributions(
        adata,
        cells,
        kind=kind,
        method=method,
        programs=[program],
        groups=unit,
        tolerance=tolerance if estimates else None,
        return_se=True,
    )
    share = shares(activity_rows(adata, keys, kind)[1], cells, unit.codes, place)
    about = pd.DataFrame(
        {
            "gene": adata.var_names,
            "member": members(model, [program])[:, 0],
            "loading": model.get_loadings()[program].to_numpy(),
        }
    )
    # strata x sides x genes
    shape = (len(strata), 2, len(about))
    mean, se = (values[:, :, 0].astype(float).reshape(shape) for values in (means, se))
    table = _table(about, list(strata), mean, se if estimates else None, share.reshape(shape[:2]))
    params = {
        "program": program,
        KIND: kind,
        "method": method,
        "tolerance": tolerance if estimates else None,
        "groupby": groupby,
        "group": group,
        "reference": reference,
        "within": within,
        "left_out": left_out if within else None,
        **_summary(table),
    }
    adata = adata.copy() if copy else adata
    params = given(params) | origin_of(CONTRAST, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table if within else table.drop(columns="stratum")}
    return adata if copy else None


def _table(
    about: pd.DataFrame, strata: list[str], mean: np.ndarray, se: np.ndarray | None, share: np.ndarray
) -> pd.DataFrame:
    """Return the rows of all strata, genes with the largest contribution in any of them first."""
    unshrunk = mean / share[..., None]
    contribution = unshrunk[:, 0] - unshrunk[:, 1]
    parts = []
    for number, stratum in enumerate(strata):
        columns = {
            "stratum": stratum,
            "gene": about["gene"],
            "contribution": contribution[number],
            "mean_group": mean[number, 0],
            "mean_reference": mean[number, 1],
            "member": about["member"],
            "loading": about["loading"],
        }
        if se is not None:
            columns["se"] = np.hypot(*(se[number] / share[number][:, None]))
        parts.append(pd.DataFrame(columns))
    used = np.flatnonzero((mean != 0).any(axis=(0, 1)))
    order = used[np.argsort(-np.abs(contribution[:, used]).max(axis=0), kind="stable")]
    # gene by gene, as rows of the same gene have the same index
    table = pd.concat(parts)
    place = pd.Series(np.arange(len(order)), index=order)
    table = table.loc[table.index.isin(order)]
    return table.iloc[np.argsort(place[table.index].to_numpy(), kind="stable")].reset_index(drop=True)


def _summary(table: pd.DataFrame) -> dict[str, float]:
    """Return sum, breadth and leakage of the contributions, which are averaged over strata."""
    mean = table.groupby("gene", sort=False, observed=True).agg({"contribution": "mean", "member": "first"})
    size = mean["contribution"].abs()
    return {
        "difference": float(mean["contribution"].sum()),
        "breadth": stats.breadth(mean.loc[mean["member"], "contribution"].to_numpy()),
        "leakage": float(size[~mean["member"]].sum() / max(size.sum(), np.finfo(float).tiny)),
    }
