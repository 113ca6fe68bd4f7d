"""Tools: what a trained model says, written into AnnData."""

from ._activity import activity
from ._loadings import loadings

__all__ = ["activity", "loadings"]
