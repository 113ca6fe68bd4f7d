"""What was compared with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from crystallin._report._values import count, shorten

from ._words import WIDTH, listed, was

# how a table calls what a row compares: groups, or the contrasts of a design
GROUP, CONTRAST = "group", "contrast"
# with at most this number of samples on a side, only large differences can be found
FEW = 3


@dataclass(frozen=True)
class Compared:
    """A table of differences, and what was compared.

    Attributes
    ----------
    table
        From ``get.rank_programs_groups_df`` or ``get.compare_df``.
    by
        Column of the groups, or the design.
    within
        Column of the labels within which groups were compared; empty without.
    sample
        Column with the samples; empty if cells were compared.
    """

    table: pd.DataFrame
    by: str
    within: str = ""
    sample: str = ""

    @classmethod
    def of(cls, table: pd.DataFrame, params: Mapping[str, Any]) -> Compared:
        """Read what was compared from the stored arguments."""
        by, within, sample = (str(params.get(name) or "") for name in ("groupby", "within", "sample_key"))
        return cls(table, str(params.get("design") or by), within, sample)

    @property
    def kind(self) -> str:
        """Column of the table with the groups, or with the contrasts."""
        return CONTRAST if CONTRAST in self.table else GROUP

    @cached_property
    def groups(self) -> list[str]:
        """The groups, or the contrasts."""
        return [shorten(str(name), WIDTH) for name in dict.fromkeys(self.table[self.kind])]

    @cached_property
    def n(self) -> int:
        """Number of comparisons."""
        return len(self.table[["stratum", self.kind]].drop_duplicates())

    @property
    def is_against_rest(self) -> bool:
        """Whether groups were compared with all other cells."""
        return "reference" in self.table and bool((self.table["reference"] == "rest").all())

    @property
    def places(self) -> str:
        """What the comparisons are, if there are several."""
        one_way = len(self.groups) == 1 if self.within else self.kind == GROUP
        return "groups" if one_way else "comparisons"

    def place(self, row: pd.Series) -> str:
        """Return which comparison a row is of."""
        names = [row[self.kind]] if len(self.groups) > 1 or not row["stratum"] else []
        # the number of a cluster alone could be read as an amount
        words = [f"group {name}" if str(name).isdigit() else str(name) for name in [*names, row["stratum"]] if name]
        return ", ".join(shorten(name, WIDTH) for name in words)

    @property
    def in_words(self) -> str:
        """What was compared with what."""
        n, n_strata = len(self.groups), self.table["stratum"].nunique()
        where = f" within {'each of ' if n_strata > 1 else ''}{count(n_strata, 'group')} of {self.within}"
        where = where if self.within else ""
        if self.kind == CONTRAST:
            what = "contrast was" if n == 1 else "contrasts were"
            return f"Under the design {self.by}, the {what} estimated{where}: {listed(self.groups)}."
        if self.is_against_rest:
            what = f"Each of {n:,} groups" if n > 1 else self.groups[0]
            return f"{what} of {self.by} was compared with all other cells{where}."
        reference = shorten(str(self.table["reference"].iloc[0]), WIDTH)
        each = " each" if n > 1 else ""
        return f"{listed(self.groups)} {was(n)}{each} compared with {reference} ({self.by}){where}."

    @property
    def unit(self) -> str:
        """What the unit of observation is, and what follows from it."""
        if self.sample:
            few, others = self._n_samples
            size = f"; {few:,} against {others:,}{' or more' if self.n > 1 else ''}" if few and others else ""
            text = (
                f"The unit of observation is the sample ({self.sample}{size}), so error rates hold for further samples."
            )
            is_small = size and min(few, others) <= FEW
            small = (
                " With so few samples, how much they vary is mostly taken from other programs: only large differences "
                "can be found, and what is found should be seen in more samples."
            )
            return f"{text}{small}" if is_small else text
        return (
            "The unit of observation is the cell. Cells are not replicates, so these differences describe these cells "
            "only: one that is due to a single donor cannot be told from one that all donors share."
        )

    @property
    def _n_samples(self) -> tuple[int, int]:
        """The smallest numbers of samples on the two sides of a comparison; 0 if they are not known."""
        columns = ["n_samples_group", "n_samples_reference"]
        if not set(columns) <= set(self.table):
            return 0, 0
        few, others = (int(self.table[name].min()) for name in columns)
        return few, others
