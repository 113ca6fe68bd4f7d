"""All comparisons of a call, in each reading of the programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from ._measured import Compared, Measured, TooFewError


class Question(Protocol):
    """A comparison to make: two groups, or a contrast of a design.

    Attributes
    ----------
    labels
        Columns of the table that name it.
    where
        The same, in words, for messages.
    """

    @property
    def labels(self) -> dict[str, str]:
        """Columns of the table that name it."""

    @property
    def where(self) -> str:
        """The same, in words, for messages."""

    @property
    def weights(self) -> np.ndarray:
        """Weight of each unit's mean cell in the difference."""

    def compared(self, measured: Measured, *, is_first: bool = True) -> Compared:
        """Return the difference in one reading; ``is_first`` is false for the refits of an ensemble."""


Answer = dict[str, Compared]


def answers(
    questions: Iterable[Question], measured: Mapping[str, Measured], *, skip: tuple[type[ValueError], ...]
) -> tuple[list[tuple[Question, Answer]], list[str]]:
    """Return results in each reading, and the reasons for comparisons that are skipped.

    Errors of other types are raised, and so is one if no result is left.
    """
    results: list[tuple[Question, Answer]] = []
    skipped = []
    for question in questions:
        try:
            results.append((question, {kind: question.compared(of) for kind, of in measured.items()}))
        except skip as error:
            skipped.append(str(error))
    if not results:
        msg = f"No comparison is possible. The first failed for this reason: {skipped[0]}"
        raise TooFewError(msg)
    return results, skipped


def again(questions: Iterable[Question], measured: Mapping[str, Measured]) -> list[tuple[Question, Answer]]:
    """Return the same comparisons in a refit of an ensemble; as units are the same, all are possible."""
    return [
        (question, {kind: question.compared(of, is_first=False) for kind, of in measured.items()})
        for question in questions
    ]
