"""Values with names are aligned by them; cells are named in every way people name them."""

import numpy as np
import pandas as pd
import pytest

from crystallin import _checks as checks

NAMES = ["a", "b", "c", "d"]


def test_a_series_is_put_in_order_and_may_hold_more():
    values = pd.Series([4, 3, 2, 1, 0], index=["d", "c", "b", "a", "other"])
    assert checks.check_aligned(values, NAMES, "values").tolist() == [1, 2, 3, 4]
    assert checks.check_aligned(values.astype("category"), ["b", "b", "d"], "values").tolist() == [2, 2, 4]


def test_a_frame_is_put_in_order_by_its_rows():
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4]}, index=NAMES)
    np.testing.assert_array_equal(checks.check_aligned(frame[::-1], NAMES, "values"), frame)


@pytest.mark.parametrize("values", [[1, 2, 3, 4], (1, 2, 3, 4), np.arange(1, 5), range(1, 5), iter([1, 2, 3, 4])])
def test_values_without_names_are_as_they_stand(values):
    assert checks.check_aligned(values, NAMES, "values").tolist() == [1, 2, 3, 4]


def test_names_of_other_types_fit_as_text():
    assert checks.check_aligned(pd.Series([5, 6], index=[1, 0]), ["0", "1"], "values").tolist() == [6, 5]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (pd.Series(range(4)), r"lacks 4 of the 4 cells, e.g. 'a'.*it has '0', '1'.*values.to_numpy\(\)"),
        (pd.Series(range(3), index=list("abc")), "lacks 1 of the 4 cells, e.g. 'd'"),
        (pd.Series(range(5), index=list("aabcd")), "names 1 cell.s. more than once, e.g. 'a'"),
        ([1, 2, 3], "values has 3 values for 4 cells"),
        ("abcd", "a single value for 4 cells"),
        (7, "a single value for 4 cells"),
    ],
)
def test_what_does_not_fit(values, match):
    with pytest.raises(ValueError, match=match):
        checks.check_aligned(values, NAMES, "values")


@pytest.mark.parametrize(
    ("indices", "positions"),
    [
        (None, [0, 1, 2, 3]),
        ([2, 0], [2, 0]),
        ([1, 1], [1, 1]),
        (3, [3]),
        ("c", [2]),
        (range(1, 3), [1, 2]),
        (slice(2, None), [2, 3]),
        ((i for i in (3, 1)), [3, 1]),
        (np.array([True, False, False, True]), [0, 3]),
        ([True, False, False, True], [0, 3]),
        (pd.Series([True, False, False, False], index=list("dcba")), [3]),
        (pd.Series([True, False, False, False], index=list("dcba"), dtype="boolean"), [3]),
        (pd.Series([2, 1]), [2, 1]),
        (pd.Index(["d", "a"]), [3, 0]),
        (np.array([2], dtype=np.uint8), [2]),
        ({2}, [2]),
    ],
)
def test_cells(indices, positions):
    found = checks.check_indices(indices, NAMES)
    assert found.tolist() == positions
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("indices", "error", "match"),
    [
        ([], ValueError, "indices is empty"),
        (np.zeros(4, dtype=bool), ValueError, "indices is empty"),
        ([-1], ValueError, "no cell at position -1; positions go from 0 to 3"),
        ([4], ValueError, "no cell at position 4"),
        ([0.0, 1.0], TypeError, "indices holds float64"),
        ([True, False], ValueError, "a mask of 2 for 4 cells"),
        ([[0, 1]], ValueError, "2 dimensions"),
        (["a", "e"], KeyError, "'e' is not the name of a cell"),
        ([None, 1], TypeError, "indices holds object"),
        (pd.Series([True, None, False, True], index=NAMES, dtype="boolean"), ValueError, "1 missing"),
        (pd.Series([True] * 4), ValueError, "aligned by its index"),
    ],
)
def test_cells_that_are_not_there(indices, error, match):
    with pytest.raises(error, match=match):
        checks.check_indices(indices, NAMES)
