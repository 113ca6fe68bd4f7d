"""Verdicts on the groups of a mapped query."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import MAP, VERDICTS

from ._main_columns import with_columns
from ._stored import stored_rows


def map_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    verdict: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    key: str = MAP,
) -> pd.DataFrame:
    """Return the verdict on each group of a mapped query, from :func:`crystallin.map`.

    Distances are between the mean activities of a group and those of a label of the reference. The unit is the standard
    deviation of a label's cells, in each direction of the space of activities; if the reference was calibrated with
    samples, that of cells of new samples. What the sampling of cells adds to a distance is subtracted. If the query has
    fewer counts or genes than the reference, the reference is compared as if it had been measured in the same way.

    Parameters
    ----------
    adata
        Data that were mapped with a calibrated model (see :func:`crystallin.calibrate`).
    group
        Groups to return; ``None`` returns all.
    verdict
        Verdicts to return: ``"like the reference"``, ``"shifted"``, ``"new"`` or ``"too few cells"``; ``None`` returns
        all.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame with one row for each group. Columns

    - ``group``: name of the group, which is a level of ``groupby``, or a label if there was no ``groupby``;
    - ``n_cells``: number of cells;
    - ``verdict``: ``"like the reference"`` if ``distance`` is at most ``limit``, and ``unlike`` at most
      ``unlike_limit``. Else ``"new"`` if both ``distance``
      and ``own_distance`` are at least ``far``, so the group is as far from its label as another label would be; and
      ``"shifted"`` if it is not that far: cells of a known label in another state, or measured otherwise. If
      ``batch_shift`` is above ``batch_limit``, no group is like the reference, and what groups have in common counts.
      ``"too few cells"`` if there are fewer than 10. If the reference was calibrated without samples, it is not known
      how much samples differ, and no group is called shifted;
    - ``label``: label of the reference that most of the group's cells are nearest to;
    - ``label_share``: share of the group's cells with this label. If it is low, the group has cells of
      several labels, and the verdict on their mean says little;
    - ``unlike``: share of cells with a p-value below .05; about .05 is expected of cells that are like those of the
      reference;
    - ``unlike_limit``: share that a label's cells in a new sample exceed with a probability of at most .05;
    - ``distance``: distance of the group from ``label``;
    - ``own_distance``: the same without what most groups of the query have in common, such as the effect of another
      protocol: the direction of their median displacement, if this is longer than ``limit``. Otherwise, and with fewer
      than three groups of at least 10 cells, it is ``distance``;
    - ``limit``: distance that a label's cells in a new sample exceed with a probability of at most .05; NaN if the
      reference was calibrated without samples;
    - ``far``: distance that another label in a new sample would typically have: the median over labels of the distance
      from the nearest other label and ``limit``, at right angles;
    - ``batch_shift``: how much the log rates of genes differ from those of the reference beside what programs explain,
      as a standard deviation over genes; the largest of the query's new batches;
    - ``batch_limit``: three times the largest such shift of a held-out sample of the reference;
    - ``moved``: up to three programs whose mean differs most from that of ``label``, with the difference in standard
      deviations of the label's cells; empty if none differs by at least 1.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or the table has no such column.
    ValueError
        If a group is not among the results, there is no such verdict, or the programs were added again since then.

    Examples
    --------
    >>> cr.get.map_df(adata, verdict=["shifted", "new"])  # doctest: +SKIP
    """
    verdicts = None if verdict is None else checks.check_among(verdict, "verdict", VERDICTS)
    rows = stored_rows(adata, key, MAP, group=group)
    # a verdict that no group has is a result and not an error
    rows = rows if verdicts is None else rows[rows["verdict"].isin(verdicts)].reset_index(drop=True)
    return with_columns(rows, "map_df", columns)
