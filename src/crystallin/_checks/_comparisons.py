"""Results of the two tools that compare samples: which of them is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crystallin._keys import COMPARE, COMPARISON, RANK_PROGRAMS_GROUPS

from ._slots import kind_of

# the argument that chooses among comparisons, by tool
CHOSEN_BY = {RANK_PROGRAMS_GROUPS: "group", COMPARE: "contrast"}


def check_comparison(
    adata: Any,
    key: str,
    group: str | Sequence[str] | None,
    contrast: str | Sequence[str] | None,
    default: str = RANK_PROGRAMS_GROUPS,
) -> tuple[str, str]:
    """Return the tool whose result is asked for, and its key.

    The tool is the one that wrote ``key``. If ``key`` is the slot of ``default``, which callers have if they name none,
    or the key of programs, ``contrast`` chooses :func:`crystallin.tl.compare` and ``group`` chooses
    :func:`crystallin.tl.rank_programs_groups`; without both, it is ``default`` for the key of programs.
    """
    if group is not None and contrast is not None:
        msg = (
            f"group={group!r} chooses among the results of rank_programs_groups and contrast={contrast!r} among those "
            "of compare. Give one of them."
        )
        raise ValueError(msg)
    asked = COMPARE if contrast is not None else RANK_PROGRAMS_GROUPS if group is not None else None
    there = kind_of(adata, key)
    if there not in COMPARISON:
        tool = asked or (key if key in COMPARISON else default)
        return tool, tool if key in COMPARISON else key
    if asked in (None, there):
        return there, key
    if key == default:
        return asked, asked
    msg = (
        f"{CHOSEN_BY[asked]}= chooses among results of {asked}, but those under {key!r} are of {there}. Use "
        f"{CHOSEN_BY[there]}=, or another key."
    )
    raise ValueError(msg)
