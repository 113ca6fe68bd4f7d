"""Effective number of independent programs."""

from __future__ import annotations

import numpy as np

# Mean squared correlation of two programs between samples that is assumed as long as the data say little: a correlation
# of .5, more than was measured within cell types of real donors. Its weight is that of one degree of freedom.
ASSUMED = 0.25


def n_independent(residuals: np.ndarray, df: float) -> float:
    """Estimate how many independent programs would tell as much about variances as these do.

    The variances of two programs whose residuals have correlation r are correlated by r², so P programs tell as much as
    ``P² / sum r²`` independent ones. The mean squared correlation of samples is too large: it is about
    ``r² + (1 - r²)² / df``, which is solved for ``r²``.

    Parameters
    ----------
    residuals
        Residuals of a linear model, of equal variance within each program, units x programs.
    df
        Their degrees of freedom.

    Returns
    -------
    A number between 1 and the number of programs with residuals.
    """
    size = np.sqrt((residuals**2).sum(axis=0))
    usable = np.isfinite(size) & (size > 0)
    n = int(usable.sum())
    if n < 2:
        return 1.0
    units = residuals[:, usable] / size[usable]
    # the scalar products of units have the same sum of squares as those of programs
    observed = (((units @ units.T) ** 2).sum() - n) / (n * (n - 1))
    root = np.sqrt(max((df - 2) ** 2 + 4 * (df * observed - 1), 0))
    squared = np.clip((root - (df - 2)) / 2, 0, 1)
    squared = ((df - 1) * squared + ASSUMED) / df
    return float(n / (1 + (n - 1) * squared))
