"""Comparisons with known variance components: those of a pilot, and plain designs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import COMPARE, COMPARISON, PARAMS, RANK_PROGRAMS_GROUPS, TOTAL

from ._study import Study

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

# by design: variance of the effect times the number of donors, samples of a donor, and coefficients (after donors)
DESIGNS = {
    # 1 / (n / 2) for each group
    "unpaired": (4.0, 1, 2),
    # two samples for each donor
    "paired": (2.0, 2, 1),
    # 2 / (n / 2) for the donors of each arm
    "interaction": (8.0, 2, 2),
}


def plain(design: str, sample_sd: float, cell_sd: float, n_programs: int) -> Study:
    """Return a comparison of a plain design, with two groups or arms of equal size."""
    variance, samples, lost = DESIGNS[design]
    sds = np.array([sample_sd], dtype=float), np.array([cell_sd], dtype=float)
    return Study({}, (), *sds, n_programs, variance, samples, df_donor=1.0, df_lost=lost)


def comparisons_of(
    adata: AnnData,
    key: str,
    contrast: str | Sequence[str] | None,
    group: str | Sequence[str] | None,
    stratum: str | Sequence[str] | None,
    kind: str,
) -> list[Study]:
    """Return the comparisons of a pilot; raise if it has none with variance components."""
    if not hasattr(adata, "uns"):
        msg = (
            f"pilot is a {type(adata).__name__}; give an AnnData with results of crystallin.tl.compare, or leave it "
            "out and give sample_sd and cell_sd."
        )
        raise TypeError(msg)
    if contrast is None and not checks.kind_of(adata, key) and checks.kind_of(adata, RANK_PROGRAMS_GROUPS):
        # the default, where there is only the other result
        key = RANK_PROGRAMS_GROUPS if key == COMPARE else key
    tool, key = checks.check_comparison(adata, key, group, contrast, COMPARE)
    read, chosen = (get.compare_df, contrast) if tool == COMPARE else (get.rank_programs_groups_df, group)
    table = read(adata, chosen, stratum=stratum, kind=kind, key=key, columns="all")
    params = adata.uns[checks.check_result(adata, key, tool)][PARAMS]
    before = "total_" if kind == TOTAL else ""
    _check_columns(table, before, tool, key, is_of_samples=bool(params.get("sample_key")))
    parts = table[table[f"{before}q"].notna()].groupby(COMPARISON[tool], sort=False, observed=True)
    studies = list(_studies(parts, before, tool, params))
    if not studies:
        msg = (
            f"The comparisons under {key!r} have no program that was tested (reliability of .1 or more), so nothing is "
            "known of their variances. Use other programs or more cells, or give sample_sd and cell_sd without a pilot."
        )
        raise ValueError(msg)
    for study in studies:
        if np.median(study.sample_sd) == 0:
            logger.warning(
                "%s: samples differ no more than by the choice of cells in most programs, which may be because the "
                "pilot has few donors or few cells. If they do differ, the power of studies with more cells is lower.",
                ", ".join(filter(None, study.labels.values())),
            )
    return studies


def _check_columns(table: pd.DataFrame, before: str, tool: str, key: str, *, is_of_samples: bool) -> None:
    """Raise unless a result has variance components."""
    if not is_of_samples:
        msg = (
            f"The results under {key!r} compare cells and not samples, so they do not say how much samples differ. "
            f"Call crystallin.tl.{tool} with sample_key=, or give sample_sd and cell_sd without a pilot."
        )
        raise ValueError(msg)
    needed = [f"{before}sample_sd", f"{before}cell_sd", "design_variance", "df_residual", "df", "n_donors"]
    missing = [name for name in needed if name not in table]
    if missing:
        msg = (
            f"The results under {key!r} lack the column(s) {checks.some(missing)}, because they were computed by an "
            f"earlier version. Call crystallin.tl.{tool} again."
        )
        raise ValueError(msg)


def _studies(parts: Any, before: str, tool: str, params: Mapping[str, Any]) -> Iterator[Study]:
    for labels, part in parts:
        row = part.iloc[0]
        n_cells, n_samples, n_donors, repeated = _numbers(row, tool, params)
        residual, samples = float(row["df_residual"]), n_samples / n_donors
        # each donor adds a sample; its other samples, if it has its own level; or its part of Satterthwaite's number
        if repeated == "random":
            each = residual / n_donors
        else:
            each = samples - 1 if n_samples > n_donors else 1.0
        yield Study(
            dict(zip(COMPARISON[tool], labels, strict=True)),
            tuple(part["program"].astype(str)),
            *(part[f"{before}{name}"].to_numpy(dtype=float) for name in ("sample_sd", "cell_sd")),
            n_tested=len(part),
            variance=float(row["design_variance"]) * n_donors,
            samples=samples,
            df_donor=each,
            df_lost=each * n_donors - residual,
            df_borrowed=float(row["df"]) - residual,
            n_donors=n_donors,
            n_cells=n_cells / n_samples,
        )


def _numbers(row: pd.Series, tool: str, params: Mapping[str, Any]) -> tuple[int, int, int, str]:
    """Return numbers of cells, samples and donors, and how donors with several samples entered the model."""
    if tool == COMPARE:
        return int(row["n_cells"]), int(row["n_samples"]), int(row["n_donors"]), str(row["repeated"])
    n_cells, n_samples = (int(row[f"{of}_group"] + row[f"{of}_reference"]) for of in ("n", "n_samples"))
    # samples on both sides are pairs, unless they were asked to be independent
    is_paired = row["n_donors"] < n_samples and params.get("paired") is not False
    return n_cells, n_samples, int(row["n_donors"]) if is_paired else n_samples, "block" if is_paired else ""
