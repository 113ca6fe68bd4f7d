"""What attributions are asked for, checked before anything is computed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin.nn import ATTRIBUTION_METHODS

logger = logging.getLogger(__name__)

STATISTICS = ("mean", "mean_absolute", "average_cell", "each")
# number of matrices to invert for each cell and baseline, if there are several: one at each node of a path
N_MATRICES = {"integrated_gradients": 8, "expected_gradients": 8}
# speed of a CPU core in matrix inversions: third powers of the number of latent dimensions per minute
CUBES_PER_MINUTE = 6e11
# largest size of an array of cells x genes x programs: half a gigabyte in single precision
MAX_CELL_VALUES = 2**27


def check_method(method: str, kind: str, gene_likelihood: str, *, all_cells: bool) -> None:
    """Raise an error unless a method is available for this kind of function and number of cells.

    ``kind`` is ``"activity"``, ``"encoder"`` or, for encoders with further layers, ``"deep"``.
    """
    checks.check_choice(method, "method", tuple(ATTRIBUTION_METHODS))
    rule = ATTRIBUTION_METHODS[method]
    if getattr(rule, kind) is None:
        possible = [name for name, other in ATTRIBUTION_METHODS.items() if getattr(other, kind) is not None]
        what = "an encoder with further layers" if kind == "deep" else f"target={kind!r}"
        msg = f"method={method!r} is not available for {what}; use {', '.join(map(repr, possible))}."
        raise ValueError(msg)
    if kind == "activity" and gene_likelihood == "zinb" and method != "contributions":
        msg = (
            f"method={method!r} needs an activity that changes smoothly with the counts, which it does not with "
            'gene_likelihood="zinb". Use method="contributions" or target="encoder".'
        )
        raise ValueError(msg)
    if rule.by_captum:
        if all_cells:
            msg = f"method={method!r} takes seconds for each cell and program. Name the cells to use."
            raise ValueError(msg)
        if find_spec("captum") is None:
            msg = f"method={method!r} needs captum, which is not installed: pip install 'crystallin[captum]'."
            raise ImportError(msg)


def check_statistic(statistic: str, method: str, target: str) -> None:
    checks.check_choice(statistic, "statistic", STATISTICS)
    if statistic == "average_cell" and (method, target) != ("contributions", "activity"):
        msg = (
            'statistic="average_cell" needs method="contributions" and target="activity", but '
            f'method={method!r} and target={target!r} were given. Use statistic="mean".'
        )
        raise ValueError(msg)


def check_tolerance(tolerance: float | None, statistic: str, target: str, *, return_se: bool) -> None:
    """Raise an error if means cannot be estimated to this standard error, or have no standard error."""
    if tolerance is None and not return_se:
        return
    if statistic not in ("mean", "mean_absolute") or target != "activity":
        msg = (
            'tolerance and return_se are for means (statistic="mean" or "mean_absolute") of attributions of the '
            f'activity (target="activity"), but statistic={statistic!r} and target={target!r} were given. Leave '
            "them out."
        )
        raise ValueError(msg)
    if tolerance is not None:
        checks.check_number(tolerance, "tolerance", 0, 1, include_minimum=False)


def check_baseline(
    baseline: str | np.ndarray, target: str, method: str, genes: Sequence[str], *, is_given: bool
) -> str | np.ndarray:
    """Return the baseline; raise an error if it is not valid for this method and target."""
    if isinstance(baseline, str):
        checks.check_choice(baseline, "baseline", ("mean", "zero"))
        if baseline == "zero" and target == "activity":
            msg = (
                'baseline="zero" is for target="encoder": a cell of some depth cannot be without counts. Use "mean", a '
                "group or a profile."
            )
            raise ValueError(msg)
    else:
        baseline = checks.check_profiles(baseline, genes)
    if is_given and not ATTRIBUTION_METHODS[method].has_baseline:
        msg = f"method={method!r} does not use a baseline; leave it out."
        raise ValueError(msg)
    return baseline


def check_size(n_cells: int, n_genes: int, n_programs: int) -> None:
    """Raise an error if attributions of single cells would take too much memory."""
    n_values = n_cells * n_genes * n_programs
    if n_values > MAX_CELL_VALUES:
        msg = (
            f"Attributions of {n_cells:,} cells x {n_genes:,} genes x {n_programs:,} programs would take "
            f"{4 * n_values / 2**30:.1f} GiB, above the limit of {4 * MAX_CELL_VALUES / 2**30:.1f} GiB. Use fewer "
            "cells or programs, or means over groups."
        )
        raise ValueError(msg)


def announce(method: str, n_cells: int, n_latent: int, n_baselines: int) -> None:
    """Warn in advance if attributions of the activity will take long."""
    n_matrices = N_MATRICES.get(method, 1) * n_baselines
    minutes = n_cells * n_matrices * n_latent**3 / CUBES_PER_MINUTE
    if minutes >= 1:
        logger.warning(
            "Attributions invert a matrix of %s x %s, %s time(s) for each of %s cells, which takes about %.0f minutes "
            "of one CPU core. Means that are estimated (tolerance=), fewer cells or programs, and "
            'method="contributions" with statistic="average_cell" are faster.',
            f"{n_latent:,}",
            f"{n_latent:,}",
            n_matrices,
            f"{n_cells:,}",
            minutes,
        )


def cell_labels(groups: Sequence[str] | None, names: Sequence[str]) -> checks.Labels:
    """Return the label of each of the named cells, with names in the order of categories, or sorted."""
    if groups is None:
        return checks.Labels([checks.ALL], np.zeros(len(names), dtype=int))
    is_ordered = isinstance(getattr(groups, "dtype", None), pd.CategoricalDtype)
    labels = pd.Series(checks.check_aligned(groups, names, "groups"))
    missing = labels.isna()
    if missing.any():
        msg = f"groups has {int(missing.sum())} missing label(s). Fill them, or leave these cells out with indices."
        raise ValueError(msg)
    return checks.name_labels(labels.astype(groups.dtype) if is_ordered else labels, "groups")
