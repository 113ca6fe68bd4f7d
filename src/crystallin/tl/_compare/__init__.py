"""Comparison of groups in each reading: units of cells, single comparisons, all of a call, and similar programs."""

from ._breadths import breadths
from ._comparison import Comparison, Pair
from ._design import CollinearError, covariate_matrix, make_units
from ._differences import TESTED_FROM, Compared, TooFewError
from ._left_out import warn_of_what_is_left_out
from ._measure import measure
from ._repeated import repeated
from ._rows import rows
from ._similar import similar_programs
from ._totals import Totals

__all__ = [
    "CollinearError",
    "Compared",
    "Comparison",
    "Pair",
    "TESTED_FROM",
    "TooFewError",
    "Totals",
    "breadths",
    "covariate_matrix",
    "make_units",
    "measure",
    "repeated",
    "rows",
    "similar_programs",
    "warn_of_what_is_left_out",
]
