"""Parts of the cells to which refits are fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crystallin import _checks as checks

if TYPE_CHECKING:
    from anndata import AnnData

# ways of resampling that are not columns of obs
SEED, CELLS = "seed", "cells"
# fewer samples than that leave one or none in a half
MIN_SAMPLES = 4


def resampled(adata: AnnData, resample: str, n_refits: int, random_state: int) -> list[np.ndarray | None]:
    """Return the positions of the cells of each refit; ``None`` stands for all cells.

    Halves come in pairs that have no cell in common (complementary pairs, Shah & Samworth 2013, J R Stat Soc B 75:55).

    Parameters
    ----------
    adata
        Data of the model.
    resample
        ``"seed"``, ``"cells"``, or a column of ``obs`` with samples.
    n_refits
        Number of refits.
    random_state
        Seed.

    Raises
    ------
    KeyError, ValueError
        If the column does not exist, has missing labels or fewer than four samples.
    """
    if resample == SEED:
        return [None] * n_refits
    codes, n_units = np.arange(adata.n_obs), adata.n_obs
    if resample != CELLS:
        labels = checks.check_labels(adata, resample, "resample")
        codes, n_units = labels.codes, len(labels.names)
        if n_units < MIN_SAMPLES:
            msg = (
                f"resample={resample!r} has {n_units} sample(s), {checks.some(labels.names)}, but at least "
                f'{MIN_SAMPLES} are needed to fit halves of them. Use resample="cells" for halves of the cells.'
            )
            raise ValueError(msg)
    rng, parts = np.random.default_rng(random_state), []
    while len(parts) < n_refits:
        order = rng.permutation(n_units)
        for units in (order[: n_units // 2], order[n_units // 2 :]):
            parts.append(np.flatnonzero(np.isin(codes, units)))
    return parts[:n_refits]
