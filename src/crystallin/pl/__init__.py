"""Figures. Each takes ``ax`` and ``show`` and returns Axes."""

from ._contrast import contrast
from ._effects import effects
from ._history import history
from ._loadings import loadings
from ._rank_programs_groups import rank_programs_groups
from ._volcano import volcano

__all__ = ["contrast", "effects", "history", "loadings", "rank_programs_groups", "volcano"]
