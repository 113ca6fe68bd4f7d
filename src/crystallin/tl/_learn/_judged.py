"""Rules judged on cells that they were not learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crystallin import stats

from ._rule import Rule, certainty, picked


def judged(
    rule: Rule, names: Sequence[str], values: np.ndarray, sd: np.ndarray, inside: np.ndarray
) -> dict[str, object]:
    """Return the text of a rule and its figures on held-out cells; those of an empty rule are NaN or 0.

    Parameters
    ----------
    rule, names
        The rule, and the names of the programs.
    values, sd
        Activities of the held-out cells and their standard deviations, cells x programs.
    inside
        Which of these cells belong to the group.
    """
    chosen = picked(rule, values) if rule else np.zeros(len(inside), dtype=bool)
    hits, n_picked, n_group = int((chosen & inside).sum()), int(chosen.sum()), int(inside.sum())
    prevalence = n_group / len(inside)
    row: dict[str, object] = {"rule": " and ".join(term.text(names) for term in rule), "n_terms": len(rule)}
    for what, n in (("precision", n_picked), ("recall", n_group)):
        lower, upper = stats.wilson(hits, n) if rule else (np.nan, np.nan)
        share = hits / n if n and rule else np.nan
        row |= {what: share, f"{what}_lower": float(lower), f"{what}_upper": float(upper)}
    return row | {
        "f1": 2 * hits / (n_picked + n_group) if rule and n_picked + n_group else np.nan,
        "prevalence": prevalence,
        "gain": gain(float(row["precision_lower"]), prevalence),
        "support": n_picked / len(inside),
        "n_picked": n_picked,
        "n_group": n_group,
        "certainty": float(certainty(rule, values[chosen], sd[chosen]).mean()) if n_picked else np.nan,
    }


def gain(precision: float, prevalence: float) -> float:
    """Return the share of the way from a random rule (0) to a perfect one (1); negative if worse than random."""
    return (precision - prevalence) / (1 - prevalence) if prevalence < 1 else np.nan


def why_not(row: dict[str, object], min_gain: float | None) -> str:
    """Return why a rule with these figures is not good enough to be shown; empty if it is."""
    if min_gain is None or float(row["gain"]) >= min_gain:
        return ""
    if not row["n_picked"]:
        return "the best rule selects none of the held-out cells"
    return (
        f"the best rule has a precision of {row['precision']:.2f} (at least {row['precision_lower']:.2f}), where "
        f"{row['prevalence']:.2f} of all cells belong to the group: a gain of {row['gain']:.2f}, below {min_gain:g}"
    )
