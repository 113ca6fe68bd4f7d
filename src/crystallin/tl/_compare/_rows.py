"""Results of a comparison as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin._keys import TOTAL, UNIQUE
from crystallin.stats import Difference

from ._differences import TESTED_FROM, Compared
from ._totals import Totals

# columns of the unique reading that the total has as well
ALSO_OF_TOTAL = ("effect", "se", "lower", "upper", "effect_sd", "p", "probability", "q", "decoy_q", "reliability")


def rows(compared: Mapping[str, Compared], delta: float, about: pd.DataFrame, totals: Totals) -> pd.DataFrame:
    """Return a row for each program (no decoys), the most significant first.

    Parameters
    ----------
    compared
        Result of a comparison in each reading.
    delta
        Smallest difference of interest, in pooled standard deviations.
    about
        Columns that do not depend on the comparison, indexed by the program's position.
    totals
        How totals depend on activities and genes.
    """
    real, unique = about.index, compared[UNIQUE]
    is_decoy = np.ones(len(unique.reliability), dtype=bool)
    is_decoy[real] = False
    (columns, sure), (of_total, _) = (_columns(compared[kind], delta, is_decoy) for kind in (UNIQUE, TOTAL))
    columns |= {f"total_{name}": of_total[name] for name in ALSO_OF_TOTAL if name in of_total}
    columns |= totals.columns(*(compared[kind].mean[0] - compared[kind].mean[1] for kind in (UNIQUE, TOTAL)))
    table = about.join(pd.DataFrame({name: values[real] for name, values in columns.items()}, index=real))
    differs, total_differs = (_excludes_0(table, before) for before in ("", "total_"))
    table["opposed"] = differs & total_differs & (table["effect"] * table["total_effect"] < 0)
    table["explained_by"] = table["explained_by"].where(differs | total_differs, "")
    table["n_group"], table["n_reference"] = map(int, unique.n_cells)
    table["n_samples_group"], table["n_samples_reference"] = unique.n_samples
    table["unit"] = "cell" if unique.n_samples == (0, 0) else "sample"
    certainty = pd.Series(sure[real], index=real)
    # an untested program can lead a family only if none of its programs is tested
    untested = table["reliability"] < TESTED_FROM
    certainty[untested] -= 1 + certainty.max()
    table["lead"] = certainty == certainty.groupby(table["family"]).transform("max")
    # programs that are not tested come last
    order = pd.DataFrame({"untested": table["q"].isna(), "sure": -certainty})
    return table.loc[order.sort_values(["untested", "sure"], kind="stable").index]


def effects(compared: Mapping[str, Compared], delta: float, real: pd.Index) -> pd.DataFrame:
    """Return effect and ``q`` in both readings, indexed by the program's position (no decoys)."""
    is_decoy = np.ones(len(compared[UNIQUE].reliability), dtype=bool)
    is_decoy[real] = False
    found = {}
    for kind, before in ((UNIQUE, ""), (TOTAL, "total_")):
        columns, _ = _columns(compared[kind], delta, is_decoy)
        found |= {f"{before}{name}": columns[name][real] for name in ("effect", "q")}
    return pd.DataFrame(found, index=real)


def _columns(compared: Compared, delta: float, is_decoy: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the columns of one reading for all programs and decoys, and how certain each difference is."""
    marginal, by_sample = compared.marginal, compared.n_samples != (0, 0)
    by_decoys = stats.calibrated_by_decoys(marginal, compared.reliability, is_decoy)
    lower, upper = marginal.interval()
    size = delta * compared.pooled_sd
    tested = ~is_decoy & (compared.reliability >= TESTED_FROM)
    columns = {
        "effect": marginal.effect,
        "se": marginal.se,
        "lower": lower,
        "upper": upper,
        "effect_sd": marginal.effect / compared.pooled_sd,
        "statistic": marginal.statistic,
        **_significance(marginal, size, tested, by_sample=by_sample),
        "decoy_q": _significance(by_decoys, size, tested, by_sample=by_sample)["q"],
        "reliability": compared.reliability,
        "overlap": stats.overlap(compared.mean, compared.variance),
        "mean_group": compared.mean[0],
        "mean_reference": compared.mean[1],
        "df": np.broadcast_to(marginal.df, marginal.effect.shape),
    }
    conditional = compared.conditional
    if conditional is not None:
        direction = np.sign(marginal.effect)
        columns |= {
            "conditional_effect": conditional.effect,
            "conditional_se": conditional.se,
            "conditional_q": _significance(conditional, size, tested, by_sample=by_sample, direction=direction)["q"],
        }
    # with decoys, certainty is limited by the standard errors that also hold for decoys
    return columns, np.abs(marginal.effect / np.fmax(marginal.se, by_decoys.se))


def _excludes_0(table: pd.DataFrame, before: str) -> pd.Series:
    """Whether a difference is tested and its interval excludes 0, in the reading whose columns begin so."""
    lower, upper, q = (table[f"{before}{name}"] for name in ("lower", "upper", "q"))
    return q.notna() & ((lower > 0) | (upper < 0))


def _significance(
    difference: Difference,
    size: np.ndarray,
    tested: np.ndarray,
    *,
    by_sample: bool,
    direction: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return p values or probabilities, and q over tested programs; none is significant against ``direction``."""
    against = np.zeros(len(tested), dtype=bool) if direction is None else difference.effect * direction < 0
    if by_sample:
        p = np.where(against, 1, difference.p(size))
        return {"p": p, "q": stats.benjamini_hochberg(np.where(tested, p, np.nan))}
    normal = difference.as_normal()
    probability = np.full(len(tested), np.nan)
    if np.isfinite(normal.se).any():
        probability = np.where(against, 0, stats.probability_beyond(normal.effect, normal.se, size, tested))
    return {"probability": probability, "q": stats.expected_fdr(np.where(tested, probability, np.nan))}
