"""Table of groups and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import UNASSIGNED
from crystallin.stats import NONE, Choice
from crystallin.tl._shared import GroupMeans

from ._footing import Footing
from ._markers import Markers

N_DRAWS, LEVEL = 200, 0.95


class Needs(NamedTuple):
    """Requirements of a label: smallest score, support, breadth and margin, and number of cells in the group."""

    score: float
    support: float
    breadth: float
    margin: float
    cells: int

    def check(self) -> None:
        """Raise an error if a requirement is out of range."""
        for name, value in (("min_score", self.score), ("min_breadth", self.breadth), ("min_margin", self.margin)):
            checks.check_number(value, name, 0, np.inf)
        checks.check_number(self.support, "min_support", 0, 1)
        checks.check_int(self.cells, "min_cells", 1)


@dataclass(frozen=True)
class Naming:
    """Choice of labels for groups.

    Attributes
    ----------
    known
        Labels to choose from.
    score, support, breadth
        Of groups and labels.
    n_cells
        Number of cells in each group.
    needs
        Requirements of a label.
    footing
        Likeness of groups to the types that labels stand for, by which lineages are chosen; ``None`` if it is unknown.
    """

    known: Markers
    score: np.ndarray
    support: np.ndarray
    breadth: np.ndarray
    n_cells: np.ndarray
    needs: Needs
    footing: Footing | None

    @cached_property
    def choice(self) -> Choice:
        """Chosen labels."""
        return self._choose(self.score, self.needs.margin)

    def labels(self) -> list[str]:
        """Return the label of each group."""
        return self._names(self.choice)

    def table(self) -> pd.DataFrame:
        """Return the chosen label of each group, and the labels that came closest."""
        choice, names = self.choice, np.array(self.known.names)
        rows = np.arange(len(self.score))
        table = pd.DataFrame(
            {
                "label": self.labels(),
                "path": [" > ".join(self.known.path(label)) for label in choice.label],
                "finest": self._names(self._choose(self.score, 0.0)),
                "score": choice.score,
                "carried_by": names[self._carriers()],
                "second": np.where(choice.second == NONE, "", names[choice.second]),
                "second_score": choice.second_score,
                "margin": choice.score - choice.second_score,
                "ambiguous": (choice.label != NONE) & (choice.score - choice.second_score < self.needs.margin),
                "support": stats.best_within(self._along_path, self.known.parent)[rows, choice.best],
                "best": names[choice.best],
                "breadth": self.breadth[rows, choice.best],
                "reason": [self._reason(g) for g in rows],
            }
        )
        return table if self.footing is None else table.assign(**self._by_likeness(self.footing))

    def _by_likeness(self, footing: Footing) -> dict[str, np.ndarray]:
        """Return the columns of the table that a known likeness adds or changes."""
        choice, rows, names = self.choice, np.arange(len(self.score)), np.array(self.known.names)
        root, evidence = footing.root[choice.best], footing.evidence(self.score)
        own = evidence[rows, root]
        evidence[rows, root] = -np.inf
        rival = evidence.argmax(axis=1)
        # without another lineage that is possible, the second label is no rival
        is_rival = (choice.label != NONE) & np.isfinite(evidence[rows, rival])
        of_rival = np.where(footing.root == rival[:, None], self.score, -np.inf).argmax(axis=1)
        second = np.where(is_rival, of_rival, choice.second)
        margin = np.subtract(own, evidence[rows, rival], out=choice.score - choice.second_score, where=is_rival)
        return {
            "likeness": footing.likeness.value[rows, root],
            "agreement": footing.likeness.agreement[rows, root],
            "second": np.where(second == NONE, "", names[second]),
            "second_score": np.where(second == NONE, 0, self.score[rows, second]),
            "margin": margin,
            "ambiguous": is_rival & (margin < self.needs.margin),
        }

    def uncertainty(self, means: GroupMeans, rng: np.random.Generator) -> pd.DataFrame:
        """Return the interval of the score and the stability of the label, from draws of the groups' means."""
        columns = self.known.columns
        scores, same = [], np.zeros(len(self.score))
        for mean in means.draws(columns, N_DRAWS, rng):
            mean = np.where(np.isnan(mean), means.mean[:, columns], mean)
            drawn = stats.lift(mean, means.reliability[:, columns], self.n_cells >= self.needs.cells)
            again = self._choose(drawn.value, self.needs.margin)
            same += again.label == self.choice.label
            scores.append(stats.best_within(drawn.value, self.known.parent)[np.arange(len(mean)), self.choice.best])
        tail = (1 - LEVEL) / 2
        lower, upper = np.quantile(scores, [tail, 1 - tail], axis=0)
        table = pd.DataFrame({"lower": lower, "upper": upper, "stability": same / N_DRAWS})
        table[[len(units) < 2 for units in means.units]] = np.nan
        return table

    def share_of_same(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Return the share of the fits that give each group the same label: this one, and others with these scores."""
        again = [self._choose(score, self.needs.margin).label == self.choice.label for score in scores]
        return np.mean([np.ones(len(self.score)), *again], axis=0)

    @cached_property
    def _along_path(self) -> np.ndarray:
        """Support of each label and all coarser ones, without the coarsest of finer labels if likeness decides it."""
        parent = self.known.parent
        if self.footing is not None:
            parent = np.where(parent == self.footing.root, NONE, parent)
        return stats.mean_along_path(self.support, parent)

    def _carriers(self) -> np.ndarray:
        """Return, for each group, the label with the largest score among the best label and its finer ones."""
        score = np.where(stats.is_within(self.known.parent)[self.choice.best], self.score, -np.inf)
        return score.argmax(axis=1)

    def _names(self, choice: Choice) -> list[str]:
        return [UNASSIGNED if label == NONE else self.known.names[label] for label in choice.label]

    def _choose(self, score: np.ndarray, min_margin: float) -> Choice:
        enough = self.n_cells >= self.needs.cells
        supported = (self._along_path >= self.needs.support) & self._is_broad & enough[:, None]
        footing = self.footing
        return stats.choose(
            score,
            supported,
            self.known.parent,
            min_score=self.needs.score,
            min_margin=min_margin,
            lineage=None if footing is None else np.where(enough, footing.lineage(score), NONE),
            closest=None if footing is None else footing.closest(),
        )

    @cached_property
    def _is_broad(self) -> np.ndarray:
        """Whether more than a single gene makes a label; labels of few genes need half of them."""
        return self.breadth >= np.minimum(self.needs.breadth, self.known.n_genes / 2)

    def _reason(self, group: int) -> str:
        if self.choice.label[group] != NONE:
            return ""
        score, support = self.score[group], self._along_path[group]
        best = self.choice.best[group]
        if self.n_cells[group] < self.needs.cells:
            return f"the group has {self.n_cells[group]} cell(s), fewer than {self.needs.cells}"
        if self.footing is not None:
            return self.footing.reason(group, best, self.known.names[best])
        if not self._is_broad[group, best]:
            return f"{self.known.names[best]!r} would rest on {self.breadth[group, best]:.1f} genes"
        if score[best] < self.needs.score:
            return f"the largest score, {score[best]:.2f}, is below {self.needs.score:g}"
        return (
            f"{100 * support[best]:.0f} % of the genes of {self.known.names[best]!r} and its coarser labels agree with "
            f"it, but {100 * self.needs.support:.0f} % are needed"
        )


def specificities(activity: np.ndarray, columns: np.ndarray, of_cell: np.ndarray, labels: list[str]) -> list[float]:
    """Return the probability that a cell of each group has a higher activity of its label's program than other cells.

    Parameters
    ----------
    activity
        Cells x programs.
    columns
        Program of each group's label, or of the label that came closest.
    of_cell
        Group of each cell, from 0.
    labels
        Label of each group.
    """
    label, found = np.array(labels), []
    for g, column in enumerate(columns):
        inside = of_cell == g
        alike = inside if label[g] == UNASSIGNED else (label == label[g])[of_cell]
        found.append(stats.superiority(activity[inside, column], np.sort(activity[~alike, column])))
    return found
