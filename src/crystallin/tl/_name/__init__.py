"""Naming groups: which programs are labels, what speaks for one, and the labels of single cells."""

from ._cell_labels import cell_probabilities, finest_sure
from ._evidence import breadth_of, gene_evidence, largest
from ._markers import markers
from ._naming import N_GENES, N_PROGRAMS, UNASSIGNED, Naming, specificities

__all__ = [
    "N_GENES",
    "N_PROGRAMS",
    "Naming",
    "UNASSIGNED",
    "breadth_of",
    "cell_probabilities",
    "finest_sure",
    "gene_evidence",
    "largest",
    "markers",
    "specificities",
]
