"""Warnings of samples and comparisons that are left out."""

from __future__ import annotations

import logging

from crystallin._keys import UNIQUE

from ._comparison import Pair
from ._differences import Compared

logger = logging.getLogger(__name__)


def warn_of_what_is_left_out(results: list[tuple[Pair, dict[str, Compared]]], skipped: list[str]) -> None:
    """Log which samples a comparison leaves out, and which comparisons are left out."""
    for pair, readings in results:
        # the same samples in each reading
        compared = readings[UNIQUE]
        if compared.left_out:
            names = ", ".join(compared.left_out)
            how = "on one side only" if compared.paired else "on both sides, unlike most samples"
            logger.warning("%s: left out samples %s, which are %s.", pair.where, names, how)
    for reason in skipped:
        logger.warning("Left out %s", reason)
