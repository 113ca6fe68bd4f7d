"""Parts of the simulator: pure functions of options and random generators. Nothing here knows AnnData."""

from ._activity import draw_activity, draw_effects
from ._annotation import annotate
from ._cells import Cells, draw_cells
from ._counts import draw_counts, with_ambient
from ._genes import draw_genes
from ._options import Options
from ._programs import draw_programs
from ._rates import Rates
from ._shifts import shift_table
from ._tables import cell_table, entity_names

__all__ = [
    "Cells",
    "Options",
    "Rates",
    "annotate",
    "cell_table",
    "draw_activity",
    "draw_cells",
    "draw_counts",
    "draw_effects",
    "draw_genes",
    "draw_programs",
    "entity_names",
    "shift_table",
    "with_ambient",
]
