"""Rules: how they are learned, and on which cells they are tested."""

from ._held_out import Part, parts_of, resampled
from ._judged import gain, judged, why_not
from ._programs import telling_programs
from ._rule import Rule, certainty, learn, picked

__all__ = [
    "Part",
    "Rule",
    "certainty",
    "gain",
    "judged",
    "learn",
    "parts_of",
    "picked",
    "resampled",
    "telling_programs",
    "why_not",
]
