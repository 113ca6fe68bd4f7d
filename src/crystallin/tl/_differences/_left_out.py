"""Warnings of samples and comparisons that are left out."""

from __future__ import annotations

import logging

from crystallin._keys import UNIQUE

from ._questions import Answer, Question

logger = logging.getLogger(__name__)


def warn_of_what_is_left_out(results: list[tuple[Question, Answer]], skipped: list[str]) -> None:
    """Log which samples a comparison leaves out, and which comparisons are left out."""
    for question, readings in results:
        # the same samples in each reading
        compared = readings[UNIQUE]
        if compared.left_out:
            names = ", ".join(compared.left_out)
            logger.warning("%s: left out samples %s, which are %s.", question.where, names, compared.why_left_out)
    for reason in skipped:
        logger.warning("Left out %s", reason)
