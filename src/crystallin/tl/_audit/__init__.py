"""Which members a program lacks, and which do not follow it."""

from ._edges import edges_of
from ._programs import auditable, reasons, typical_loadings, which_awake
from ._verdict import CONTRADICTS, KEPT, MEMBER, MISSING, POSSIBLE, SILENT, SUGGESTED, Judged, judge

__all__ = [
    "CONTRADICTS",
    "KEPT",
    "MEMBER",
    "MISSING",
    "POSSIBLE",
    "SILENT",
    "SUGGESTED",
    "Judged",
    "auditable",
    "edges_of",
    "judge",
    "reasons",
    "typical_loadings",
    "which_awake",
]
