"""Number of genes that contribute to each difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin.tl._shared import members

from ._comparison import Pair
from ._design import Units

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE, Reading

# largest number of cells from which the average of a stratum and group is taken
MAX_CELLS = 200


def breadths(reading: Reading, model: ProgramVAE, units: Units, pairs: Iterable[Pair]) -> list[pd.DataFrame]:
    """Compute the effective number of a program's genes that contribute to its difference, for each pair and program.

    If members were added to programs, also the share of the absolute contributions of members that falls on these.

    The contributions are those in the average cell of each group within its stratum, so that not all cells need to be
    read. :func:`crystallin.tl.contrast` computes the exact contributions of one program.
    """
    # a kind is a stratum and group, whatever the sample
    kind = units.table.groupby(["stratum", "group"], sort=False).ngroup().to_numpy()
    of_cell = kind[units.code]
    size = np.bincount(of_cell)
    rng = np.random.default_rng(0)
    chosen = [np.sort(rng.permutation(np.flatnonzero(of_cell == k))[:MAX_CELLS]) for k in range(len(size))]
    of_chosen = np.repeat(np.arange(len(size)), list(map(len, chosen)))
    # kinds x genes x programs
    contributions = model.get_attributions(
        reading, np.concatenate(chosen), method="contributions", groups=of_chosen, statistic="average_cell"
    )
    member, added, found = members(model), model.added_members.toarray() != 0, []
    for pair in pairs:
        means = []
        for side in (0, 1):
            kinds = np.unique(kind[pair.side == side])
            means.append(np.tensordot(size[kinds] / size[kinds].sum(), contributions[kinds], 1))
        # members only: many small contributions of other genes would hide that a single member contributes
        difference = np.where(member, means[0] - means[1], 0)
        columns = {"breadth": np.array([stats.breadth(column) for column in difference.T])}
        if added.any():
            absolute = np.abs(difference)
            columns["added_share"] = (absolute * added).sum(0) / np.fmax(absolute.sum(0), np.finfo(float).tiny)
        found.append(pd.DataFrame(columns))
    return found
