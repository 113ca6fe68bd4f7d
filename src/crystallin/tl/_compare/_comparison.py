"""All comparisons of a call, and their results as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin.stats import Difference, Moments

from ._differences import TESTED_FROM, Compared, Coupling, TooFewError, across_cells, across_samples


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
    moments, units
        Moments of the units, and their ``stratum``, ``group`` and ``sample``.
    coupling
        Covariance of programs.
    owner
        Covariate of each column of covariates.
    by_sample, paired
        Whether the units of observation are samples, and whether the sides are compared within each sample.
    """

    moments: Moments
    units: pd.DataFrame
    coupling: Coupling
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
    ) -> tuple[list[tuple[Pair, Compared]], list[str]]:
        """Return results, and the reasons for skipped pairs; raise errors of other types, and if no result is left."""
        results, skipped = [], []
        for pair in pairs:
            try:
                results.append((pair, self._compare(pair)))
            except skip as error:
                skipped.append(str(error))
        if not results:
            msg = f"No comparison is possible. The first failed for this reason: {skipped[0]}"
            raise TooFewError(msg)
        return results, skipped

    def _compare(self, pair: Pair) -> Compared:
        common = (self.coupling, self.owner, pair.where)
        if not self.by_sample:
            return across_cells(self.moments, pair.side, *common)
        sample = self.units["sample"].to_numpy()
        return across_samples(self.moments, pair.side, sample, *common, paired=self.paired)


def rows(compared: Compared, delta: float, about: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each program (no decoys), the most significant first.

    Parameters
    ----------
    compared
        Result of a comparison.
    delta
        Smallest difference of interest, in pooled standard deviations.
    about
        Columns that do not depend on the comparison, indexed by the program's position.
    """
    real = about.index.to_numpy()
    is_decoy = np.ones(len(compared.reliability), dtype=bool)
    is_decoy[real] = False
    marginal = compared.marginal
    by_decoys = stats.calibrated_by_decoys(marginal, compared.reliability, is_decoy)
    lower, upper = marginal.interval()
    size = delta * compared.pooled_sd
    tested = ~is_decoy & (compared.reliability >= TESTED_FROM)
    by_sample = compared.n_samples != (0, 0)
    columns = {
        "effect": marginal.effect,
        "se": marginal.se,
        "lower": lower,
        "upper": upper,
        "effect_sd": marginal.effect / compared.pooled_sd,
        "statistic": marginal.statistic,
        **_significance(marginal, size, tested, by_sample=by_sample),
        "decoy_q": _significance(by_decoys, size, tested, by_sample=by_sample)["q"],
        "reliability": compared.reliability,
        "overlap": stats.overlap(compared.mean, compared.variance),
        "mean_group": compared.mean[0],
        "mean_reference": compared.mean[1],
        "df": np.broadcast_to(marginal.df, marginal.effect.shape),
        "conditional_effect": compared.conditional.effect,
        "conditional_se": compared.conditional.se,
        "conditional_q": _significance(
            compared.conditional, size, tested, by_sample=by_sample, direction=np.sign(marginal.effect)
        )["q"],
    }
    table = about.join(pd.DataFrame({name: values[real] for name, values in columns.items()}, index=real))
    table["n_group"], table["n_reference"] = map(int, compared.n_cells)
    table["n_samples_group"], table["n_samples_reference"] = compared.n_samples
    table["unit"] = "sample" if by_sample else "cell"
    # with decoys, certainty is limited by the standard errors that also hold for decoys
    sure = pd.Series(np.abs(marginal.effect / np.fmax(marginal.se, by_decoys.se))[real], index=real)
    # an untested program can lead a family only if none of its programs is tested
    sure[~tested[real]] -= 1 + sure.max()
    table["lead"] = sure == sure.groupby(table["family"]).transform("max")
    # programs that are not tested come last
    order = pd.DataFrame({"untested": table["q"].isna(), "sure": -sure})
    return table.loc[order.sort_values(["untested", "sure"], kind="stable").index]


def _significance(
    difference: Difference,
    size: np.ndarray,
    tested: np.ndarray,
    *,
    by_sample: bool,
    direction: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return p values or probabilities, and q over tested programs; none is significant against ``direction``."""
    against = np.zeros(len(tested), dtype=bool) if direction is None else difference.effect * direction < 0
    if by_sample:
        p = np.where(against, 1, difference.p(size))
        return {"p": p, "q": stats.benjamini_hochberg(np.where(tested, p, np.nan))}
    normal = difference.as_normal()
    probability = np.full(len(tested), np.nan)
    if np.isfinite(normal.se).any():
        probability = np.where(against, 0, stats.probability_beyond(normal.effect, normal.se, size, tested))
    return {"probability": probability, "q": stats.expected_fdr(np.where(tested, probability, np.nan))}
