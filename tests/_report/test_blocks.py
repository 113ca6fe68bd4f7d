"""Values and tables as they are written into a page."""

import json

import numpy as np
import pandas as pd
import pytest

from crystallin._report._blocks import Table, slug
from crystallin._report._values import as_number, show


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (np.nan, ""),
        (pd.NA, ""),
        (np.bool_(True), "yes"),
        (False, "no"),
        (0.0, "0"),
        (np.int64(1234567), "1234567"),
        (12.0, "12"),
        (np.float32(0.1), "0.100"),
        (-0.123456, "-0.123"),
        (123.456, "123"),
        (99.96, "100"),
        (0.00123, "0.00123"),
        (1.5e-17, "1.5e-17"),
        (-2.5e18, "-2.5e18"),
        (np.inf, "inf"),
        ("<b>", "<b>"),
        (["a", 1.0, np.nan], "a, 1, "),
        (np.arange(14), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"),
        ({"a": 1, "b": [2.5]}, "a: 1; b: 2.50"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_numbers_are_kept_to_six_digits():
    assert as_number(np.float32(1 / 3)) == 0.333333
    assert as_number(1e-20 / 3) == 3.33333e-21
    assert as_number(-np.inf) == "-inf"
    assert as_number(2.0) == 2 and isinstance(as_number(2.0), int)


def values(column, n):
    """As the page's script reads them."""
    return column.get("values") or [column["levels"][i] for i in column.get("places", [0] * n)]


def test_columns_are_short_and_complete():
    frame = pd.DataFrame(
        {
            "constant": "a",
            "few": pd.Categorical(["x", "y", "x", "x", None]),
            "number": [0.5, np.nan, np.inf, 1.0, 2.25],
            "yes": [True, False, True, True, True],
            "whole": np.arange(5),
        },
        index=list("edcba"),
    )
    table = Table(frame, "A table", main=["number", "few", "absent"])
    columns = {column["name"]: column for column in json.loads(json.dumps(table.columns, allow_nan=False))}
    # what is shown first comes first
    assert list(columns) == ["number", "few", "constant", "yes", "whole"]
    assert [column["main"] for column in columns.values()] == [True, True, False, False, False]
    assert [column["type"] for column in columns.values()] == ["number", "text", "text", "yes", "number"]
    assert columns["constant"]["levels"] == ["a"] and "places" not in columns["constant"]
    assert len(columns["yes"]["levels"]) == 2
    assert values(columns["few"], 5) == ["x", "y", "x", "x", ""]
    assert values(columns["number"], 5) == [0.5, None, "inf", 1, 2.25]
    assert values(columns["yes"], 5) == [True, False, True, True, True]
    assert table.first[2] == ["inf", "x", "a", "yes", "2"] and len(table.first) == 5


def test_tables_are_limited(monkeypatch):
    monkeypatch.setattr("crystallin._report._blocks.MAX_ROWS", 3)
    table = Table(pd.DataFrame({"x": range(9)}), "Long", n_first=2)
    assert len(table.rows) == 3 and table.columns[0]["values"] == [0, 1, 2] and table.first == [["0"], ["1"]]


def test_choices():
    frame = pd.DataFrame({"group": ["a", "b"], "stratum": ["x", "x"], "program": ["p", "q"]})
    assert Table(frame, "").choices == {"group": ["a", "b"]}
    assert Table(pd.DataFrame({"group": [str(i) for i in range(501)]}), "").choices == {}


def test_file_names():
    assert slug("B cell: <what> / “that”?") == "b-cell-what-that"
    assert Table(pd.DataFrame(), "日本").file == "table"
