"""Several attribution methods with the same interface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE, Reading
    from crystallin.tl._shared import Chosen

LOADINGS = "loadings"
# target/method; loadings belong to the decoder and are the same in all cells
DEFAULT_METHODS = (
    "activity/contributions",
    "activity/integrated_gradients",
    "activity/gradient_input",
    "encoder/integrated_gradients",
    "encoder/expected_gradients",
    "encoder/ablation",
    LOADINGS,
)


def check_methods(methods: Sequence[str], least: int) -> list[str]:
    """Return the methods as a list; raise an error if one is not of the form ``"target/method"``."""
    if not isinstance(methods, str | Iterable):
        msg = f"methods={methods!r} must be a list of method names. Leave it out to use the default methods."
        raise TypeError(msg)
    names = list(dict.fromkeys([methods] if isinstance(methods, str) else methods))
    for name in names:
        if name != LOADINGS and name.partition("/")[0] not in ("activity", "encoder"):
            msg = f"methods: {name!r} is not known; use 'activity/METHOD', 'encoder/METHOD' or {LOADINGS!r}."
            raise ValueError(msg)
    if len(names) < least:
        msg = f"methods has {len(names)} method(s), {names}; give at least {least}."
        raise ValueError(msg)
    return names


def attributions_by(
    method: str,
    model: ProgramVAE,
    reading: Reading,
    chosen: Chosen,
    programs: Sequence[str],
    **baseline: Any,
) -> np.ndarray:
    """Return the mean attributions of each group, groups x genes x programs."""
    if method == LOADINGS:
        loadings = model.get_loadings()[list(programs)].to_numpy()
        return np.repeat(loadings[None], len(chosen.groups), axis=0)
    target, _, name = method.partition("/")
    return model.get_attributions(
        reading, chosen.positions, target=target, method=name, programs=programs, groups=chosen.labels, **baseline
    )
