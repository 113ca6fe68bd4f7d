"""Programs that are hard to tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import get
from crystallin import programs as prior

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE, Reading


def similar_programs(model: ProgramVAE, adata: AnnData, reading: Reading, key: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Describe the similarity of programs (no decoys); also return the posterior correlation in the average cell."""
    names, real = model.program_names, np.flatnonzero(~model.is_decoy)
    covariance = model.get_posterior_covariance(reading).to_numpy(dtype=float)
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    loadings = model.get_loadings().to_numpy(dtype=float)[:, real]
    alike = prior.similarity(loadings, correlation[np.ix_(real, real)])
    family = prior.families(alike)
    twin, twin_similarity = prior.nearest(alike)
    table = get.programs_df(adata, key=key, columns="all").reindex(names[real])
    about = pd.DataFrame(
        {
            "program": names[real],
            "family": names[real][_most_typical(alike, family)],
            "nearest_twin": np.where(twin >= 0, names[real][twin], ""),
            "twin_similarity": twin_similarity,
            "variance_inflation": prior.variance_inflation(covariance)[real],
            "coverage": table["coverage"].to_numpy() if "coverage" in table else np.nan,
        },
        index=real,
    )
    return about, correlation


def _most_typical(alike: np.ndarray, family: np.ndarray) -> np.ndarray:
    """Return, for each program, the one of its family that is most similar to all of the family."""
    same = family[:, None] == family
    likeness = (alike * same).sum(axis=0)
    return np.where(same, likeness, -1).argmax(axis=1)
