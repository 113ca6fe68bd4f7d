"""Trained models on other people's data."""

from ._calibrate import calibrate
from ._map import map

__all__ = ["calibrate", "map"]
