"""Activities in one reading as they are compared, and the result of one comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crystallin import stats
from crystallin.stats import Difference, Means, Moments

# programs of lower reliability are not tested, because their activity is determined mostly by the prior
TESTED_FROM = 0.1


class TooFewError(ValueError):
    """Raised if one comparison has too few samples or cells; others may have enough."""


@dataclass(frozen=True)
class Coupling:
    """Covariance of programs between cells of the same unit, programs x programs.

    Attributes
    ----------
    covariance
        Covariance of posterior means.
    posterior
        Mean posterior covariance of a cell.
    share
        Reliability of each program.
    """

    covariance: np.ndarray
    posterior: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Measured:
    """Activities in one reading, as they are compared.

    Attributes
    ----------
    moments
        Moments of the units.
    is_decoy
        Which programs are decoys; they are not used to explain others.
    coupling
        Covariance of programs; ``None`` if there are no conditional differences, as of totals.
    """

    moments: Moments
    is_decoy: np.ndarray
    coupling: Coupling | None

    def conditional(self, means: Means, n_cells: np.ndarray, share: np.ndarray) -> Means | None:
        """Return means conditional on the programs of higher reliability, ``share``, in the cells compared."""
        if self.coupling is None:
            return None
        order = np.argsort(-share, kind="stable")
        order = order[(share[order] >= TESTED_FROM) & ~self.is_decoy[order]]
        coupling = self.coupling
        return stats.given_better_known(means, n_cells, order, coupling.covariance, coupling.posterior, coupling.share)


@dataclass(frozen=True)
class Steadiness:
    """How much a difference depends on single donors, arrays over programs.

    Attributes
    ----------
    lowest, highest
        Range of the difference when each donor in turn is left out.
    donor
        The donor whose removal changes it most.
    """

    lowest: np.ndarray
    highest: np.ndarray
    donor: np.ndarray


@dataclass(frozen=True)
class Compared:
    """Result of one comparison, arrays over programs.

    Attributes
    ----------
    marginal, conditional
        Difference of each program by itself, and conditional on those of higher reliability (``None`` for totals).
    mean
        Mean posterior activity of each kind of cells that is compared, kinds x programs.
    variance
        Variance of activity between cells of a kind, including their posterior variance, kinds x programs.
    shift
        Difference of the mean posterior activities as stored.
    reliability
        One minus the mean posterior variance of the cells compared.
    n_cells, n_samples
        Numbers of cells and samples of each kind; 0 without samples.
    n_donors
        Number of different samples, some of which may be on several sides; 0 without samples.
    left_out, why_left_out
        Samples that were left out, and the reason, in words.
    cell_sd
        Standard deviation of the activity between cells of a sample, corrected for shrinkage, such that its square
        divided by the mean number of cells is the mean sampling variance; ``None`` without samples.
    steadiness
        Dependence on single donors; ``None`` without samples.
    exact_p
        p values of the permutation test, if there is one.
    """

    marginal: Difference
    conditional: Difference | None
    mean: np.ndarray
    variance: np.ndarray
    shift: np.ndarray
    reliability: np.ndarray
    n_cells: np.ndarray
    n_samples: tuple[int, ...]
    n_donors: int = 0
    left_out: tuple[str, ...] = ()
    why_left_out: str = ""
    cell_sd: np.ndarray | None = None
    steadiness: Steadiness | None = None
    exact_p: np.ndarray | None = None

    @property
    def pooled_sd(self) -> np.ndarray:
        """Standard deviation of activity between cells of one kind."""
        weight = self.n_cells - 1
        return np.sqrt(weight @ self.variance / weight.sum())
