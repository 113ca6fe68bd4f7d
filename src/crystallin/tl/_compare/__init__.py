"""Comparison of groups: units of cells, single comparisons, all comparisons of a call, and similarity of programs."""

from ._breadths import breadths
from ._comparison import Comparison, Pair, rows
from ._design import CollinearError, covariate_matrix, make_units
from ._differences import TESTED_FROM, Compared, Coupling, TooFewError
from ._similar import similar_programs

__all__ = [
    "CollinearError",
    "Compared",
    "Comparison",
    "Coupling",
    "Pair",
    "TESTED_FROM",
    "TooFewError",
    "breadths",
    "covariate_matrix",
    "make_units",
    "rows",
    "similar_programs",
]
