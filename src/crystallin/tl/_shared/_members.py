"""Which genes belong to which programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE


def members(model: ProgramVAE, programs: Sequence[str] | None = None) -> np.ndarray:
    """Whether a gene is a member, with a loading or without, genes x programs; ``None`` for all programs."""
    names = model.program_names.tolist()
    places = range(len(names)) if programs is None else [names.index(name) for name in programs]
    return (model.prior[:, list(places)] != 0).toarray()
