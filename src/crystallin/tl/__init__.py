"""Tools: what a trained model says, written into AnnData."""

from ._activity import activity
from ._attributions import attributions
from ._contrast import contrast
from ._loadings import loadings
from ._rank_programs_groups import rank_programs_groups

__all__ = ["activity", "attributions", "contrast", "loadings", "rank_programs_groups"]
