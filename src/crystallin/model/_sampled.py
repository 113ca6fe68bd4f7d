"""Mean attributions of groups of cells, estimated to a given standard error instead of computed cell by cell.

The mean over a group is that of a cheap stand-in (:class:`crystallin.nn.Surrogate`) over all its cells, plus the mean
difference between exact attributions and the stand-in in a sample: the difference estimator of survey sampling (Cochran
1977, Sampling Techniques, section 7.3), in two phases (chapter 12) if there are more cells than the stand-in needs.
Exact attributions are drawn at two random points of each sampled cell's path rather than computed at all of them.
Cells with outlying terms, which a sample would miss, are a stratum of their own and all computed exactly (chapter 5).
Both phases go on until their share of the standard error is small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin._progress import shown_if_long

from ._explained import Question
from ._path import OnPath
from ._session import Reading

# cells from which the stand-in's matrix is averaged
N_PILOT = 128
# groups that are smaller are computed exactly; the stand-in covers all cells of groups up to the larger size
MIN_CELLS, MAX_SURVEYED = 256, 4_096
# share of the cells, those with the largest terms, that are computed exactly
OUTLYING = 0.05
# number of cells per minibatch of the stand-in, and largest number per batch of the sample; the variance of means is
# estimated between batches, of which there are at least so many
SURVEY_SIZE, BATCH_SIZE, MIN_BATCHES = 256, 32, 12
# share of the programs whose errors are to be small enough: a single gene in few cells can hold up all others
MOST_PROGRAMS = 0.975
# largest share of the variance asked for that may come from cells of which the stand-in is not known
SURVEY_SHARE = 0.5
# each cell is drawn at most so often, which is nearly as much work as exact attributions; these take over if after one
# pass the variance is larger than asked for by this factor
MAX_PASSES, MOST_EXCESS = 3, 4
# standard errors are not asked to be a share of less than this, which is a tenth of an activity's standard deviation
LEAST = 0.1


def estimate(
    question: Question,
    path: blocks.Path,
    source: Reading,
    groups: list[np.ndarray],
    tolerance: float,
    exactly: Callable[[np.ndarray], torch.Tensor],
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Estimate the mean attributions of groups of cells.

    Parameters
    ----------
    question
        What to explain.
    path
        The method.
    source
        Checked data.
    groups
        Positions of the cells of each group.
    tolerance
        Standard error to reach, as a share of the largest attribution of each wanted dimension in any group.
    exactly
        Function that computes the mean over some cells exactly, wanted x genes.
    rng
        Source of randomness.

    Returns
    -------
    Mean and standard error of each group, wanted x genes; errors are 0 where means are exact.
    """
    sampled = [_Group(question, path, source, cells, rng) if len(cells) >= MIN_CELLS else None for cells in groups]
    exact = {i: exactly(cells) for i, cells in enumerate(groups) if sampled[i] is None}
    surveyed = [group for group in sampled if group is not None]
    for group in shown_if_long(surveyed, "Attributions, first look", unit="group"):
        group.survey(MAX_SURVEYED)

    def largest() -> torch.Tensor:
        means = [group.mean for group in surveyed] + list(exact.values())
        return torch.stack([mean.abs().amax(1) for mean in means]).amax(0).clamp(min=LEAST)

    found = []
    each = list(zip(sampled, groups, strict=True))
    for i, (group, cells) in enumerate(shown_if_long(each, "Attributions", unit="group")):
        if group is not None:
            enough = tolerance * largest()
            while group.unsurveyed and excess(group.survey_variance, enough) > SURVEY_SHARE:
                group.survey(group.n_surveyed)
            if not group.correct(enough):
                exact[i] = exactly(cells)
        if i in exact:
            found.append((exact[i].numpy(), np.zeros(exact[i].shape)))
        else:
            found.append((group.mean.numpy(), group.variance.sqrt().numpy()))
    return found


class _Group:
    """The cells of one group in random order, and what is known of their mean so far."""

    def __init__(
        self, question: Question, path: blocks.Path, source: Reading, cells: np.ndarray, rng: np.random.Generator
    ) -> None:
        self.question, self.path, self.source, self.rng = question, path, source, rng
        self.cells = rng.permutation(cells)
        self.preconditioner = question.module.average_cell(source.sample(cells)).covariance
        self.stand_in, self.leverage = Moments(), np.empty(0)
        # mean difference of exact attributions from the stand-in: known, and estimated from a sample
        self.known: torch.Tensor | float = 0.0
        self.others: _Stratum | None = None

    @cached_property
    def surrogate(self) -> blocks.Surrogate:
        """The stand-in."""
        (some,) = self._on_paths([self.cells[:N_PILOT]])
        return blocks.Surrogate.over((pull.information for pull in some.near()), self.question.wanted)

    @property
    def n_surveyed(self) -> int:
        """Number of cells of which the stand-in is known, the first ones."""
        return len(self.leverage)

    @property
    def unsurveyed(self) -> int:
        """Number of cells of which the stand-in is not known."""
        return len(self.cells) - self.n_surveyed

    @property
    def mean(self) -> torch.Tensor:
        """Mean attributions, wanted x genes."""
        mean = self.stand_in.mean + self.known
        return mean if self.others is None else mean + self.others.share * self.others.difference.mean

    @property
    def survey_variance(self) -> torch.Tensor:
        """Variance of the stand-in's mean, which is 0 when it covers all cells."""
        if not self.unsurveyed:
            return torch.zeros_like(self.stand_in.mean)
        return self.stand_in.variance_of_mean * (self.unsurveyed / len(self.cells))

    @property
    def variance(self) -> torch.Tensor:
        """Variance of the mean attributions, wanted x genes."""
        return self.survey_variance + self.others.share**2 * self.others.variance

    def survey(self, n: int) -> None:
        """Add the stand-in of further cells."""
        further = self.cells[self.n_surveyed : self.n_surveyed + n]
        batches = np.array_split(further, -(-len(further) // SURVEY_SIZE))
        for cells, some in zip(batches, self._on_paths(batches), strict=True):
            total, leverage = 0.0, 0.0
            for weight, pull in zip(some.weights, some.near(), strict=True):
                total = total + weight * self.surrogate.total(pull)
                leverage = leverage + weight * self.surrogate.leverage(pull)
            self.stand_in.add(total.cpu().double() / len(cells), len(cells))
            self.leverage = np.concatenate([self.leverage, leverage.cpu().numpy()])

    def correct(self, enough: torch.Tensor) -> bool:
        """Draw exact attributions until all standard errors are small enough; return ``False`` if this is no use."""
        order = np.argsort(-self.leverage, kind="stable")
        n_outlying = round(OUTLYING * self.n_surveyed)
        outlying = self._on_paths(in_batches(self.cells[order[:n_outlying]]))
        self.known = sum(map(self._difference, outlying)) / self.n_surveyed
        others = self.others = _Stratum(self.cells[order[n_outlying:]], 1 - n_outlying / self.n_surveyed)
        for _ in range(MAX_PASSES):
            batches = in_batches(self.rng.permutation(others.cells))
            for batch, some in zip(batches, self._on_paths(batches), strict=True):
                others.add(*self._drawn_twice(some), len(batch))
                # after the first pass only whole passes count, in which all cells have the same weight
                is_whole = others.n_drawn % len(others.cells) == 0
                if others.difference.n >= MIN_BATCHES and (others.covered < 1 or is_whole):
                    if excess(self.variance, enough) <= 1:
                        return True
            if excess(self.variance, enough) > MOST_EXCESS:
                return False
        return True

    def _difference(self, some: OnPath) -> torch.Tensor:
        """Return the sum of the differences between exact attributions and the stand-in over whole paths."""
        parts = zip(some.weights, some.near(), some.exactly(), strict=True)
        return sum(weight * self._between(exact, near) for weight, near, exact in parts)

    def _drawn_twice(self, some: OnPath) -> list[torch.Tensor]:
        """Return mean differences between exact attributions and the stand-in at two random points of each path."""
        drawn, n_cells = some.drawn(self.rng, 2), len(some)
        halves = torch.arange(2 * n_cells, device=self.preconditioner.device).split(n_cells)
        return [self._between(*(pull[half] for pull in drawn)) / n_cells for half in halves]

    def _between(self, exact: blocks.Pull, near: blocks.Pull) -> torch.Tensor:
        total = exact.total(self.question.shared, self.question.wanted, self.preconditioner)
        return (total - self.surrogate.total(near)).cpu().double()

    def _on_paths(self, batches: list[np.ndarray]) -> Iterator[OnPath]:
        for tensors in self.source.each(batches):
            yield OnPath(self.question, self.path, tensors, self.preconditioner)


class _Stratum:
    """Some cells of a group, and the mean difference of their exact attributions from the stand-in so far."""

    def __init__(self, cells: np.ndarray, share: float) -> None:
        self.cells, self.share, self.n_drawn = cells, share, 0
        self.difference, self.within = Moments(), Moments()

    @property
    def covered(self) -> float:
        """Share of the cells that were drawn."""
        return min(1.0, self.n_drawn / len(self.cells))

    @property
    def variance(self) -> torch.Tensor:
        """Variance of the mean difference, wanted x genes."""
        between, within = self.difference.variance_of_mean, self.within.mean / (4 * self.within.n)
        # when all cells were drawn, there is no variance between them: what is left is that of points on their paths
        return (1 - self.covered) * between + self.covered * within

    def add(self, one: torch.Tensor, other: torch.Tensor, n_cells: int) -> None:
        """Add the mean of a batch, drawn twice."""
        self.difference.add((one + other) / 2, n_cells)
        self.within.add((one - other).square(), n_cells)
        self.n_drawn += n_cells


def excess(variance: torch.Tensor, enough: torch.Tensor) -> float:
    """Return the variance as a multiple of what is enough, for the gene and the program that most others are below."""
    return float((variance.amax(1) / enough.square()).quantile(MOST_PROGRAMS))


def in_batches(cells: np.ndarray) -> list[np.ndarray]:
    """Split cells into batches of like size, enough of them to estimate a variance."""
    return np.array_split(cells, min(len(cells), max(MIN_BATCHES, -(-len(cells) // BATCH_SIZE))))


class Moments:
    """Mean over cells that come in batches, and its variance, estimated between the batches.

    Attributes
    ----------
    n
        Number of batches.
    """

    def __init__(self) -> None:
        self.n, self._n_cells = 0, 0
        self.mean: torch.Tensor | float = 0.0
        self._squares: torch.Tensor | float = 0.0

    def add(self, mean: torch.Tensor, n_cells: int) -> None:
        """Add the mean of further cells."""
        self.n += 1
        self._n_cells += n_cells
        step = mean - self.mean
        self.mean = self.mean + step * (n_cells / self._n_cells)
        self._squares = self._squares + step * (mean - self.mean) * n_cells

    @property
    def variance_of_mean(self) -> torch.Tensor:
        """Variance of the mean, if batches of like size were drawn at random; infinite for a single one."""
        if self.n < 2:
            return torch.full_like(self.mean, torch.inf)
        return self._squares / (self._n_cells * (self.n - 1))
