"""The blocks of a page. The template chooses how to draw each block by its ``kind``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ._columns import COLUMNS
from ._values import as_number, show

# pages with more rows become slow; the page says that rows are left out, and which call returns all of them
MAX_ROWS = 30_000
# texts with more letters than this get a wide column
LONG = 32
# columns whose labels can be chosen from a list beside the filter, and the number of labels that such a list may have
CHOICES, MIN_LABELS, MAX_LABELS = ("stratum", "group"), 2, 500


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes
    ----------
    text
        What it says.
    role
        ``"text"``, ``"missing"`` (a result is missing) or ``"warning"``.
    code
        A call that it ends in.
    lead
        A few words in front that say what it is about.
    """

    text: str
    role: str = "text"
    code: str = ""
    lead: str = ""
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Heading:
    """A title within a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    values: Mapping[str, Any]
    kind: ClassVar[str] = "facts"

    @property
    def shown(self) -> dict[str, str]:
        """The values as text."""
        return {name: show(value) for name, value in self.values.items()}


@dataclass(frozen=True)
class Table:
    """Rows to sort, filter and download.

    Attributes
    ----------
    frame
        All rows; the index is left out.
    title
        Caption.
    main
        Columns that are shown at first; empty shows all.
    n_first
        Number of rows that are shown at a time.
    call
        Call that returns all rows, if there are too many for the page.
    folded
        Whether the table is collapsed at first.
    name
        Name of its CSV file; empty uses the title.
    """

    frame: pd.DataFrame
    title: str
    main: Sequence[str] = ()
    n_first: int = 15
    call: str = ""
    folded: bool = False
    name: str = ""
    kind: ClassVar[str] = "table"

    @property
    def file(self) -> str:
        """Name of its CSV file without the extension."""
        return slug(self.name or self.title) or "table"

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows that are part of the page, with the main columns first."""
        first = [column for column in self.main if column in self.frame]
        return self.frame.loc[:, [*first, *self.frame.columns.difference(first, sort=False)]].iloc[:MAX_ROWS]

    @cached_property
    def columns(self) -> list[dict[str, Any]]:
        """Name, type and values of each column; repeated values are stored once, with the position of each."""
        return [_column(self.rows[name], not self.main or name in self.main) for name in self.rows]

    @property
    def first(self) -> list[list[str]]:
        """Cells of the first rows as text, which is shown without JavaScript and in print."""
        head = self.rows.head(self.n_first)
        return [[show(value) for value in row] for row in zip(*(head[column] for column in head), strict=True)]

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """Columns whose labels can be chosen from, and the labels."""
        labels = {name: list(map(str, self.rows[name].unique())) for name in CHOICES if name in self.rows}
        return {name: known for name, known in labels.items() if MIN_LABELS <= len(known) <= MAX_LABELS}

    @property
    def words(self) -> dict[str, str]:
        """Explanations of those columns that have one."""
        return {str(name): COLUMNS[name] for name in self.frame if name in COLUMNS}


@dataclass(frozen=True)
class Figure:
    """A picture with the data that it shows."""

    source: str
    title: str
    alt: str
    width: int
    data: Table
    note: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Gallery:
    """Figures side by side where there is room."""

    figures: Sequence[Figure]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Section:
    """A part of the page, with a place in its table of contents."""

    title: str
    blocks: Sequence[Any] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Target of links to the section."""
        return slug(self.title)


def slug(text: str) -> str:
    """Return the letters and digits of a title, for links and file names."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _column(values: pd.Series, is_main: bool) -> dict[str, Any]:
    if is_bool_dtype(values):
        kind, plain = "yes", values.astype(bool).tolist()
    elif is_numeric_dtype(values):
        kind, plain = "number", [as_number(value) for value in values.to_numpy()]
    else:
        kind, plain = "text", ["" if pd.isna(value) else str(value) for value in np.asarray(values, dtype=object)]
    levels = list(dict.fromkeys(plain))
    # empty columns are not shown at first
    about = {"name": str(values.name), "type": kind, "main": is_main and levels not in ([""], [None])}
    if kind == "text" and max(map(len, levels), default=0) > LONG:
        about["long"] = True
    if len(levels) == 1:
        return about | {"levels": levels}
    if 2 * len(levels) > len(plain):
        return about | {"values": plain}
    place = {level: i for i, level in enumerate(levels)}
    return about | {"levels": levels, "places": [place[value] for value in plain]}
