"""Nested values as JSON and numeric arrays, and back."""

import json
import math
from collections import OrderedDict, defaultdict, namedtuple
from enum import Enum, StrEnum

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.model._tree import MAX_DEPTH, flatten, unflatten


def there_and_back(value):
    tree, arrays = flatten(value, "value")
    assert all(array.dtype.kind in "biuf" and array.flags.c_contiguous for array in arrays.values())
    return unflatten(json.loads(json.dumps(tree, allow_nan=False)), arrays)


def same(a, b):
    """Whether two values are equal, with their types; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return same(a.ravel().tolist(), b.ravel().tolist()) if a.dtype.kind in "OUT" else a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
numbers = hnp.arrays(
    st.sampled_from(["?", "<i8", "<u1", "<f2", "<f4", "<f8", ">f4", ">i2"]), hnp.array_shapes(min_dims=0, min_side=0)
)
values = st.recursive(
    plain | numbers,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.booleans(), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(values)
def test_everything_comes_back(value):
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        {"$": "float", "value": "nan"},
        {"a": {"b": {"$": 1}}, "a.b": np.arange(2), "a/b": np.arange(3)},
        [math.nan, math.inf, -math.inf, -0.0, 1e-320],
        {1: "a", "1": "b", (2, "x"): "c", None: "d"},
        [np.float32(0.1), np.float64(math.nan), np.int8(3), np.bool_(True), np.str_("é"), np.float16(2)],
        np.array(["a", "longer", ""]),
        np.array([["\ud800", "two"], ["three", "four"]], dtype="<U40"),
        np.array([], dtype="<U3"),
        np.array(["a", 1, 2.5, None, True, math.nan], dtype=object),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"),
        np.datetime64("2020-01-01", "D"),
        np.asfortranarray(np.arange(6).reshape(2, 3))[:, ::2],
        {},
        [],
        (),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:20].encode('ascii', 'replace')}",
)
def test_types(value):
    assert same(there_and_back(value), value)


def test_dictionaries_of_other_classes_become_plain_ones():
    assert same(there_and_back(OrderedDict(a=defaultdict(dict, b=1))), {"a": {"b": 1}})


def test_names_of_arrays_are_plain_and_unique():
    _, arrays = flatten({"a b": np.arange(2), "a/b": np.arange(3), "../../x": np.ones(1)}, "reference")
    assert list(arrays) == ["reference.a_b", "reference.a_b-2", "reference..._.._x"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "object"),
        (print, "builtin_function"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (1j, "complex"),
        (Enum("E", "a").a, "E"),
        (StrEnum("S", "a").a, "S"),
        (namedtuple("N", "a")(1), "N"),
        (pd.DataFrame({"a": [1]}), "DataFrame"),
        (pd.Index(["a"]), "Index"),
        (pd.Series([1.0]), "Series"),
        (np.array([1j]), "ndarray of complex128"),
        (np.array([b"a"]), "ndarray of"),
        (np.array([(1, 2)], dtype=[("a", int), ("b", int)]), "ndarray of"),
        (np.ma.masked_array([1]), "MaskedArray"),
        (np.array([[1], {}, None], dtype=object), "array with a list"),
    ],
    ids=lambda value: str(value)[:20].replace("\n", " "),
)
def test_other_types_are_refused(value, what):
    with pytest.raises(TypeError, match=rf"reference\['a'\]\['1'\]\S* is a {what}.*Use dict, list"):
        flatten({"a": [0, value]}, "reference")


def test_a_value_that_contains_itself():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="contains itself"):
        flatten(value, "reference")
    deep = 0
    for _ in range(MAX_DEPTH - 1):
        deep = (deep,)
    assert there_and_back(deep) == deep


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        ({"$": "pickle"}, "unknown type 'pickle'"),
        ({"$": None}, "unknown type None"),
        ({"$": "float", "value": "__import__('os')"}, "malformed"),
        ({"$": "array", "dtype": "<f8", "array": "missing"}, "malformed.*missing"),
        ({"$": "array", "dtype": "<f4", "array": "there"}, "instead of"),
        ({"$": "array", "dtype": "<i8,<i8", "array": "there"}, "has the type"),
        ({"$": "array", "dtype": "<U499999999", "shape": [1], "values": ["a"]}, "declared as"),
        ({"$": "array", "dtype": "<U3", "shape": [1], "values": [1]}, "declared as"),
        ({"$": "array", "dtype": "<U3", "shape": [1000000000000], "values": ["a"]}, "reshape"),
        ({"$": "array", "dtype": "O", "shape": 3, "values": "a"}, "malformed"),
        ({"$": "dict", "items": [[["list"], 1]]}, "malformed"),
        ({"$": "dict", "items": 3}, "malformed"),
        ({"$": "tuple"}, "malformed"),
    ],
)
def test_trees_that_were_changed(tree, match):
    with pytest.raises(ValueError, match=match):
        unflatten({"a": [tree]}, {"there": np.arange(3.0)})


def test_trees_that_are_too_deep():
    tree = 0
    for _ in range(10 * MAX_DEPTH):
        tree = [tree]
    with pytest.raises(ValueError, match="too deeply"):
        unflatten(tree, {})
