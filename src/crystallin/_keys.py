"""The names of the AnnData slots crystallin reads and writes. No other file spells them.

Program names are values, never keys or columns: a name such as ``"TCA cycle / ATP"`` breaks ``write_zarr``
(and ``write_h5ad`` on anndata 0.13) when it is used as a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_KEY = "programs"


@dataclass(frozen=True)
class Keys:
    """Slots of one set of programs; ``prefix`` is the ``key_added`` of :func:`crystallin.pp.add_programs`."""

    prefix: str = DEFAULT_KEY

    @property
    def prior(self) -> str:
        """``varm``: genes x programs, sparse float32, 0 = not a member, sign = known direction."""
        return self.prefix

    @property
    def loadings(self) -> str:
        """``varm``: genes x programs, float32."""
        return f"{self.prefix}_loadings"

    @property
    def activity(self) -> str:
        """``obsm``: posterior mean, cells x programs, float32."""
        return f"X_{self.prefix}"

    @property
    def sd(self) -> str:
        """``obsm``: posterior standard deviation, cells x programs, float32."""
        return f"{self.prefix}_sd"

    @property
    def uns(self) -> str:
        """``uns``: dictionary of ``NAMES``, ``TABLE`` and ``PARAMS``."""
        return self.prefix

    @property
    def slots(self) -> set[tuple[str, str]]:
        """All of these, each with the attribute of AnnData it is in."""
        of_cells = {("obsm", self.activity), ("obsm", self.sd)}
        return of_cells | {("varm", self.prior), ("varm", self.loadings), ("uns", self.uns)}

    def result(self, tool: str) -> str:
        """``uns``: where a tool keeps its result on these programs unless told otherwise.

        Results on the default programs are under the tool's own name; those on others have the prefix in front, so that
        two collections do not overwrite each other's.
        """
        return tool if self.prefix == DEFAULT_KEY else f"{self.prefix}_{tool}"


NAMES = "names"
TABLE = "table"
PARAMS = "params"
ACTIVITY_PARAMS, LOADINGS_PARAMS = "activity_params", "loadings_params"
# entries of PARAMS that tell what a result is of: programs by their key, hash and how often they were added; the model
KEY, PRIOR_DIGEST, ADDED, MODEL_DIGEST, TOOL = "key", "prior_digest", "added", "model_digest", "tool"


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they are stored: those that are ``None`` are left out, as not every file format can hold it.

    In results of version 0.1.0 they are empty text, 0 or -1; readers take those for not given as well.
    """
    return {name: value for name, value in params.items() if value is not None}


# whether activities are the refined ones, there and where they are written
REFINE = "refine"
# of results that are arrays: the names along them
PROGRAMS, GROUPS, CELLS, GENES, VALUES = "programs", "groups", "cells", "genes", "values"
# further tables
CONSENSUS, SPREAD, SCORES, TERMS = "consensus", "spread", "scores", "terms"


# ``obsm``: where scvi-tools' differential_abundance writes
DIFFERENTIAL_ABUNDANCE = "da_log_probs"
# column of ``var`` in which a query keeps which of a model's genes it has
MEASURED = "crystallin_measured"


class Simulation:
    """Where :func:`crystallin.datasets.simulate` keeps the truth, and which cell is of which batch."""

    UNS = "simulation"
    ACTIVITY = "true_activity"
    LOADINGS = "true_loadings"
    BATCH_EFFECT = "true_batch_effect"
    AMBIENT = "true_ambient"
    THETA = "true_theta"
    LOG_BASE = "true_log_base"
    DEPTH = "depth"
    BATCH = "batch"


RANK_PROGRAMS_GROUPS = "rank_programs_groups"
CONTRAST = "contrast"
ATTRIBUTIONS = "attributions"
LEAKAGE = "leakage"
PROGRAM_IMPORTANCE = "program_importance"
ATTRIBUTION_AGREEMENT = "attribution_agreement"
FAITHFULNESS = "faithfulness"
KNOCKDOWN = "knockdown"
INTERACTIONS = "interactions"
ANNOTATE = "annotate"
RULES = "rules"

# tools that read the activities in AnnData
OF_ACTIVITY = (RANK_PROGRAMS_GROUPS, FAITHFULNESS, ANNOTATE, RULES)

# columns of the table of programs that tools of a trained model add
OF_MODEL = (
    "most_active",
    "top_score",
    "reliability",
    "leakage",
    "leakage_encoder",
    "importance",
    "family",
    "nearest_twin",
    "twin_similarity",
    "variance_inflation",
    "stability",
)


@dataclass(frozen=True)
class Result:
    """A kind of result.

    Attributes
    ----------
    what
        What messages call it.
    call
        The call in ``tl`` that makes it.
    column
        A column that tells its table from others; empty for attributions, which are an array.
    accessor
        The function in ``get`` that reads it.
    plots
        The functions in ``pl`` that draw it, the usual one first.
    """

    what: str
    call: str
    column: str
    accessor: str
    plots: tuple[str, ...] = ()


# by tool
RESULTS = {
    RANK_PROGRAMS_GROUPS: Result(
        "differences between groups",
        "rank_programs_groups(adata, model, groupby)",
        "effect",
        "rank_programs_groups_df",
        ("rank_programs_groups", "volcano", "effects"),
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
}
