"""The column of clusters to show if the user named none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import ANNOTATE, CONTRAST, MAP, RANK_PROGRAMS_GROUPS, RULES

from ._found import Source

# results whose clusters are shown first
FIRST = (ANNOTATE, RANK_PROGRAMS_GROUPS, RULES, MAP)
# columns of clusters by their usual names
USUAL = re.compile(
    r"(leiden|louvain)([_.\-].*)?|cell[_.\- ]?types?|(seurat[_.\- ])?(clusters?|annotations?)|bulk_labels"
)
# with more labels, figures and tables of clusters cannot be read
MAX_CLUSTERS = 60


@dataclass(frozen=True)
class Chosen:
    """A column of clusters, and why it was chosen; ``None`` and why there is none."""

    column: str | None
    why: str = ""


def plain_groupby(adata: AnnData, key: str) -> Chosen:
    """Return the column of clusters that results describe, or the only one in ``obs`` with a usual name."""
    source = Source(adata, key, None, 1)
    order = [*FIRST, *(kind for kind in source.results if kind not in (*FIRST, CONTRAST)), CONTRAST]
    named = [stored.groupby for kind in order for stored in source.of(kind) if stored.groupby]
    columns = list(dict.fromkeys(named))
    usable = [name for name in columns if _is_usable(adata, name)]
    if len(usable) > 1:
        listed = ", ".join(map(repr, usable))
        return Chosen(
            usable[0], f"Results are by several columns ({listed}); clusters here are those of {usable[0]!r}."
        )
    if usable:
        return Chosen(usable[0])
    gone = f"Results are by {columns[0]!r}, which is no longer a column of labels of these cells. " if columns else ""
    if not source.has_activity:
        # their means by cluster would be all there is to show
        return Chosen(None, f"{gone}No clusters are shown, because no column was named. To name one:")
    usual = [str(name) for name in adata.obs if USUAL.fullmatch(str(name).lower()) and _is_plain(adata, str(name))]
    if len(usual) == 1:
        return Chosen(usual[0], f"{gone}No column was named; {usual[0]!r} is the only one that looks like clusters.")
    if usual:
        return Chosen(None, f"{gone}Several columns look like clusters ({', '.join(map(repr, usual))}). To choose one:")
    return Chosen(None, f"{gone}No clusters are shown, because no column looks like clusters. To name one:")


def _is_usable(adata: AnnData, name: str) -> bool:
    """Whether a column holds a label of each cell; it may have changed since results were computed."""
    try:
        checks.check_labels(adata, name, "groupby")
    except (KeyError, ValueError):
        return False
    return True


def _is_plain(adata: AnnData, name: str) -> bool:
    """Whether a column has labels of each cell, more than one and not too many to show."""
    return _is_usable(adata, name) and 1 < adata.obs[name].nunique() <= MAX_CLUSTERS
