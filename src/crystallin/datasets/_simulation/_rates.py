"""From activities to the share of each gene in a cell's counts; the two arms differ here and only here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

LOG_ADDITIVE, ADDITIVE_RATE = ARMS = ("log-additive", "additive-rate")
# in the additive arm a gene keeps this share of its base rate, however strongly it is held down
FLOOR = 0.05


@dataclass(frozen=True)
class Rates:
    """Rates of all genes given activities.

    Parameters
    ----------
    arm
        ``"log-additive"``: ``log rate = offset + z W``; ``"additive-rate"``: ``rate = exp(offset) (1 + a V)``, at least
        5 % of ``exp(offset)``.
    loadings
        Genes x dimensions: ``W`` or ``V``.
    offset
        Batches x genes: log base rate with the batch's effect.
    ambient
        Share of a cell's counts that comes from ``ambient_profile``.
    ambient_profile
        Batches x genes, each row summing to one. Not needed where ``ambient`` is 0.
    """

    arm: str
    loadings: np.ndarray
    offset: np.ndarray
    ambient: float = 0.0
    ambient_profile: np.ndarray | None = None

    def response(self, activity: np.ndarray) -> np.ndarray:
        """Log of the factor by which the activities change each gene's rate."""
        summed = activity @ self.loadings.T
        return summed if self.arm == LOG_ADDITIVE else np.log(np.maximum(1 + summed, FLOOR))

    def own(self, response: np.ndarray, batch: np.ndarray) -> np.ndarray:
        """Each gene's share of the cell's own transcripts."""
        log_rate = response + self.offset[batch]
        log_rate -= log_rate.max(axis=1, keepdims=True)
        rate = np.exp(log_rate, out=log_rate)
        rate /= rate.sum(axis=1, keepdims=True)
        return rate

    def mixed(self, own: np.ndarray, batch: np.ndarray) -> np.ndarray:
        """Each gene's share of what is counted: the cell's own with the ambient transcripts of its batch."""
        if not self.ambient:
            return own
        return (1 - self.ambient) * own + self.ambient * self.ambient_profile[batch]


def softplus(z: np.ndarray) -> np.ndarray:
    """``log(1 + exp(z))``: usage in the additive arm."""
    return np.logaddexp(z, np.zeros((), dtype=z.dtype))


def softplus_slope(z: np.ndarray) -> np.ndarray:
    """Derivative of :func:`softplus`."""
    return expit(z)
