"""Split of the cells into training, validation and test sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from crystallin import _checks as checks

DEFAULT_TRAIN_SIZE = 0.9
# largest number of validation cells by default; the loss of more cells is hardly more certain
MAX_VALIDATION = 10_000


def split_cells(
    n_obs: int, train_size: float | None, validation_size: float | None, *, shuffle: bool, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return indices of training, validation and test cells, with sizes as in scvi-tools' ``DataSplitter``.

    By default, a tenth of the cells is for validation, but at most 10,000.
    scvi-tools draws the split with its global seed, which is not set by default, so that two runs would differ.
    """
    if train_size is None:
        train_size = DEFAULT_TRAIN_SIZE
        if validation_size is None:
            train_size = max(train_size, 1 - MAX_VALIDATION / n_obs)
    checks.check_number(train_size, "train_size", 0, 1, include_minimum=False)
    if validation_size is not None:
        checks.check_number(validation_size, "validation_size", 0, 1)
        if validation_size > 1 - train_size + 1e-9:
            msg = f"validation_size={validation_size} must lie between 0 and 1 - train_size = {1 - train_size:.3g}."
            raise ValueError(msg)
    n_train = math.ceil(train_size * n_obs)
    n_validation = n_obs - n_train if validation_size is None else math.floor(validation_size * n_obs)
    order = rng.permutation(n_obs) if shuffle else np.arange(n_obs)
    return [order[n_validation : n_validation + n_train], order[:n_validation], order[n_validation + n_train :]]


def check_parts(parts: Sequence[Any], n_obs: int) -> list[np.ndarray]:
    """Check and return a given split: up to three disjoint sets of cells, of which the first is not empty."""
    ask = "external_indexing must be a list of arrays of positions: training, validation and test cells"
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not 1 <= len(parts) <= 3:
        msg = f"{ask}, but it is a {type(parts).__name__}{f' of {len(parts)}' if isinstance(parts, Sequence) else ''}."
        raise ValueError(msg)
    given = [np.asarray([] if part is None else part) for part in parts]
    if any(part.ndim != 1 or (len(part) and part.dtype.kind not in "iu") for part in given):
        msg = f"{ask}, but its dtypes are {', '.join(str(part.dtype) for part in given)}."
        raise ValueError(msg)
    given = [part.astype(int) for part in given] + [np.array([], dtype=int)] * (3 - len(given))
    cells = np.concatenate(given)
    if not len(given[0]) or len(np.unique(cells)) < len(cells) or cells.min() < 0 or cells.max() >= n_obs:
        msg = f"{ask}. Each cell may occur once, positions go from 0 to {n_obs - 1}, and training cells are needed."
        raise ValueError(msg)
    return given
