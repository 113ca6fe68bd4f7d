"""Labels of groups: programs that are labels, the evidence for each label, and the labels of single cells."""

from ._cell_labels import own_labels
from ._footing import check_profiles
from ._markers import markers
from ._named import name_groups
from ._naming import Needs
from ._own_columns import own_columns, written_columns

__all__ = [
    "Needs",
    "check_profiles",
    "markers",
    "name_groups",
    "own_columns",
    "own_labels",
    "written_columns",
]
