"""Mean activities of groups and their sampling distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import UNIQUE, Keys

from ._cells import Chosen
from ._result import stored_activity

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class GroupMeans:
    """Means of groups, in which each unit (cell or sample) has the same weight.

    Attributes
    ----------
    units
        Posterior means of the units of each group, units x programs each.
    reliability
        Reliability of each program in each group, groups x programs.
    """

    units: list[np.ndarray]
    reliability: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Means, groups x programs."""
        return np.array([units.mean(axis=0, dtype=float) for units in self.units])

    def draws(self, columns: np.ndarray, n_draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield draws from the sampling distribution of the means, groups x programs; NaN for groups of one unit."""
        of_group = [stats.draws_of_mean(units[:, columns], n_draws, rng) for units in self.units]
        for draw in range(n_draws):
            yield np.array([draws[draw] for draws in of_group])


def group_means(
    adata: AnnData,
    chosen: Chosen,
    sample_key: str | None,
    keys: Keys,
    kind: str = UNIQUE,
    refit: int | None = None,
) -> GroupMeans:
    """Compute the means of the chosen groups over cells, or over means of samples, in the reading ``kind``.

    With ``refit``, activities are those of a refit of an ensemble.
    """
    mean, sd = (values[chosen.positions] for values in stored_activity(adata, keys, kind, refit))
    sample = None
    if sample_key is not None:
        sample = checks.check_labels(adata, sample_key, "sample_key").codes[chosen.positions]
    units, reliability = [], []
    for group in chosen.groups:
        inside = chosen.labels == group
        values = mean[inside]
        if sample is not None:
            values = pd.DataFrame(values).groupby(sample[inside]).mean().to_numpy()
        units.append(values)
        reliability.append(stats.reliability(np.mean(sd[inside].astype(float) ** 2, axis=0)))
    return GroupMeans(units, np.array(reliability))
