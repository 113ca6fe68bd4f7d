"""Overview of programs: what they are, where they are active, and how reliable they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import DEFAULT_KEY, LEAKAGE, MODEL_DIGEST, PARAMS, PROGRAM_IMPORTANCE, Keys
from crystallin._rollback import unchanged_on_error
from crystallin._store import Rows, activity_rows

from ._differences import TESTED_FROM, similar_programs
from ._leakage import leakage
from ._program_importance import program_importance
from ._shared import add_to_table, choose_cells, group_means, on_model_genes, stability, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# tools to call unless their results exist
TOOLS = {LEAKAGE: leakage, PROGRAM_IMPORTANCE: program_importance}
# largest number of groups to name for a program, and the smallest score of a group to be named
N_GROUPS, MIN_SCORE = 3, 0.5


@on_model_genes
def programs_overview(
    adata: AnnData,
    model: ProgramVAE,
    groupby: str,
    *,
    retrained: Sequence[ProgramVAE] = (),
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Add to the table of programs where each program is active and how reliable it is.

    The columns describe unique activities, because they are about what distinguishes a program from the others; total
    activities are not summarised here. :func:`crystallin.get.programs_df` returns the table.

    Parameters
    ----------
    adata
        Data with activities of this model, from :func:`crystallin.tl.activity`.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells.
    retrained
        Models trained again on the same programs and cells, with other seeds or on a bootstrap sample. The stability is
        computed from their activities, and is left out without such models.
    key_added
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets in ``adata.uns[key_added]["table"]`` the columns

    ``most_active``
        Up to three groups, separated by semicolons and the highest first, in which the program is at least half a
        standard deviation above the groups in which it is off. Empty if the reliability is below .1, as such programs
        are not tested either.
    ``top_score``
        The largest score of a group; scores are the same as in :func:`crystallin.tl.annotate`.
    ``reliability``
        Share of the activity's variance that the counts determine: one minus the mean posterior variance.
    ``leakage``, ``leakage_encoder``, ``importance``
        Results of :func:`crystallin.tl.leakage` and :func:`crystallin.tl.program_importance`. Both are called, and
        write their own results, unless there are results for this model already.
    ``family``, ``nearest_twin``, ``twin_similarity``, ``variance_inflation``
        Similarity to programs that are hard to tell apart in these data, as in
        :func:`crystallin.tl.rank_programs_groups`; NaN for decoys.
    ``stability``
        Mean correlation over cells with the activities of the retrained models, only if there are any.

    Raises
    ------
    KeyError
        If the column does not exist, or ``adata`` has no activities.
    ValueError
        If there is only one group, activities were not computed by the model in its current state, a retrained model
        has other programs or genes, or the data are minified.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> model = cr.fit(adata, "immune", layer="counts", min_genes=3, max_epochs=20)
    >>> cr.tl.programs_overview(adata, model, "bulk_labels")
    >>> cr.get.programs_df(adata).loc["Haematopoietic progenitor", "most_active"]
    'CD34+'
    """
    keys = Keys(key_added)
    checks.check_fresh(adata, keys, model.digest)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    checks.check_groups(checks.ALL, checks.REST, checks.check_labels(adata, groupby, "groupby").names, groupby)
    for other in retrained:
        checks.check_same_programs(adata, keys, other.program_names, other.prior_digest)

    missing = [
        tool
        for name, tool in TOOLS.items()
        if not _is_of(adata, checks.check_result_key(adata, None, keys, name), model)
    ]
    columns = _where_active(adata, keys, groupby)
    about, _ = similar_programs(model, adata, model.reading(adata), key_added)
    for name in ("family", "nearest_twin", "twin_similarity", "variance_inflation"):
        columns[name] = about[name]
    if retrained:
        others = np.stack([other.get_activity(adata) for other in retrained], axis=1)
        columns["stability"] = stability(activity_rows(adata, keys)[0], Rows(others, 0.0))
    columns.index = model.program_names

    adata = adata.copy() if copy else adata
    with unchanged_on_error(adata):
        for tool in missing:
            tool(adata, model, groupby=groupby, key=key_added)
    add_to_table(adata, keys, columns)
    return adata if copy else None


def _is_of(adata: AnnData, slot: str, model: ProgramVAE) -> bool:
    """Return whether a result exists and belongs to this model and the current programs."""
    params = adata.uns.get(slot, {}).get(PARAMS, {})
    return params.get(MODEL_DIGEST) == model.digest and not checks.is_replaced(adata, params)


def _where_active(adata: AnnData, keys: Keys, groupby: str) -> pd.DataFrame:
    chosen = choose_cells(adata, groupby)
    means = group_means(adata, chosen, None, keys)
    score = stats.lift(means.mean, means.reliability).value
    order = np.argsort(-score, axis=0, kind="stable")[:N_GROUPS]
    reliability = stats.reliability(np.mean(stored_activity(adata, keys)[1].astype(float) ** 2, axis=0))
    # no group can be named for a program that the counts do not determine
    named = [
        ";".join(chosen.groups[g] for g in groups if score[g, program] >= MIN_SCORE) if known else ""
        for program, (groups, known) in enumerate(zip(order.T, reliability >= TESTED_FROM, strict=True))
    ]
    return pd.DataFrame(
        {
            "most_active": pd.Series(named, dtype=object),
            "top_score": score.max(axis=0),
            "reliability": reliability,
        }
    )
