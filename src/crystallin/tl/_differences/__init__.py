"""Comparison of groups in each reading: units of cells, single comparisons, all of a call, and similar programs."""

from ._asked import BLOCK, RANDOM, Asked, asked_of
from ._breadths import breadths
from ._contrasts import make_contrasts
from ._design import CollinearError, covariate_matrix, make_units
from ._formula import make_study
from ._left_out import warn_of_what_is_left_out
from ._measure import measure
from ._measured import TESTED_FROM, Compared, TooFewError
from ._pairs import Options, pairs
from ._questions import answers
from ._repeated import repeated
from ._rows import over_all, rows, sides
from ._similar import similar_programs
from ._totals import Totals

__all__ = [
    "Asked",
    "BLOCK",
    "RANDOM",
    "CollinearError",
    "Compared",
    "Options",
    "TESTED_FROM",
    "TooFewError",
    "Totals",
    "answers",
    "asked_of",
    "breadths",
    "covariate_matrix",
    "make_contrasts",
    "make_study",
    "make_units",
    "measure",
    "over_all",
    "pairs",
    "repeated",
    "rows",
    "sides",
    "similar_programs",
    "warn_of_what_is_left_out",
]
