"""Numbers and names as the page shows them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin._report._values import as_number, count, shorten, show


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "yes"),
        (np.False_, "no"),
        (3, "3"),
        (np.int64(12345), "12345"),
        (0.123456, "0.123"),
        (12.345, "12.3"),
        (99.5, "99.5"),
        (1234.56, "1235"),
        (2.0, "2"),
        (0.5, "0.500"),
        (0.00012345, "1.2e-4"),
        (-3e-10, "-3.0e-10"),
        (4.2e20, "4.2e20"),
        (math.nan, ""),
        (None, ""),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("a & b", "a & b"),
        ({"lr": 0.01, "batch": ["one", "two"]}, "lr: 0.0100; batch: one, two"),
        ([], ""),
        (np.array([1.0, 2.5]), "1, 2.50"),
        ([f"g{i}" for i in range(14)], ", ".join(f"g{i}" for i in range(12)) + " and 2 more"),
    ],
)
def test_in_words(value, expected):
    assert show(value) == expected


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_of_the_data_are_json_and_right_to_six_digits(value):
    stored = json.loads(json.dumps(as_number(value), allow_nan=False))
    if math.isnan(value):
        assert stored is None
    elif math.isinf(value):
        assert float(stored) == value
    else:
        assert math.isclose(stored, value, rel_tol=1e-5, abs_tol=5e-324 * 10**6)
        assert as_number(np.float64(value)) == as_number(value)


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_are_kept(value):
    assert as_number(value) == value


def test_counts_have_their_noun():
    assert (count(1, "gene"), count(0, "gene"), count(12345, "gene")) == ("1 gene", "0 genes", "12,345 genes")


@given(st.text(max_size=80), st.integers(2, 60))
def test_names_are_no_longer_than_the_place_for_them(name, width):
    short = shorten(name, width)
    assert len(short) <= width
    assert short == name if len(name) <= width else short == name[: width - 1] + "…"
