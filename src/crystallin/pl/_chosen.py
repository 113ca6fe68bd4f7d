"""Choice and order of the programs in a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage


class Rows(NamedTuple):
    """Programs with their positions from the top, and headings of sections with theirs; ``n`` positions in total."""

    names: list[str]
    places: np.ndarray
    headings: dict[int, str]

    @property
    def n(self) -> int:
        """Places of programs and headings."""
        return len(self.names) + len(self.headings)

    @property
    def unique(self) -> list[str]:
        """Programs, each once even if it is in several sections."""
        return list(dict.fromkeys(self.names))


def only_one(program: str) -> str:
    """Return the name of a program, raising unless a single name is given."""
    if not isinstance(program, str):
        msg = f"program={program!r} must be the name of one program, because this figure shows a single program."
        raise TypeError(msg)
    return program


def named(programs: str | Iterable[str], argument: str) -> list[str]:
    """Return the names as a list, each once; raise if there are none."""
    if not isinstance(programs, str | Iterable):
        msg = f"{argument}={programs!r} must be one or several names, not {type(programs).__name__}."
        raise TypeError(msg)
    names = [programs] if isinstance(programs, str) else list(dict.fromkeys(programs))
    if not names:
        msg = f"{argument} is empty; name one or several programs."
        raise ValueError(msg)
    return names


def rows_of(programs: str | Sequence[str] | Mapping[str, str | Sequence[str]]) -> Rows:
    """Lay programs out from the top, those of a dictionary under its keys."""
    if not isinstance(programs, Mapping):
        names = named(programs, "programs")
        return Rows(names, np.arange(len(names)), {})
    names, places, headings = [], [], {}
    for heading in named(programs, "programs"):
        section = named(programs[heading], f"programs[{heading!r}]")
        at = len(names) + len(headings)
        headings[at] = str(heading)
        names += section
        places += range(at + 1, at + 1 + len(section))
    return Rows(names, np.array(places), headings)


def distinctive(mean: pd.DataFrame, n: int) -> list[str]:
    """Choose, for each group (row), the ``n`` programs furthest above both 0 and the mean of the other groups."""
    others = (mean.sum() - mean) / max(len(mean) - 1, 1)
    lead = np.minimum(mean, mean - others)
    best = [row.sort_values(ascending=False, kind="stable").index[:n] for _, row in lead.iterrows()]
    return list(dict.fromkeys(name for part in best for name in part))


def diagonal(mean: pd.DataFrame) -> list[str]:
    """Sort programs (columns) by the group in which they are highest, and within a group by their mean there."""
    peak, height = mean.to_numpy().argmax(axis=0), mean.max().to_numpy()
    return list(mean.columns[np.lexsort((-height, peak))])


def by_similarity(mean: pd.DataFrame) -> list[str]:
    """Sort groups (rows) so that neighbours are similar: the leaves of average linkage in optimal order."""
    if len(mean) < 3:
        return list(mean.index)
    return list(mean.index[leaves_list(linkage(mean, "average", optimal_ordering=True))])
