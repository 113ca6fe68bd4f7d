"""Number of genes that contribute to each difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin.tl._shared import members

from ._questions import Question

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE, Reading

# largest number of cells from which the average of a kind is taken
MAX_CELLS = 200


def breadths(
    reading: Reading,
    model: ProgramVAE,
    code: np.ndarray,
    kind: np.ndarray,
    questions: Iterable[Question],
    *,
    max_cells: int = MAX_CELLS,
) -> list[pd.DataFrame]:
    """Compute the effective number of a program's genes that contribute to a difference, for each comparison.

    If members were added to programs, also the share of the absolute contributions of members that falls on these.

    The contributions are those in the average cell of each kind, so that not all cells need to be read.
    :func:`crystallin.tl.contrast` computes the exact contributions of one program.

    Parameters
    ----------
    reading, model
        The cells, and the model.
    code
        Unit of each cell; negative for cells that are in no unit.
    kind
        Kind of each unit, whose average cell is taken.
    questions
        The comparisons.
    max_cells
        Largest number of cells from which the average of a kind is taken.
    """
    of_cell = np.where(code >= 0, kind[code], -1)
    size = np.bincount(of_cell[of_cell >= 0])
    rng = np.random.default_rng(0)
    chosen = [np.sort(rng.permutation(np.flatnonzero(of_cell == k))[:max_cells]) for k in range(len(size))]
    of_chosen = np.repeat(np.arange(len(size)), list(map(len, chosen)))
    # kinds x genes x programs
    contributions = model.get_attributions(
        reading, np.concatenate(chosen), method="contributions", groups=of_chosen, statistic="average_cell"
    )
    member, added, found = members(model), model.added_members.toarray() != 0, []
    for question in questions:
        weights = np.bincount(kind, question.weights, len(size))
        # members only: many small contributions of other genes would hide that a single member contributes
        difference = np.where(member, np.tensordot(weights, contributions, 1), 0)
        columns = {"breadth": np.array([stats.breadth(column) for column in difference.T])}
        if added.any():
            absolute = np.abs(difference)
            columns["added_share"] = (absolute * added).sum(0) / np.fmax(absolute.sum(0), np.finfo(float).tiny)
        found.append(pd.DataFrame(columns))
    return found
