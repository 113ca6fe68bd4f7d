"""Comparisons in each reading: units of cells, designs and contrasts, single comparisons, and all of a call."""

from ._asked import BLOCK, RANDOM, Asked, asked_of
from ._breadths import breadths
from ._contrasts import make_contrasts
from ._design import CollinearError, check_options, covariate_matrix, labels_of_units, make_units
from ._formula import make_study
from ._measure import measure
from ._measured import TESTED_FROM, Compared, TooFewError
from ._pairs import Options, pairs
from ._rows import sides
from ._similar import similar_programs
from ._tables import table_of
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
    "asked_of",
    "breadths",
    "check_options",
    "covariate_matrix",
    "labels_of_units",
    "make_contrasts",
    "make_study",
    "make_units",
    "measure",
    "pairs",
    "sides",
    "similar_programs",
    "table_of",
]
