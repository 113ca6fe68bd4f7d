"""Rules: how they are learned, and on which cells they are tested."""

from ._held_out import Part, parts_of, resampled
from ._rule import Rule, certainty, learn, picked

__all__ = [
    "Part",
    "Rule",
    "certainty",
    "learn",
    "parts_of",
    "picked",
    "resampled",
]
