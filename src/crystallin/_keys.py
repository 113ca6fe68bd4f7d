"""The names of the AnnData slots crystallin reads and writes. No other file spells them.

Program names are values, never keys or columns: a name such as ``"TCA cycle / ATP"`` breaks ``write_zarr``
(and ``write_h5ad`` on anndata 0.13) when it is used as a key.
"""

from __future__ import annotations

from dataclasses import dataclass

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


NAMES = "names"
TABLE = "table"
PARAMS = "params"
ACTIVITY_PARAMS = "activity_params"
# of results that are arrays: the names along them
PROGRAMS, GROUPS, CELLS, GENES, VALUES = "programs", "groups", "cells", "genes", "values"
# further tables
CONSENSUS, SPREAD, SCORES, TERMS = "consensus", "spread", "scores", "terms"


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
