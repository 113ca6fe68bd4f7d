"""All comparisons of a call, in each reading of the programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._differences import Compared, Measured, TooFewError, across_cells, across_samples


@dataclass(frozen=True)
class Pair:
    """Two groups to compare.

    Attributes
    ----------
    labels
        ``stratum``, ``group`` and ``reference``.
    where
        The same, in words, for messages.
    side
        0 for units of the group, 1 for those of the reference, negative for others.
    """

    labels: dict[str, str]
    where: str
    side: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """Data and options that all comparisons of a call have in common.

    Attributes
    ----------
    measured
        Activities in each reading (``"unique"``, ``"total"``).
    units
        ``stratum``, ``group`` and ``sample`` of the units.
    owner
        Covariate of each column of covariates.
    by_sample, paired
        Whether the units of observation are samples, and whether the sides are compared within each sample.
    """

    measured: Mapping[str, Measured]
    units: pd.DataFrame
    owner: Sequence[str]
    by_sample: bool
    paired: bool | None

    def pairs(self, groups: Sequence[str], reference: str, groupby: str, within: str | None) -> Iterator[Pair]:
        """Yield the pairs in the order of strata and groups."""
        group = self.units["group"].to_numpy()
        for stratum in map(str, self.units["stratum"].unique()):
            inside = (self.units["stratum"] == stratum).to_numpy()
            for name in groups:
                is_reference = group != name if reference == "rest" else group == reference
                side = np.where(inside & (group == name), 0, np.where(inside & is_reference, 1, -1))
                labels = {"stratum": stratum, "group": name, "reference": reference}
                place = "" if within is None else f", {within}={stratum!r}"
                yield Pair(labels, f"{groupby}={name!r} against {reference!r}{place}", side)

    def run(
        self, pairs: Iterable[Pair], *, skip: tuple[type[ValueError], ...]
    ) -> tuple[list[tuple[Pair, dict[str, Compared]]], list[str]]:
        """Return results in each reading, and the reasons for skipped pairs.

        Errors of other types are raised, and so is one if no result is left.
        """
        results, skipped = [], []
        for pair in pairs:
            try:
                results.append((pair, {kind: self._compare(pair, of) for kind, of in self.measured.items()}))
            except skip as error:
                skipped.append(str(error))
        if not results:
            msg = f"No comparison is possible. The first failed for this reason: {skipped[0]}"
            raise TooFewError(msg)
        return results, skipped

    def _compare(self, pair: Pair, measured: Measured) -> Compared:
        if not self.by_sample:
            return across_cells(measured, pair.side, self.owner, pair.where)
        sample = self.units["sample"].to_numpy()
        return across_samples(measured, pair.side, sample, self.owner, pair.where, paired=self.paired)
