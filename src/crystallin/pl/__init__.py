"""Figures. Each takes ``ax`` and ``show`` and returns Axes."""

from ._agreement import agreement
from ._attributions import attributions
from ._contrast import contrast
from ._effects import effects
from ._history import history
from ._loadings import loadings
from ._program import program
from ._rank_programs_groups import rank_programs_groups
from ._volcano import volcano
from ._waterfall import waterfall

__all__ = [
    "agreement",
    "attributions",
    "contrast",
    "effects",
    "history",
    "loadings",
    "program",
    "rank_programs_groups",
    "volcano",
    "waterfall",
]
