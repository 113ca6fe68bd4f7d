"""Results of tools in ``uns``: whether they exist, and belong to the current programs and model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from crystallin._keys import ACTIVITY_PARAMS, ADDED, KEY, MODEL_DIGEST, PARAMS, PRIOR_DIGEST, REFINE, Keys
from crystallin._registry import RESULTS

from ._frames import frames_to_caller
from ._slots import check_slot_name, is_programs, kind_of


def check_result(adata: Any, key: str, tool: str) -> str:
    """Return the slot of a tool's result; raise if there is none, or if its programs have been replaced since then.

    ``key`` is the slot, or the key of the programs. Warns if the result was computed with another model than the
    current activities.
    """
    check_slot_name(key, "key")
    slot = key
    if is_programs(adata.uns.get(key)):
        slot = Keys(key).result(tool)
    about = RESULTS[tool]
    if kind_of(adata, slot) != tool:
        there = [name for name in adata.uns if kind_of(adata, name) == tool]
        hint = f" There is one under {', '.join(map(repr, there))}." if there else ""
        if kind_of(adata, slot):
            other = RESULTS[kind_of(adata, slot)]
            hint = f" What is there is for crystallin.get.{other.accessor} ({other.what}).{hint}"
        msg = (
            f"adata.uns has no {about.what} under {slot!r}; call {about.how} first, or pass the key "
            f"that was given as key_added.{hint}"
        )
        raise KeyError(msg)
    params = adata.uns[slot][PARAMS]
    if is_replaced(adata, params):
        msg = (
            f"The {about.what} under {slot!r} belong to programs that were replaced since: crystallin.pp.add_programs "
            f"was called again with key_added={params[KEY]!r}. Call {about.how} again."
        )
        raise ValueError(msg)
    if is_of_other_model(adata, params):
        warnings.warn(
            f"The {about.what} under {slot!r} were computed with another model, or another state of it, than the "
            f"current activities. Call {about.how} again before you combine them.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )
    return slot


def is_replaced(adata: Any, params: Mapping[str, Any]) -> bool:
    """Whether the programs of a result were added again since then; results of old versions do not record this."""
    stored = _programs_of(adata, params).get(PARAMS, {})
    return any(
        name in params and name in stored and str(params[name]) != str(stored[name]) for name in (PRIOR_DIGEST, ADDED)
    )


def is_of_other_model(adata: Any, params: Mapping[str, Any]) -> bool:
    """Whether a result was computed with another model than the activities of its programs, if both are recorded."""
    activities = _programs_of(adata, params).get(ACTIVITY_PARAMS, {})
    digest, refine = activities.get("digest", ""), activities.get(REFINE, True)
    other_model = bool(digest) and params.get(MODEL_DIGEST, digest) not in ("", digest)
    # results that were computed from the activities also record whether these were refined
    return other_model or bool(params.get(REFINE, refine)) != bool(refine)


def _programs_of(adata: Any, params: Mapping[str, Any]) -> Mapping[str, Any]:
    entry = adata.uns.get(Keys(str(params.get(KEY, ""))).uns)
    return entry if is_programs(entry) else {}
