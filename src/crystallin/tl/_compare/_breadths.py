"""How many genes carry each difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from crystallin import stats
from crystallin.tl._shared import members

from ._comparison import Pair
from ._design import Units

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE, Reading

# cells of each stratum and group from which their average is taken
MAX_CELLS = 200


def breadths(reading: Reading, model: ProgramVAE, units: Units, pairs: Iterable[Pair]) -> list[np.ndarray]:
    """Effective number of a program's genes that carry its difference, for each pair, over the model's programs.

    From the contributions of genes in the average cell of each group within its stratum, so it costs no pass over all
    cells; :func:`crystallin.tl.contrast` has the exact contributions of one program.
    """
    # samples do not matter here
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
    member, found = members(model), []
    for pair in pairs:
        means = []
        for side in (0, 1):
            kinds = np.unique(kind[pair.side == side])
            means.append(np.tensordot(size[kinds] / size[kinds].sum(), contributions[kinds], 1))
        # the many small parts of other genes would hide that one member speaks
        difference = np.where(member, means[0] - means[1], 0)
        found.append(np.array([stats.breadth(column) for column in difference.T]))
    return found
