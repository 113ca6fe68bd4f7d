"""Members of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE


def members(model: ProgramVAE, programs: Sequence[str] | None = None) -> np.ndarray:
    """Return whether each gene is a member of each program, even with loading 0, genes x programs (``None``: all)."""
    names = model.program_names.tolist()
    places = range(len(names)) if programs is None else [names.index(name) for name in programs]
    return (model.prior[:, list(places)] != 0).toarray()
