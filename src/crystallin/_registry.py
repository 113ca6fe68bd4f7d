"""Results of tools: what they are called, how they are computed, and what returns and draws them."""

from __future__ import annotations

from dataclasses import dataclass

from ._keys import (
    ANNOTATE,
    ATTRIBUTION_AGREEMENT,
    ATTRIBUTIONS,
    AUDIT_PROGRAMS,
    COMPARE,
    CONTRAST,
    FAITHFULNESS,
    INTERACTIONS,
    KNOCKDOWN,
    LEAKAGE,
    MAP,
    PROGRAM_IMPORTANCE,
    RANK_PROGRAMS_GROUPS,
    RULES,
)


@dataclass(frozen=True)
class Result:
    """Type of result.

    Attributes
    ----------
    what
        Name of the result in messages.
    call
        Call of the function that computes it.
    column
        Column by which its table is recognised; empty for attributions, which are an array.
    accessor
        Function in ``get`` that returns it.
    plots
        Functions in ``pl`` that draw it, the default one first.
    room
        Where the function is; empty for the package itself.
    """

    what: str
    call: str
    column: str
    accessor: str
    plots: tuple[str, ...] = ()
    room: str = "tl."

    @property
    def how(self) -> str:
        """Full call, for messages."""
        return f"crystallin.{self.room}{self.call}"


# by tool
RESULTS = {
    RANK_PROGRAMS_GROUPS: Result(
        "differences between groups",
        "rank_programs_groups(adata, model, groupby)",
        "effect",
        "rank_programs_groups_df",
        ("rank_programs_groups", "volcano", "effects"),
    ),
    COMPARE: Result(
        "contrasts of samples",
        "compare(adata, model, design, contrast=…, sample_key=…)",
        "contrast",
        "compare_df",
        ("compare", "forest"),
    ),
    CONTRAST: Result(
        "contrast",
        "contrast(adata, model, program, groupby=…, group=…)",
        "contribution",
        "contrast_df",
        ("contrast",),
    ),
    ATTRIBUTIONS: Result(
        "attributions",
        "attributions(adata, model, groupby=…)",
        "",
        "attributions_df",
        ("attributions", "waterfall"),
    ),
    LEAKAGE: Result("leakage", "leakage(adata, model)", "leakage_encoder", "leakage_df"),
    PROGRAM_IMPORTANCE: Result(
        "importance of programs", "program_importance(adata, model)", "importance", "program_importance_df"
    ),
    ATTRIBUTION_AGREEMENT: Result(
        "agreement between attributions",
        "attribution_agreement(adata, model, groupby=…)",
        "rbo",
        "attribution_agreement_df",
        ("agreement",),
    ),
    FAITHFULNESS: Result("faithfulness of attributions", "faithfulness(adata, model)", "deletion", "faithfulness_df"),
    KNOCKDOWN: Result("knock-down", "knockdown(adata, model, genes=…)", "change", "knockdown_df"),
    ANNOTATE: Result("annotation", "annotate(adata, model, groupby)", "specificity", "annotation_df", ("annotation",)),
    RULES: Result("rules", "rules(adata, groupby)", "rule", "rules_df", ("rules",)),
    INTERACTIONS: Result(
        "interactions of genes", "interactions(adata, model, program)", "interaction", "interactions_df"
    ),
    AUDIT_PROGRAMS: Result("audit of programs", "audit_programs(adata, model)", "verdict", "audit_df", ("audit",)),
    MAP: Result("verdicts on groups", "map(adata, model)", "own_distance", "map_df", ("map",), room=""),
}
