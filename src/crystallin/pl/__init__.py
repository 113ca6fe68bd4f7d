"""Figures. Each function takes ``ax`` and ``show`` and returns the Axes."""

from ._agreement import agreement
from ._annotation import annotation
from ._attributions import attributions
from ._audit import audit
from ._compare import compare
from ._contrast import contrast
from ._dotplot import dotplot
from ._effects import effects
from ._embedding import embedding
from ._forest import forest
from ._history import history
from ._loadings import loadings
from ._map import map
from ._matrixplot import matrixplot
from ._network import network
from ._power import power
from ._program import program
from ._rank_programs_groups import rank_programs_groups
from ._rules import rules
from ._screen_programs import screen_programs
from ._violin import violin
from ._volcano import volcano
from ._waterfall import waterfall

__all__ = [
    "agreement",
    "annotation",
    "attributions",
    "audit",
    "compare",
    "contrast",
    "dotplot",
    "effects",
    "embedding",
    "forest",
    "history",
    "loadings",
    "map",
    "matrixplot",
    "network",
    "power",
    "program",
    "rank_programs_groups",
    "rules",
    "screen_programs",
    "violin",
    "volcano",
    "waterfall",
]
