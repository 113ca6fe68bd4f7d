"""Statistics on arrays: numpy and scipy only."""

from ._effects import group_effects, standardised_difference

__all__ = ["group_effects", "standardised_difference"]
