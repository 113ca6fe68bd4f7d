"""Labels of groups: programs that are labels, the evidence for each label, and the labels of single cells."""

from ._cell_labels import own_labels
from ._markers import markers, warn_of_dropped
from ._named import name_groups
from ._naming import Needs
from ._own_columns import own_columns, written_columns

__all__ = [
    "Needs",
    "markers",
    "name_groups",
    "own_columns",
    "own_labels",
    "warn_of_dropped",
    "written_columns",
]
