"""Accessors: new objects from what is stored; they never write and never compute."""

from ._activity import activity
from ._activity_df import activity_df
from ._loadings_df import loadings_df
from ._programs_df import programs_df
from ._rank_programs_groups_df import rank_programs_groups_df

__all__ = ["activity", "activity_df", "loadings_df", "programs_df", "rank_programs_groups_df"]
