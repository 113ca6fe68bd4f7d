"""Numbers and lists as they stand in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from crystallin._report._values import shorten

# names that a sentence takes, and the letters of each
MAX_LISTED, WIDTH = 6, 48
# numbers below this get a second decimal
SMALL = 1


def listed(names: Sequence[str], n: int = MAX_LISTED) -> str:
    """Return ``"a, b and c"``; of longer lists the first ``n``, and how many more there are."""
    shown = [str(name) for name in names]
    if len(shown) > n + 1:
        return f"{', '.join(shown[:n])} and {len(shown) - n:,} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def short(names: Iterable[object]) -> list[str]:
    """Return names of the length that a sentence takes."""
    return [shorten(str(name), WIDTH) for name in names]


def amount(value: float) -> str:
    """Return the size of a number, without its sign, with one decimal (two if it is below 1)."""
    size = abs(value)
    if not math.isfinite(size):
        return "an unknown amount"
    return f"{size:.2f}" if round(size, 2) < SMALL else f"{size:.1f}"


def interval(lower: float, upper: float) -> str:
    """Return an interval in words, as sizes if both ends have the same sign, the smaller one first."""
    if lower * upper < 0:
        return f"95 % interval {_signed(lower)} to {_signed(upper)}"
    small, large = sorted((abs(lower), abs(upper)))
    return f"95 % interval {amount(small)} to {amount(large)}"


def was(n: int) -> str:
    """Return the verb for ``n`` things, in the past."""
    return "was" if n == 1 else "were"


def are(n: int) -> str:
    """Return the verb for ``n`` things, in the present."""
    return "is" if n == 1 else "are"


def part_of(n: int, total: int, noun: str) -> str:
    """Return ``"3 of 4 groups"`` or ``"none of 4 groups"``, with the verb that follows."""
    of_all = f"{total:,} {noun}{'' if total == 1 else 's'}"
    if not n:
        return f"none of {of_all} is"
    return f"all {of_all} are" if 1 < n == total else f"{n:,} of {of_all} {are(n)}"


def percent(share: float) -> str:
    """Return a share in per cent; shares that are not quite all or nothing are not rounded to these."""
    if 0 < share < 0.005:
        return "below 1 %"
    return "above 99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _signed(value: float) -> str:
    return f"\N{MINUS SIGN}{amount(value)}" if value < 0 else amount(value)
