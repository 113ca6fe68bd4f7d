"""Intercepts of batches that a model was not trained on, from their counts, without training.

At the activities of the cells, the intercept of a gene has a maximum-likelihood estimate in closed form: the log of the
ratio of observed to expected counts. Estimates are shrunk as their spread over genes says (empirical Bayes; Efron &
Morris 1973, J Am Stat Assoc 68:117), and activities are estimated again.

A batch that differs from the reference in its cells must not lose this difference to its intercepts. Therefore the part
of the shift that programs could bring about is removed: the shift is orthogonal to their loadings, with the information
of the counts as weights. What a batch has of a program is left to the activities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from crystallin.nn import Weight, refine

from ._compat import REGISTRY_KEYS
from ._session import evenly
from ._unmeasured import silent

if TYPE_CHECKING:
    from ._model import ProgramVAE
    from ._session import Reading

# activities and intercepts are estimated in turn; later rounds change little
N_ROUNDS = 3
# largest number of cells of a batch from which its intercepts are estimated; more change little
MAX_CELLS = 3_000
# added to observed and expected counts, so that genes without counts have a finite estimate
PSEUDO_COUNT = 1.0
# steps of the fixed-point iteration for the variance of shifts over genes
N_VARIANCE_STEPS = 50
# ridge of the projection, as a share of the mean information of programs
RIDGE = 1e-3
# log rate of a gene that is not measured in a batch; its share of the counts is exactly 0
NOT_MEASURED = -1e3


class Outside:
    """Removes from shifts of intercepts what programs could bring about.

    Otherwise a batch whose cells have more of a program than those of the reference would lose this to its intercepts.

    Parameters
    ----------
    loadings
        Programs and free programs of the reference x genes.
    information
        Information of the counts of each gene, as weights.
    """

    def __init__(self, loadings: torch.Tensor, information: torch.Tensor) -> None:
        # a constant is no shift, because rates are normalised
        self._centred = loadings - (loadings @ information / information.sum().clamp(min=PSEUDO_COUNT))[:, None]
        self._weighted = self._centred * information
        gram = self._weighted @ self._centred.T
        gram.diagonal().add_(RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny)
        self._factor = torch.linalg.cholesky(gram)

    def __call__(self, shift: torch.Tensor) -> torch.Tensor:
        """Return shifts, batches x genes, that are orthogonal to the programs."""
        return shift - torch.cholesky_solve(self._weighted @ shift.T, self._factor).T @ self._centred


@torch.no_grad()
def fit_batches(model: ProgramVAE, new: np.ndarray) -> np.ndarray:
    """Estimate the intercepts of new batches of the model's own data, and write them into the model.

    Genes that have no counts in a batch although many are expected are left out of it.

    Parameters
    ----------
    model
        Model of a query, whose new batches have the average intercepts of the reference.
    new
        Positions of the new batches.

    Returns
    -------
    Standard deviation over genes of the shift of the log rates in each new batch, with the information of the counts as
    weights.
    """
    table = model.module.decoder.categorical[0]
    if not len(new):
        return np.zeros(0)
    reading = model.reading()
    start = table.detach().clone()
    for batch, totals in reading.gene_totals_by_batch().items():
        if batch in new:
            start[batch, torch.as_tensor(silent(model.module, totals), device=start.device)] = NOT_MEASURED
    table.copy_(start)
    cells = np.concatenate([evenly(np.flatnonzero(reading.batches == batch), MAX_CELLS) for batch in new])
    for _ in range(N_ROUNDS):
        score, squares, information = _moments_of_scores(model, reading, cells, len(table))
        for batch in new:
            table[batch] = start[batch] + _shift(
                table[batch] - start[batch],
                score[batch],
                squares[batch],
                information[batch],
                model.module.decoder.weight().detach(),
            )
    return np.array([_spread(table[batch] - start[batch], information[batch]) for batch in new])


def _moments_of_scores(
    model: ProgramVAE, reading: Reading, positions: np.ndarray, n_batches: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return sums over cells of each batch of scores, their squares and the information, batches x genes each."""
    module = model.module
    weight, average = module.decoder.weight().detach(), module.average_cell(reading.sample(positions))
    sums = [weight.values.new_zeros(n_batches, module.decoder.n_genes) for _ in range(3)]
    for tensors in reading.minibatches(positions):
        cells, mean = module.posterior_start(tensors)
        point = refine(cells, mean, weight, average.covariance)
        _, score, information = cells.counts_at(point.z, weight)
        index = tensors[REGISTRY_KEYS.BATCH_KEY].reshape(-1).long().to(score.device)
        for total, values in zip(sums, (score, score.square(), information.of_counts), strict=True):
            total.index_add_(0, index, values.T)
    return sums[0], sums[1], sums[2]


def _shift(
    present: torch.Tensor, score: torch.Tensor, squares: torch.Tensor, information: torch.Tensor, weight: Weight
) -> torch.Tensor:
    """Return the shift of each gene's intercept, given the present one and sums of scores at it.

    With weights ``w`` of the counts, the information is ``w`` times the expected count, and the score is ``w`` times
    the difference between observed and expected count.
    """
    enough = information + PSEUDO_COUNT
    estimate = present + ((score + enough) / enough).clamp(min=torch.finfo(score.dtype).tiny).log()
    # a constant is no shift, because rates are normalised
    estimate = estimate - (estimate * information).sum() / information.sum().clamp(min=PSEUDO_COUNT)
    # between cells, because counts of a gene may vary more than the model says; at least that of the model
    error = torch.maximum(squares / enough.square(), 1 / enough)
    variance = _variance_over_genes(estimate, error)
    return Outside(weight.dense(), information)((estimate * variance / (variance + error))[None])[0]


def _variance_over_genes(estimate: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """Return the variance of the true values whose estimates have these error variances, by weighted moments."""
    variance = estimate.square().mean()
    for _ in range(N_VARIANCE_STEPS):
        precision = 1 / (variance + error).square()
        variance = ((estimate.square() - error) * precision).sum() / precision.sum()
        variance = variance.clamp(min=0)
    return variance


def _spread(shift: torch.Tensor, information: torch.Tensor) -> float:
    weight = information / information.sum().clamp(min=PSEUDO_COUNT)
    return float(((shift - (weight * shift).sum()).square() * weight).sum().sqrt())
