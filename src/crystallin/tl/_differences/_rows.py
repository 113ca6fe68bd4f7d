"""Results of a comparison as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin._keys import TOTAL, UNIQUE
from crystallin.stats import Difference, SampleDifference

from ._measured import TESTED_FROM, Compared
from ._totals import Totals

# columns of the unique reading that the total has as well
ALSO_OF_TOTAL = (
    "effect",
    "se",
    "lower",
    "upper",
    "effect_sd",
    "p",
    "p_exact",
    "probability",
    "q",
    "decoy_q",
    "effect_min",
    "effect_max",
    "most_influential",
    "detectable",
    "sample_sd",
    "cell_sd",
    "reliability",
)
# a difference that is found has a q of at most this
LEVEL = 0.05


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
    columns |= totals.columns(*(compared[kind].shift for kind in (UNIQUE, TOTAL)))
    table = about.join(pd.DataFrame({name: values[real] for name, values in columns.items()}, index=real))
    differs, total_differs = (_excludes_0(table, before) for before in ("", "total_"))
    table["opposed"] = differs & total_differs & (table["effect"] * table["total_effect"] < 0)
    table["explained_by"] = table["explained_by"].where(differs | total_differs, "")
    certainty = pd.Series(sure[real], index=real)
    # an untested program can lead a family only if none of its programs is tested
    untested = table["reliability"] < TESTED_FROM
    certainty[untested] -= 1 + certainty.max()
    table["lead"] = certainty == certainty.groupby(table["family"]).transform("max")
    # programs that are not tested come last
    order = pd.DataFrame({"untested": table["q"].isna(), "sure": -certainty})
    return table.loc[order.sort_values(["untested", "sure"], kind="stable").index]


def sides(compared: Compared, about: pd.DataFrame) -> dict[str, Any]:
    """Return what a comparison of two groups says of each; columns are indexed as ``about`` (no decoys)."""
    columns = {
        "overlap": stats.overlap(compared.mean, compared.variance),
        "mean_group": compared.mean[0],
        "mean_reference": compared.mean[1],
    }
    of_sides = {name: pd.Series(values[about.index], index=about.index) for name, values in columns.items()}
    n_group, n_reference = map(int, compared.n_cells)
    n_samples_group, n_samples_reference = map(int, compared.n_samples)
    return of_sides | {
        "n_group": n_group,
        "n_reference": n_reference,
        "n_samples_group": n_samples_group,
        "n_samples_reference": n_samples_reference,
        "n_donors": compared.n_donors,
        "unit": "sample" if any(compared.n_samples) else "cell",
    }


def over_all(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the tables of comparisons, and add ``q_all`` and ``total_q_all``: ``q`` over the programs of all of them."""
    table = pd.concat(tables, ignore_index=True)
    for before in ("", "total_"):
        place = table.columns.get_loc(f"{before}q") + 1
        if f"{before}p" in table:
            values = stats.benjamini_hochberg(table[f"{before}p"].to_numpy())
        else:
            tested = table[f"{before}q"].notna()
            values = stats.expected_fdr(table[f"{before}probability"].where(tested).to_numpy())
        table.insert(place, f"{before}q_all", values)
    return table


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
    marginal, by_sample = compared.marginal, any(compared.n_samples)
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
        "df": np.broadcast_to(marginal.df, marginal.effect.shape),
    }
    if isinstance(marginal, SampleDifference):
        columns |= _of_samples(compared, marginal, columns["q"], size)
    conditional = compared.conditional
    if conditional is not None:
        direction = np.sign(marginal.effect)
        columns |= {
            "conditional_effect": conditional.effect,
            "conditional_se": conditional.se,
            "conditional_q": _significance(conditional, size, tested, by_sample=by_sample, direction=direction)["q"],
        }
    # with decoys, certainty is limited by the standard errors that also hold for decoys
    # programs whose genes were not measured have neither a difference nor an error
    error = np.fmax(marginal.se, by_decoys.se)
    return columns, np.divide(np.abs(marginal.effect), error, out=np.zeros_like(error), where=error != 0)


def _of_samples(
    compared: Compared, difference: SampleDifference, q: np.ndarray, size: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the columns that only comparisons across samples have."""
    # the p value below which a program is called: one more, or one of those that are
    called, n = q <= LEVEL, max(np.isfinite(q).sum(), 1)
    factor = np.full(len(q), np.nan)
    for which, n_called in ((called, called.sum()), (np.isfinite(q) & ~called, called.sum() + 1)):
        if which.any():
            factor[which] = stats.detectable(float(difference.df), min(LEVEL * n_called / n, LEVEL))
    columns = {
        "df_residual": np.full(len(q), difference.df_residual),
        "sample_sd": np.sqrt(difference.between),
        "cell_sd": compared.cell_sd,
        "design_variance": np.full(len(q), difference.design_variance),
        "detectable": size + factor * difference.se,
    }
    if compared.steadiness is not None:
        steadiness = compared.steadiness
        columns |= {
            "effect_min": steadiness.lowest,
            "effect_max": steadiness.highest,
            "most_influential": steadiness.donor,
        }
    if compared.exact_p is not None:
        columns["p_exact"] = np.where(np.isfinite(q), compared.exact_p, np.nan)
    return columns


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
        # p values of programs that are not tested would not hold
        p = np.where(tested, np.where(against, 1, difference.p(size)), np.nan)
        return {"p": p, "q": stats.benjamini_hochberg(p)}
    normal = difference.as_normal()
    probability = np.full(len(tested), np.nan)
    if np.isfinite(normal.se).any():
        probability = np.where(against, 0, stats.probability_beyond(normal.effect, normal.se, size, tested))
    return {"probability": probability, "q": stats.expected_fdr(np.where(tested, probability, np.nan))}
