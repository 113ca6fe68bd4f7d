"""Accessors: new objects from what is stored; they never write and never compute."""

from ._activity import activity
from ._activity_df import activity_df
from ._attributions_df import attributions_df
from ._contrast_df import contrast_df
from ._contrast_params import contrast_params
from ._loadings_df import loadings_df
from ._programs_df import programs_df
from ._rank_programs_groups_df import rank_programs_groups_df

__all__ = [
    "activity",
    "activity_df",
    "attributions_df",
    "contrast_df",
    "contrast_params",
    "loadings_df",
    "programs_df",
    "rank_programs_groups_df",
]
