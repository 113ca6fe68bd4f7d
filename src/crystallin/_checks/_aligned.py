"""Values with names, which are put into order by these names and never by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._words import some


def check_aligned(values: Any, names: Sequence[str], argument: str, what: str = "cell") -> np.ndarray:
    """Return one value (or one row) for each of ``names``, raising if one is missing.

    A Series or DataFrame is aligned by its index; rows with other names are left out. Values without names must be as
    many as ``names``.

    Parameters
    ----------
    values
        Values given by the user.
    names
        Names in the order of the result.
    argument
        Name of the user's argument, for messages.
    what
        Kind of the names, for messages: ``"cell"`` or ``"gene"``.
    """
    if not isinstance(values, pd.Series | pd.DataFrame):
        given = _as_array(values)
        if given.ndim == 0 or len(given) != len(names):
            length = "a single value" if given.ndim == 0 else f"{len(given)} values"
            msg = f"{argument} has {length} for {len(names)} {what}s; give one for each {what}."
            raise ValueError(msg)
        return given
    index = values.index.astype(str)
    wanted = pd.Index(names).astype(str)
    if index.has_duplicates:
        repeated = index[index.duplicated()].unique()
        msg = f"The index of {argument} names {len(repeated)} {what}(s) more than once, e.g. {some(repeated)}."
        raise ValueError(msg)
    position = index.get_indexer(wanted)
    if (position < 0).any():
        absent = wanted[position < 0].unique()
        msg = (
            f"{argument} is aligned by its index, which lacks {len(absent)} of the {wanted.nunique()} {what}s, e.g. "
            f"{some(absent, 3)} (it has {some(index, 3)}). Use the names of the {what}s as its index or, if it is in "
            f"the same order as the {what}s, pass {argument}.to_numpy()."
        )
        raise ValueError(msg)
    return values.iloc[position].to_numpy()


def check_indices(indices: Any, names: Sequence[str], argument: str = "indices") -> np.ndarray:
    """Return the positions of cells that are given by position, by name or as a mask, raising if there are none.

    Parameters
    ----------
    indices
        Positions from 0, names, or a Boolean for each cell; a Boolean Series is aligned by its index. ``None`` means
        all cells.
    names
        Names of all cells.
    argument
        Name of the user's argument, for messages.
    """
    if indices is None:
        return np.arange(len(names))
    if isinstance(indices, slice):
        indices = np.arange(len(names))[indices]
    if isinstance(indices, pd.Series) and pd.api.types.is_bool_dtype(indices):
        if indices.isna().any():
            msg = f"{argument} has {int(indices.isna().sum())} missing value(s); fill them with True or False."
            raise ValueError(msg)
        indices = check_aligned(indices, names, argument).astype(bool)
    given = np.atleast_1d(_as_array(indices))
    if given.ndim > 1:
        msg = f"{argument} has {given.ndim} dimensions; give a list of cells."
        raise ValueError(msg)
    if given.dtype == bool:
        if len(given) != len(names):
            msg = f"{argument} is a mask of {len(given)} for {len(names)} cells; give one value for each cell."
            raise ValueError(msg)
        positions = np.flatnonzero(given)
    elif not len(given) or np.issubdtype(given.dtype, np.integer):
        positions = given.astype(np.int64)
        beyond = given[(positions < 0) | (positions >= len(names))]
        if len(beyond):
            msg = f"{argument}: there is no cell at position {beyond[0]}; positions go from 0 to {len(names) - 1}."
            raise ValueError(msg)
    elif all(isinstance(name, str) for name in given.tolist()):
        known = pd.Index(names)
        positions = known.get_indexer(given) if known.is_unique else np.full(len(given), -1)
        if (positions < 0).any():
            name = str(given[positions < 0][0])
            msg = f"{argument}: {name!r} is not the name of a cell; names are, e.g., {some(names, 3)}."
            raise KeyError(msg)
    else:
        msg = (
            f"{argument} holds {given.dtype}; give positions (whole numbers from 0), names or a Boolean mask of cells."
        )
        raise TypeError(msg)
    if not len(positions):
        msg = f"{argument} is empty; name cells, or leave it out for all."
        raise ValueError(msg)
    return positions


def _as_array(values: Any) -> np.ndarray:
    """Return the values as an array, including those of a generator, a range or a set."""
    is_plain = np.isscalar(values) or values is None or isinstance(values, list | tuple) or hasattr(values, "__array__")
    return np.asarray(values if is_plain else list(values))
