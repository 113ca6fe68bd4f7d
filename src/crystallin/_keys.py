"""Names of the AnnData slots that crystallin reads and writes. No other file spells them out.

Program names are values, never keys or columns: a name such as ``"TCA cycle / ATP"`` breaks ``write_zarr``
(and ``write_h5ad`` on anndata 0.13) when it is used as a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_KEY = "programs"
# readings of a program: what it explains beside the others, and what the genes of its set do in total
UNIQUE, TOTAL = "unique", "total"
KINDS = (UNIQUE, TOTAL)
# free programs have a single reading; also the entry of ``uns`` with their table, and that of the parameters of
# loadings with their names
FREE = "free"
# what figures call them
LABELS = {UNIQUE: "activity", TOTAL: "total activity"}


@dataclass(frozen=True)
class Keys:
    """Slots of one set of programs; ``prefix`` is the ``key_added`` of :func:`crystallin.pp.add_programs`."""

    prefix: str = DEFAULT_KEY

    @property
    def prior(self) -> str:
        """``varm``: genes x programs, sparse float32; 0 for non-members, and the direction as the sign for members."""
        return self.prefix

    @property
    def added(self) -> str:
        """``varm``: genes x programs, sparse float32; 1 for members that were added to the gene sets."""
        return f"{self.prefix}_added"

    @property
    def loadings(self) -> str:
        """``varm``: genes x programs, float32."""
        return f"{self.prefix}_loadings"

    @property
    def loadings_sd(self) -> str:
        """``varm``: standard deviations between the fits of an ensemble, genes x programs, float32."""
        return f"{self.prefix}_loadings_sd"

    @property
    def free_loadings(self) -> str:
        """``varm``: genes x free programs, float32."""
        return f"{self.prefix}_free_loadings"

    @property
    def free_rank(self) -> str:
        """``varm``: genes x free programs, int32; 1 for the gene that is most typical, and 0 for genes outside."""
        return f"{self.prefix}_free_rank"

    @property
    def of_genes(self) -> set[str]:
        """Slots in ``varm`` that a model writes."""
        return {self.loadings, self.loadings_sd, self.free_loadings, self.free_rank}

    @property
    def activity(self) -> str:
        """``obsm``: posterior mean, cells x programs, float32."""
        return f"X_{self.prefix}"

    @property
    def sd(self) -> str:
        """``obsm``: posterior standard deviation, cells x programs, float32."""
        return f"{self.prefix}_sd"

    def of_kind(self, kind: str) -> tuple[str, str]:
        """Return the slots in ``obsm`` of a reading's posterior means and standard deviations."""
        if kind == UNIQUE:
            return self.activity, self.sd
        return f"{self.activity}_{kind}", f"{self.prefix}_{kind}_sd"

    def of_refits(self, kind: str) -> str:
        """``obsm``: posterior means of a reading by each refit of an ensemble, cells x refits x programs, float32."""
        return f"{self.of_kind(kind)[0]}_refits"

    @property
    def map(self) -> str:
        """``obsm``: label and p-values of the cells of a query, cells x ``MAP_COLUMNS``, float32."""
        return f"{self.prefix}_map"

    @property
    def map_plane(self) -> str:
        """``obsm``: coordinates of the cells of a query in the plane that best tells labels apart, float32."""
        return f"X_{self.prefix}_map"

    @property
    def of_cells(self) -> set[str]:
        """Slots in ``obsm``."""
        of_kinds = {slot for kind in (*KINDS, FREE) for slot in (*self.of_kind(kind), self.of_refits(kind))}
        return of_kinds | {self.map, self.map_plane}

    @property
    def uns(self) -> str:
        """``uns``: dictionary of ``NAMES``, ``TABLE`` and ``PARAMS``."""
        return self.prefix

    @property
    def slots(self) -> set[tuple[str, str]]:
        """All slots of the programs, each with the attribute of AnnData that contains it."""
        slots = {"obsm": self.of_cells, "varm": {self.prior, self.added} | self.of_genes, "uns": {self.uns}}
        return {(where, slot) for where, names in slots.items() for slot in names}

    def result(self, tool: str) -> str:
        """Return the default slot in ``uns`` for a tool's result on these programs.

        Results on programs under the default key have the name of the tool. Others have the prefix in front, so that
        results on two collections do not overwrite each other.
        """
        return tool if self.prefix == DEFAULT_KEY else f"{self.prefix}_{tool}"


NAMES = "names"
TABLE = "table"
PARAMS = "params"
# table of the members that were added to the gene sets
ADDITIONS = "additions"
ACTIVITY_PARAMS, LOADINGS_PARAMS, SCREEN_PARAMS = "activity_params", "loadings_params", "screen_params"
# entries of PARAMS for the origin of a result: key, hash and number of additions of the programs, model and tool
KEY, PRIOR_DIGEST, ADDED, MODEL_DIGEST, TOOL = "key", "prior_digest", "added", "model_digest", "tool"


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as they are stored, without those that are ``None``, which not every file format supports.

    In results of version 0.1.0 they are empty text, 0 or -1; readers treat these as not given as well.
    """
    return {name: value for name, value in params.items() if value is not None}


# column of the table of programs that says which are awake
AWAKE = "awake"
# column of the table of programs of collections that have categories, and those that tools treat by themselves
CATEGORY, CELL_TYPE, HOUSEKEEPING = "category", "cell type", "housekeeping"
# label of groups and cells that no label fits
UNASSIGNED = "unassigned"
# column of results of an ensemble: share of the fits that say the same
SHARE_OF_FITS = "share_of_fits"
# suggestions of an audit, below which the share of false ones (entry "realised" of its parameters) says nothing
MIN_ESTIMATED = 10
# entry of the parameters of activities and of results: whether activities are refined
REFINE = "refine"
# entry of the parameters of activities: what the fits of an ensemble differ in
RESAMPLE = "resample"
# entry of the parameters of results: the reading of the activities; results of version 0.1.0 do not have it
KIND = "kind"
# entries of results that are arrays: names along the axes, and values
PROGRAMS, GROUPS, CELLS, GENES, VALUES = "programs", "groups", "cells", "genes", "values"
# further tables
CONSENSUS, SPREAD, SCORES, TERMS, SUMMARY = "consensus", "spread", "scores", "terms", "summary"


# slot of ``obsm`` in which scvi-tools' differential_abundance writes
DIFFERENTIAL_ABUNDANCE = "da_log_probs"
# share of a program's weight on measured genes below which its activities are NaN
MIN_MEASURED = 0.5
# column of ``var`` of a query that says which of the model's genes were measured
MEASURED = "crystallin_measured"


class Simulation:
    """Slots in which :func:`crystallin.datasets.simulate` stores the truth and the batch of each cell."""

    UNS = "simulation"
    ACTIVITY = "true_activity"
    LOADINGS = "true_loadings"
    BATCH_EFFECT = "true_batch_effect"
    AMBIENT = "true_ambient"
    THETA = "true_theta"
    LOG_BASE = "true_log_base"
    DEPTH = "depth"
    BATCH = "batch"


def se_of(slot: str) -> str:
    """Return the slot in ``varm`` of the standard errors of attributions in ``slot``."""
    return f"{slot}_se"


def sd_of(program: str) -> str:
    """Return the name of the column with the standard deviations of a program's activities."""
    return f"{program} sd"


RANK_PROGRAMS_GROUPS = "rank_programs_groups"
COMPARE = "compare"
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
AUDIT_PROGRAMS = "audit_programs"
MAP = "map"

# tools that use the activities stored in AnnData
OF_ACTIVITY = (RANK_PROGRAMS_GROUPS, COMPARE, FAITHFULNESS, ANNOTATE, RULES)

# column of ``var`` with the genes to train on, and entry of ``uns`` with the arguments of the selection
GENES_SELECTED, SELECT_GENES = "selected", "select_genes"

# columns that identify a comparison, by tool
COMPARISON = {RANK_PROGRAMS_GROUPS: ["stratum", "group", "reference"], COMPARE: ["stratum", "contrast"]}

# columns of the slot of a mapped query: the position of the label among those of the reference, its probability, and
# conformal p-values by both scores, by the deviance of the counts, and by the activities
MAP_COLUMNS = ("label", "probability", "p", "p_counts", "p_activity")
# of a mapped query: entry of its parameters with the names of the labels, and entry with their places in the plane
LABELS_OF_MAP, CENTRES = "labels", "centres"
# p-value below which a cell is unlike the reference, and level of the limits for groups
ALPHA = 0.05
# verdicts on its groups
VERDICTS = LIKE, SHIFTED, NEW, FEW = "like the reference", "shifted", "new", "too few cells"

# columns that tools of a trained model add to the table of programs
OF_MODEL = (
    "most_active",
    "top_score",
    "reliability",
    "leakage",
    "leakage_encoder",
    "leakage_added",
    "importance",
    "family",
    "nearest_twin",
    "twin_similarity",
    "variance_inflation",
    "stability",
    "total_stability",
    "loadings_stability",
)
