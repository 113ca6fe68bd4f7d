"""Trained models on other people's data."""

from ._calibrate import calibrate
from ._extend import extend
from ._map import map

__all__ = ["calibrate", "extend", "map"]
