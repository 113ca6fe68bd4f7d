"""Tools: compute results from a trained model and write them into AnnData."""

from ._activity import activity
from ._annotate import annotate
from ._attribution_agreement import attribution_agreement
from ._attributions import attributions
from ._audit_programs import audit_programs
from ._compare import compare
from ._contrast import contrast
from ._faithfulness import faithfulness
from ._interactions import interactions
from ._knockdown import knockdown
from ._leakage import leakage
from ._loadings import loadings
from ._program_importance import program_importance
from ._programs_overview import programs_overview
from ._rank_programs_groups import rank_programs_groups
from ._rules import rules

__all__ = [
    "activity",
    "annotate",
    "attribution_agreement",
    "attributions",
    "audit_programs",
    "compare",
    "contrast",
    "faithfulness",
    "interactions",
    "knockdown",
    "leakage",
    "loadings",
    "program_importance",
    "programs_overview",
    "rank_programs_groups",
    "rules",
]
