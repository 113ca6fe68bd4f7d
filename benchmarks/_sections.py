"""What the sections of the benchmark page share."""

from __future__ import annotations

import json

from _common import RESULTS


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def said(is_met: bool) -> str:
    return "met" if is_met else "missed"


def after_epochs(row: dict) -> str:
    return f"{row['seconds_after_epochs']} ({row['epochs_of_last_stage']})"
