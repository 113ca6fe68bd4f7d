"""One comparison, and what a study of another size would find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from crystallin import stats

# name of the row of the typical program: median standard deviations of those that are tested
TYPICAL = "typical"
# the mean power of many programs is that of this number of them, from the least to the most variable
N_QUANTILES = 16
# relative precision of the level
PRECISION = 1e-3


@dataclass(frozen=True)
class Study:
    """One comparison with its variance components.

    Attributes
    ----------
    labels
        Columns that identify it.
    programs
        Names of the programs, none if only the typical program is known.
    sample_sd, cell_sd
        Standard deviations between samples, and between cells of a sample, programs; of the typical program if there
        are no ``programs``.
    n_tested
        Number of programs that are tested together.
    variance
        Variance of the effect times the number of donors, if the variance of each mean were one.
    samples
        Samples of a donor.
    df_donor, df_lost
        Residual degrees of freedom that each donor adds, and how many are lost to coefficients.
    df_borrowed
        Degrees of freedom that the pilot borrowed from other programs.
    n_donors, n_cells
        Donors and cells per sample of the pilot; NaN without one.
    """

    labels: dict[str, str]
    programs: tuple[str, ...]
    sample_sd: np.ndarray
    cell_sd: np.ndarray
    n_tested: int
    variance: float
    samples: float
    df_donor: float
    df_lost: float
    df_borrowed: float = 0.0
    n_donors: float = np.nan
    n_cells: float = np.nan

    def se(self, n_donors: int, n_cells: float) -> np.ndarray:
        """Return standard errors of the effect of each program."""
        return np.sqrt(self.variance / n_donors * (self.sample_sd**2 + self.cell_sd**2 / n_cells))

    def df(self, n_donors: int) -> float:
        """Return degrees of freedom; NaN if none are left to estimate variances from.

        What can be borrowed is limited by the residual degrees of freedom of the other programs, so smaller studies
        than the pilot borrow less. Larger ones would borrow more only if programs were equally variable.
        """
        # sums of fractions, such as a mean number of samples, are not exact
        residual, of_pilot = (round(self.df_donor * n - self.df_lost, 6) for n in (n_donors, self.n_donors))
        if residual < 1:
            return np.nan
        return residual + (self.df_borrowed * min(1, residual / of_pilot) if self.df_borrowed else 0)

    def typical(self) -> Study:
        """Return the same comparison with the typical program only."""
        sample_sd, cell_sd = (np.atleast_1d(np.median(values)) for values in (self.sample_sd, self.cell_sd))
        return replace(self, programs=(), sample_sd=sample_sd, cell_sd=cell_sd)


def level_of(effect: np.ndarray, df: float, *, level: float, changed: float, n_tested: int) -> float:
    """Return the p value below which a program is called, if as many others are called as expected.

    Benjamini and Hochberg's procedure calls a program if its p value is at most ``level`` times the share of the
    programs that are called, itself included. As power is a concave function of p, there is one such p value.

    Parameters
    ----------
    effect
        Effect of programs if they change, in standard errors.
    df
        Degrees of freedom.
    level
        Largest q value that is called.
    changed
        Share of the programs that change.
    n_tested
        Number of programs.
    """
    if len(effect) > N_QUANTILES:
        effect = np.quantile(effect, (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)

    def excess(p: float) -> float:
        others = changed * stats.power_of_t(effect, df, p).mean() + (1 - changed) * p
        return float(level * (1 + (n_tested - 1) * others) / n_tested - p)

    # there is none above the level; rounding decides if all programs are called
    return level if excess(level) >= 0 else float(brentq(excess, 0.5 * level / n_tested, level, rtol=PRECISION))


def planned(
    study: Study, effect: float, n_donors: int, n_cells: float, *, level: float, changed: float
) -> pd.DataFrame:
    """Return a row for each program of a study of a given size, the typical one first."""
    typical = study.typical()
    df, se = study.df(n_donors), study.se(n_donors, n_cells)
    size = np.append(typical.se(n_donors, n_cells), se if study.programs else [])
    p_level, power, smallest = np.nan, np.full(len(size), np.nan), np.full(len(size), np.nan)
    if np.isfinite(df):
        p_level = level_of(effect / se, df, level=level, changed=changed, n_tested=study.n_tested)
        power = stats.power_of_t(effect / size, df, p_level)
        smallest = stats.detectable(df, p_level) * size
    return pd.DataFrame(
        {
            **study.labels,
            "program": [TYPICAL, *study.programs],
            "n_donors": n_donors,
            "n_samples": study.samples * n_donors,
            "n_cells": n_cells,
            "effect": effect,
            "se": size,
            "df": df,
            "p_level": p_level,
            "power": power,
            "detectable": smallest,
            "pilot_donors": study.n_donors,
            "pilot_cells": study.n_cells,
        }
    )


def plans(
    study: Study, effects: list[float], n_donors: list[int], n_cells: list[float] | None, **options: float
) -> Iterator[pd.DataFrame]:
    """Yield the rows of each size; ``n_cells=None`` takes that of the pilot."""
    for effect in effects:
        for cells in n_cells or [study.n_cells]:
            for donors in n_donors:
                yield planned(study, effect, donors, cells, **options)
