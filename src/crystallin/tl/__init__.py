"""Tools: what a trained model says, written into AnnData."""

from ._activity import activity
from ._loadings import loadings
from ._rank_programs_groups import rank_programs_groups

__all__ = ["activity", "loadings", "rank_programs_groups"]
