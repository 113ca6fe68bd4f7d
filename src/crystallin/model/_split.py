"""Split of the cells into training, validation and test set."""

from __future__ import annotations

import math

import numpy as np

DEFAULT_TRAIN_SIZE = 0.9


def split_cells(
    n_obs: int, train_size: float | None, validation_size: float | None, *, shuffle: bool, rng: np.random.Generator
) -> list[np.ndarray]:
    """Indices of training, validation and test cells, sizes as in scvi-tools' ``DataSplitter``.

    scvi-tools draws the split from its global seed, which is unset by default: two runs would differ.
    """
    train_size = DEFAULT_TRAIN_SIZE if train_size is None else train_size
    if not 0 < train_size <= 1:
        msg = f"train_size={train_size} must be above 0 and at most 1."
        raise ValueError(msg)
    if validation_size is not None and not 0 <= validation_size <= 1 - train_size + 1e-9:
        msg = f"validation_size={validation_size} must lie between 0 and 1 - train_size = {1 - train_size:.3g}."
        raise ValueError(msg)
    n_train = math.ceil(train_size * n_obs)
    n_validation = n_obs - n_train if validation_size is None else math.floor(validation_size * n_obs)
    order = rng.permutation(n_obs) if shuffle else np.arange(n_obs)
    return [order[n_validation : n_validation + n_train], order[:n_validation], order[n_validation + n_train :]]
