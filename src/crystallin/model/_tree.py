"""Nested values as JSON, with their arrays of numbers beside it.

:func:`flatten` turns dictionaries, lists, tuples, plain values and numpy arrays into a value that JSON can hold and a
dictionary of numeric arrays; :func:`unflatten` turns these back into equal values. Nothing but these types can come out
of a file, whatever it contains.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

# key of an object of JSON that stands for something else than a dictionary; its value says for what
TAG = "$"
# kinds of arrays that are stored beside the JSON: Booleans, whole numbers, floating-point numbers
NUMERIC = "biuf"
MAX_DEPTH = 64
# largest size of an array of text in memory; numpy gives every element the width of the longest
MAX_TEXT_BYTES = 2**28
ALLOWED = "dict, list, tuple, str, int, float, bool, None, numpy scalars, and numpy arrays of numbers, dates or text"


def flatten(value: Any, name: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a value for JSON, and the numeric arrays that it refers to by name.

    Parameters
    ----------
    value
        Value to store.
    name
        Name of the value, for messages and as the beginning of the arrays' names.

    Raises
    ------
    TypeError
        If a part has a type that cannot be stored; the message names the part.
    ValueError
        If the value is nested too deeply, or contains itself.
    """
    arrays: dict[str, np.ndarray] = {}
    return _encoded(value, (name,), arrays), arrays


def unflatten(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the value that :func:`flatten` was given.

    Raises
    ------
    ValueError
        If the tree is not one that :func:`flatten` returns, or an array is missing.
    """
    try:
        return _decoded(tree, arrays, 0)
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        msg = f"a stored value is malformed ({type(error).__name__}: {error})"
        raise ValueError(msg) from error


def _encoded(value: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    if len(path) > MAX_DEPTH:
        msg = f"{_spelled(path[:4])} is nested more than {MAX_DEPTH} levels deep, or contains itself."
        raise ValueError(msg)
    # exact types: an enum is a str or an int as well, but would not come back as an enum
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "value": repr(value)}
    if isinstance(value, np.generic | np.ndarray):
        is_scalar = isinstance(value, np.generic)
        return _encoded_array(np.asarray(value) if is_scalar else value, path, arrays, is_scalar=is_scalar)
    if kind is list:
        return [_encoded(entry, (*path, str(place)), arrays) for place, entry in enumerate(value)]
    if kind is tuple:
        return {TAG: "tuple", "values": _encoded(list(value), path, arrays)}
    # scvi-tools stores dictionaries of other classes, of which only the entries matter
    if isinstance(value, dict):
        return _encoded_dict(value, path, arrays)
    raise _refused(kind.__name__, path)


def _encoded_dict(value: dict[Any, Any], path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: _encoded(entry, (*path, key), arrays) for key, entry in value.items()}
    # keys that JSON would turn into text
    items = [
        [_encoded(key, (*path, "key"), arrays), _encoded(entry, (*path, str(key)), arrays)]
        for key, entry in value.items()
    ]
    return {TAG: "dict", "items": items}


def _encoded_array(
    array: np.ndarray, path: tuple[str, ...], arrays: dict[str, np.ndarray], *, is_scalar: bool = False
) -> dict[str, Any]:
    dtype = array.dtype
    # arrays of other classes hold more than values: masked arrays, for example
    is_stored = dtype.kind in "UTO" or (dtype.kind in f"{NUMERIC}Mm" and dtype.itemsize <= 8)
    if type(array) is not np.ndarray or not is_stored:
        raise _refused(f"{type(array).__name__} of {dtype}", path)
    described = {TAG: "scalar" if is_scalar else "array", "dtype": _name_of(dtype)}
    if dtype.kind in "UTO":
        values = [_encoded_entry(entry, path, arrays) for entry in array.ravel().tolist()]
        return described | {"shape": list(array.shape), "values": values}
    # numbers are stored in the byte order of safetensors, and dates as numbers
    plain = array.astype(dtype.newbyteorder("<"), order="C")
    name = _new_name(path, arrays)
    arrays[name] = plain.view("<i8") if dtype.kind in "Mm" else plain
    return described | {"array": name}


def _encoded_entry(entry: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    """Return an element of an array of text or objects."""
    if not (entry is None or isinstance(entry, str | bool | int | float | np.generic)):
        raise _refused(f"array with a {type(entry).__name__}", path)
    return _encoded(entry, path, arrays)


def _decoded(tree: Any, arrays: Mapping[str, np.ndarray], depth: int) -> Any:
    # a level of the value takes up to four levels of the tree
    if depth > 4 * MAX_DEPTH:
        msg = "a stored value is nested too deeply"
        raise ValueError(msg)

    def part(key: str) -> Any:
        return _decoded(tree[key], arrays, depth + 1)

    if isinstance(tree, list):
        return [_decoded(entry, arrays, depth + 1) for entry in tree]
    if not isinstance(tree, dict):
        return tree
    match tree.get(TAG):
        case None if TAG not in tree:
            return {key: part(key) for key in tree}
        case "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[tree["value"]]
        case "tuple":
            return tuple(part("values"))
        case "dict":
            return {_decoded(key, arrays, depth): _decoded(entry, arrays, depth) for key, entry in tree["items"]}
        case "array":
            return _decoded_array(tree, arrays, depth)
        case "scalar":
            return _decoded_array(tree, arrays, depth)[()]
    msg = f"a stored value has the unknown type {tree[TAG]!r}"
    raise ValueError(msg)


def _decoded_array(tree: dict[str, Any], arrays: Mapping[str, np.ndarray], depth: int) -> np.ndarray:
    dtype = np.dtype(_checked_dtype(tree["dtype"]))
    if "array" in tree:
        stored = np.asarray(arrays[tree["array"]])
        if dtype.kind in "Mm":
            return stored.view(dtype)
        if stored.dtype.newbyteorder("=") != dtype.newbyteorder("="):
            msg = f"array {tree['array']!r} holds {stored.dtype} instead of {dtype}"
            raise ValueError(msg)
        return stored.astype(dtype, copy=False)
    values = [_decoded(entry, arrays, depth + 1) for entry in tree["values"]]
    if dtype.kind == "U" and (not all(map(str.__instancecheck__, values)) or _too_large(dtype, len(values))):
        msg = f"an array of {len(values)} texts is declared as {dtype}"
        raise ValueError(msg)
    array = np.empty(len(values), dtype=dtype)
    array[:] = values
    return array.reshape([int(length) for length in tree["shape"]])


def _checked_dtype(name: Any) -> str:
    """Return the name of a type of arrays; raise an error if arrays of this type are not stored."""
    if not isinstance(name, str) or not re.fullmatch(r"[<>|][biufMm][1248](\[\w{1,9}\])?|[<>]U\d{1,9}|O|T", name):
        msg = f"an array has the type {str(name)[:40]!r}"
        raise ValueError(msg)
    return name


def _too_large(dtype: np.dtype, n: int) -> bool:
    return max(n, 1) * dtype.itemsize > MAX_TEXT_BYTES


def _name_of(dtype: np.dtype) -> str:
    return dtype.kind if dtype.kind in "OT" else dtype.str


def _new_name(path: tuple[str, ...], arrays: Mapping[str, np.ndarray]) -> str:
    """Return a name for an array that says where it belongs and has no special characters."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", ".".join(path))[:100]
    name, number = plain, 1
    while name in arrays:
        number += 1
        name = f"{plain}-{number}"
    return name


def _spelled(path: tuple[str, ...]) -> str:
    return path[0] + "".join(f"[{key!r}]" for key in path[1:])


def _refused(what: str, path: tuple[str, ...]) -> TypeError:
    return TypeError(f"{_spelled(path)} is a {what}, which cannot be stored without a pickle. Use {ALLOWED}.")
