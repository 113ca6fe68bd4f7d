"""Contributions of genes to a difference of activity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import CONTRAST, DEFAULT_KEY, KIND, PARAMS, TABLE, Keys, given

from ._shared import members, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


def contrast(
    adata: AnnData,
    model: ProgramVAE,
    program: str,
    *,
    groupby: str,
    group: str,
    reference: str = "rest",
    kind: Literal["unique", "total"] = "unique",
    method: Literal["contributions", "integrated_gradients"] = "contributions",
    tolerance: float = 0.02,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Attribute the difference of a program's mean activity between two groups to genes.

    Contributions sum to the difference between the groups' mean activities. They are those of
    :func:`crystallin.tl.attributions`, averaged over the cells of each group. They show which genes cause the
    difference of activity, and whether it rests on many genes or on a single one.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
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
        ``mean_reference`` (mean contribution in each of the two), ``member`` (whether the gene is a member of the
        program), ``loading``; for ``method="integrated_gradients"`` also ``se``, the standard error of the contribution
        due to the sample of cells.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments; ``difference``, the sum of contributions; ``breadth``, the effective number of the program's
        genes that contribute (participation ratio of their contributions, 1 if a single gene contributes); ``leakage``,
        the share of the absolute contributions that comes from genes outside the program.

    Raises
    ------
    KeyError
        If the program or column does not exist, or ``adata`` has no programs under ``key``.
    ValueError
        If a group does not exist, group and reference are the same, genes or programs differ from the model's,
        ``method`` is unknown, or ``tolerance`` is not between 0 and 1.

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
    slot = checks.check_result_key(adata, key_added, keys, CONTRAST)
    program = checks.check_program(program, list(model.program_names))
    group, reference, cells, sides = _compared(adata, groupby, group, reference)
    checks.check_choice(method, "method", ("contributions", "integrated_gradients"))
    checks.check_number(tolerance, "tolerance", 0, 1, include_minimum=False)
    estimates = method == "integrated_gradients"
    means, se = model.get_attributions(
        adata,
        cells,
        kind=kind,
        method=method,
        programs=[program],
        groups=sides,
        tolerance=tolerance if estimates else None,
        return_se=True,
    )
    of_group, of_reference = means[:, :, 0].astype(float)

    table = pd.DataFrame(
        {
            "gene": adata.var_names,
            "contribution": of_group - of_reference,
            "mean_group": of_group,
            "mean_reference": of_reference,
            "member": members(model, [program])[:, 0],
            "loading": model.get_loadings()[program].to_numpy(),
            **({"se": np.hypot(*se[:, :, 0].astype(float))} if estimates else {}),
        }
    )
    table = table[table[["mean_group", "mean_reference"]].ne(0).any(axis=1)]
    size = table["contribution"].abs()
    params = {
        "program": program,
        KIND: kind,
        "method": method,
        "tolerance": tolerance if estimates else None,
        "groupby": groupby,
        "group": group,
        "reference": reference,
        "difference": float(table["contribution"].sum()),
        "breadth": stats.breadth(table.loc[table["member"], "contribution"].to_numpy()),
        "leakage": float(size[~table["member"]].sum() / max(size.sum(), np.finfo(float).tiny)),
    }
    adata = adata.copy() if copy else adata
    order = size.sort_values(ascending=False, kind="stable").index
    params = given(params) | origin_of(CONTRAST, adata, keys, model.digest)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: table.loc[order].reset_index(drop=True),
    }
    return adata if copy else None


def _compared(adata: AnnData, groupby: str, group: str, reference: str) -> tuple[str, str, np.ndarray, pd.Categorical]:
    """Return the names of the two groups, their cells, and the side of each cell."""
    known = checks.check_labels(adata, groupby, "groupby")
    if pd.api.types.is_list_like(group):
        msg = f"group={group!r} must be one group of {groupby!r}."
        raise TypeError(msg)
    # in a list, because a group may have the name "all"
    (group,), reference = checks.check_groups([group], reference, known.names, groupby)
    inside = known.of_cells == group
    there = ~inside if reference == checks.REST else known.of_cells == reference
    cells = np.flatnonzero(inside | there)
    sides = pd.Categorical(np.where(inside[cells], "group", "reference"), ["group", "reference"])
    return group, reference, cells, sides
