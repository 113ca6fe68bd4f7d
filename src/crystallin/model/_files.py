"""Checks of saved models on disk."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from ._compat import SAVE_KEYS


def read_saved_model(dir_path: str | Path, prefix: str | None = None, *, class_name: str) -> dict[str, Any]:
    """Return the saved attributes of a model; raise an error unless it is a complete ``class_name``.

    Weights are memory-mapped and not read, so this is fast.
    """
    path = Path(dir_path) / f"{prefix or ''}{SAVE_KEYS.MODEL_FNAME}"
    if not path.is_file():
        msg = f"There is no saved model at {str(path)!r}. Give the folder that {class_name}.save wrote."
        raise FileNotFoundError(msg)
    # torch writes zip archives, whose directory is at the end of the file, so an incomplete file is not an archive
    if not zipfile.is_zipfile(path):
        msg = f"{str(path)!r} is incomplete or not a saved model. Copy or save the model again."
        raise ValueError(msg)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
        registry = saved[SAVE_KEYS.ATTR_DICT_KEY]["registry_"]
    except (KeyError, TypeError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        msg = f"{str(path)!r} is not a model saved by {class_name}.save ({type(error).__name__}: {error})."
        raise ValueError(msg) from error
    found = registry.get("model_name")
    if found != class_name:
        msg = f"{str(path)!r} contains a {found} model, not a {class_name}. Load it with {found}.load."
        raise ValueError(msg)
    return saved
