"""Sentences about results that are missing or out of date."""

from __future__ import annotations

from crystallin._keys import MODEL_DIGEST
from crystallin._registry import RESULTS

from ._blocks import Text
from ._found import Source, Stored


def missing(kind: str) -> Text:
    """Say that a result was not computed, and which call computes it."""
    about = RESULTS[kind]
    return Text(f"Not computed: {about.what}.", "missing", about.how)


def stale(source: Source, stored: Stored) -> list[Text]:
    """Warn if a result was computed with another model, or another state of it, than the activities."""
    digest = str(stored.params.get(MODEL_DIGEST, ""))
    if not digest or not source.digest or digest == source.digest:
        return []
    return [
        Text(
            f"{stored.slot!r} was computed with another model, or another state of it, than the activities here "
            f"({digest} and {source.digest}). Compute it again before you combine them.",
            "warning",
        )
    ]
