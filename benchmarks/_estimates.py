"""Mean attributions that are estimated, against exact ones of the same cells in the same run."""

from __future__ import annotations

import numpy as np
from _common import seconds_of

import crystallin as cr

TOLERANCE = 0.02
# attributions are large from this share of the largest of their program
LARGE = 0.1


def groups_of(model: cr.ProgramVAE, n: int = 3) -> np.ndarray:
    """Groups of simulated cells, by the signs of the most variable activities."""
    activity = model.get_activity()
    most = np.argsort(-activity.var(axis=0))[:n]
    return ((activity[:, most] > np.median(activity[:, most], axis=0)) @ 2 ** np.arange(n)).astype(str)


def compare(model: cr.ProgramVAE, groups: np.ndarray) -> dict:
    """Times, standard errors as a share of each program's largest attribution, and errors in standard errors."""
    model.get_attributions(indices=np.arange(64))
    (mean, se), estimated = seconds_of(
        lambda: model.get_attributions(groups=groups, tolerance=TOLERANCE, return_se=True)
    )
    whole, exact = seconds_of(lambda: model.get_attributions(groups=groups))
    largest = np.abs(whole).max(axis=(0, 1))
    sampled = se.max(axis=(1, 2)) > 0
    share = (se.max(axis=(0, 1)) / largest)[largest > 0]
    error = (np.abs(mean - whole).max(axis=(0, 1)) / largest)[largest > 0]
    counts = (np.abs(whole) > LARGE * largest) & (se > 0)
    z = (mean - whole)[counts] / se[counts]
    return {
        "cells": len(groups),
        "genes": whole.shape[1],
        "programs": whole.shape[2],
        "groups": len(whole),
        "groups_estimated": int(sampled.sum()),
        "tolerance": TOLERANCE,
        "seconds_estimated": round(estimated, 1),
        "seconds_exact": round(exact, 1),
        "times_quicker": round(exact / estimated, 1),
        "se_over_largest": quantiles(share),
        "error_over_largest": quantiles(error),
        "programs_within_tolerance": round(float((share <= TOLERANCE).mean()), 3),
        "rms_error_over_se": round(float(np.sqrt((z**2).mean())), 2) if len(z) else None,
        "beyond_two_se": round(float((np.abs(z) > 2).mean()), 3) if len(z) else None,
    }


def quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: float(f"{np.quantile(values, q):.2g}") for name, q in (("median", 0.5), ("90%", 0.9), ("max", 1.0))}
