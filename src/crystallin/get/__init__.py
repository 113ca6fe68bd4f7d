"""Accessors: return stored results, and means of stored activities, as new objects. They never write into AnnData."""

from ._activity import activity
from ._activity_df import activity_df
from ._annotation_df import annotation_df
from ._attribution_agreement_df import attribution_agreement_df
from ._attributions_df import attributions_df
from ._audit_df import audit_df
from ._compare_df import compare_df
from ._completed_programs import completed_programs
from ._contrast_df import contrast_df
from ._contrast_params import contrast_params
from ._faithfulness_df import faithfulness_df
from ._free_programs_df import free_programs_df
from ._interactions_df import interactions_df
from ._knockdown_df import knockdown_df
from ._leakage_df import leakage_df
from ._like_reference import like_reference
from ._loadings_df import loadings_df
from ._map_cells_df import map_cells_df
from ._map_df import map_df
from ._program_importance_df import program_importance_df
from ._programs_df import programs_df
from ._pseudobulk import pseudobulk
from ._rank_programs_groups_df import rank_programs_groups_df
from ._rules_df import rules_df

__all__ = [
    "activity",
    "activity_df",
    "annotation_df",
    "attribution_agreement_df",
    "attributions_df",
    "audit_df",
    "compare_df",
    "completed_programs",
    "contrast_df",
    "contrast_params",
    "faithfulness_df",
    "free_programs_df",
    "interactions_df",
    "knockdown_df",
    "leakage_df",
    "like_reference",
    "loadings_df",
    "map_cells_df",
    "map_df",
    "program_importance_df",
    "programs_df",
    "pseudobulk",
    "rank_programs_groups_df",
    "rules_df",
]
