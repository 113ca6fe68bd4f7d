"""The posterior of a cell's activities where everything else is known: mode and Laplace approximation.

Both arms share one form. With ``p`` the cell's own shares of genes and ``k`` the part of a gene's rate that is the
cell's own (1 without ambient RNA), ``d log mean_g / d z_d = k_g (q_g w_gd - m_d) s_d``, ``m_d = sum_g p_g q_g w_gd``.
``(q, s)`` is (1, 1) in the log-additive arm and (1 / (1 + a V), slope of softplus) in the additive one. So the Fisher
information needs ``sum_g D_g k_g^2 q_g^2 w_gd w_ge`` only, which is one sparse product over the pairs of dimensions
that share a gene, and corrections of low rank for the normalisation. ``D`` is the information of a count on its log
mean, ``mean theta / (theta + mean)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import xlogy

from ._rates import FLOOR, LOG_ADDITIVE, Rates, softplus, softplus_slope

TOLERANCE = 1e-4
MAX_STEPS = 100
MAX_HALVINGS = 30
# share of the promised rise that a step must bring: any rise at all would let overshooting steps creep
ENOUGH = 0.2


@dataclass(frozen=True)
class Pairs:
    """Products of the loadings of two dimensions, for pairs that share a gene: pairs x genes."""

    first: np.ndarray
    second: np.ndarray
    products: sparse.csr_matrix

    @classmethod
    def of(cls, loadings: np.ndarray) -> Pairs:
        """All pairs, each once, a dimension with itself included."""
        columns = sparse.csc_matrix(loadings)
        shared = sparse.triu(columns.astype(bool).astype(np.float64).T @ columns.astype(bool), format="coo")
        products = columns[:, shared.row].multiply(columns[:, shared.col])
        return cls(shared.row, shared.col, sparse.csr_matrix(products.T))


@dataclass(frozen=True)
class Observed:
    """Dense counts of some cells, their depths and batches, and the genes' inverse dispersion."""

    counts: np.ndarray
    depth: np.ndarray
    batch: np.ndarray
    theta: np.ndarray

    def take(self, which: np.ndarray) -> Observed:
        """Some of the cells."""
        return Observed(self.counts[which], self.depth[which], self.batch[which], self.theta)


def objective(z: np.ndarray, cells: Observed, rates: Rates) -> np.ndarray:
    """Log posterior density of each cell's activities, up to a constant."""
    own = rates.own(rates.response(usage(z, rates.arm)), cells.batch)
    mean = cells.depth[:, None] * rates.mixed(own, cells.batch)
    # xlogy: a rate may underflow where nothing was counted
    likelihood = xlogy(cells.counts, mean) - (cells.counts + cells.theta) * np.log(cells.theta + mean)
    return likelihood.sum(axis=1) - np.square(z).sum(axis=1) / 2


def gradient_and_information(
    z: np.ndarray, cells: Observed, rates: Rates, pairs: Pairs
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of :func:`objective`, cells x dimensions, and its expected negative Hessian for each cell."""
    loadings = rates.loadings
    response = rates.response(usage(z, rates.arm))
    own = rates.own(response, cells.batch)
    share = np.maximum(rates.mixed(own, cells.batch), np.finfo(float).tiny)
    mean = cells.depth[:, None] * share
    k = (1 - rates.ambient) * own / share
    if rates.arm == LOG_ADDITIVE:
        kq, own_q, slope = k, own, np.ones_like(z)
    else:
        # a gene held at its floor does not respond
        q = np.where(response > np.log(FLOOR), np.exp(-response), 0.0)
        kq, own_q, slope = k * q, own * q, softplus_slope(z)
    centre = own_q @ loadings

    damping = cells.theta / (cells.theta + mean)
    residual = (cells.counts - mean) * damping
    score = (residual * kq) @ loadings - centre * (residual * k).sum(axis=1, keepdims=True)
    gradient = slope * score - z

    weight = mean * damping
    information = np.zeros((*z.shape, z.shape[1]))
    products = (pairs.products @ (weight * kq**2).T).T
    information[:, pairs.first, pairs.second] = products
    information[:, pairs.second, pairs.first] = products
    cross = (weight * k * kq) @ loadings
    total = (weight * k**2).sum(axis=1)[:, None, None]
    half = cross[:, :, None] * centre[:, None, :]
    information -= half
    information -= half.transpose(0, 2, 1)
    information += total * centre[:, :, None] * centre[:, None, :]
    information *= slope[:, :, None] * slope[:, None, :]
    information[:, np.arange(z.shape[1]), np.arange(z.shape[1])] += 1
    return gradient, information


def posterior_mode(cells: Observed, rates: Rates, pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mode and Laplace sd of z for each cell, and whether it was reached.

    Fisher scoring from 0, each step halved until the objective rises, until the Newton decrement (twice what a full
    step could still gain) is below 1e-4.
    """
    n_cells, n_dimensions = len(cells.counts), rates.loadings.shape[1]
    z, sd = np.zeros((n_cells, n_dimensions)), np.zeros((n_cells, n_dimensions))
    value = objective(z, cells, rates)
    reached = np.zeros(n_cells, dtype=bool)
    active = np.arange(n_cells)
    for _ in range(MAX_STEPS):
        here = cells.take(active)
        gradient, information = gradient_and_information(z[active], here, rates, pairs)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        promised = (gradient * step).sum(axis=1)
        done = promised < TOLERANCE
        # the sd of all cells, also of those that never get there, is that of the last step
        sd[active[done]] = _sd(information[done])
        reached[active[done]] = True
        active, step, here = active[~done], step[~done], here.take(~done)
        if not len(active):
            break
        z[active], value[active] = _uphill(z[active], step, promised[~done], value[active], here, rates)
    else:
        _, information = gradient_and_information(z[active], here, rates, pairs)
        sd[active] = _sd(information)
    return z, sd, reached


def usage(z: np.ndarray, arm: str) -> np.ndarray:
    """What the loadings are multiplied with."""
    return z if arm == LOG_ADDITIVE else softplus(z)


def _uphill(
    z: np.ndarray, step: np.ndarray, promised: np.ndarray, value: np.ndarray, cells: Observed, rates: Rates
) -> tuple[np.ndarray, np.ndarray]:
    """Go along ``step`` as far as the objective rises by enough of what the gradient promises; else stay."""
    new_z, new_value = z.copy(), value.copy()
    left, length = np.arange(len(z)), 1.0
    for _ in range(MAX_HALVINGS):
        trial = z[left] + length * step[left]
        trial_value = objective(trial, cells.take(left), rates)
        better = trial_value > value[left] + ENOUGH * length * promised[left]
        new_z[left[better]], new_value[left[better]] = trial[better], trial_value[better]
        left, length = left[~better], length / 2
        if not len(left):
            break
    return new_z, new_value


def _sd(information: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diagonal(np.linalg.inv(information), axis1=1, axis2=2))
