"""The true programs: who is in them, of which kind they are, and how strongly they act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._options import Options
from ._rates import LOG_ADDITIVE

PLAIN, TWIN, SIGNED, GATED, TWO_DIMENSIONAL = "plain", "twin", "signed", "gated", "two-dimensional"
# gamma shape of |loading|: a few strong members, many weak ones
LOADING_SHAPE = 2.0
# share of a signed program's members that go down
NEGATIVE_SHARE = 1 / 3
# share of the set that each dimension of a two-dimensional program carries, so that a fifth is in both
PART_SHARE = 0.6
# relative increase per unit of usage for a loading of 1: the sd of log(1 + 8 w softplus(z)) over z ~ N(0, 1) is .34,
# .45, .51 and .57 for w of .2, .4, .6 and 1, so that typical loadings act about as strongly as in the other arm
ADDITIVE_GAIN = 8.0
# mean of softplus(z) over z ~ N(0, 1)
MEAN_USAGE = 0.806


@dataclass(frozen=True)
class Programs:
    """True programs.

    Attributes
    ----------
    names
        One per program.
    sets
        One array of genes (as positions) per program.
    signs
        For each array of ``sets`` the directions, +1 or -1.
    twin
        For each program the position of its twin, or -1.
    missing
        Whether the program has no set in the annotation.
    dimensions
        One row per latent dimension: ``name``, ``program``, ``kind``, ``twin_of``, ``gate``, ``size``, ``missing``.
    gate
        For each dimension the position of the dimension that gates it, or -1.
    loadings
        Genes x dimensions.
    """

    names: np.ndarray
    sets: list[np.ndarray]
    signs: list[np.ndarray]
    twin: np.ndarray
    missing: np.ndarray
    dimensions: pd.DataFrame
    gate: np.ndarray
    loadings: np.ndarray

    def log_base(self, log_mean: np.ndarray, arm: str) -> np.ndarray:
        """Log rate at no activity with which the mean over z ~ N(0, 1) is about ``exp(log_mean)``."""
        if arm == LOG_ADDITIVE:
            return log_mean - np.square(self.loadings).sum(axis=1) / 2
        return log_mean - np.log1p(MEAN_USAGE * np.maximum(self.loadings, 0).sum(axis=1))


def draw_programs(options: Options, log_propensity: np.ndarray, rng: np.random.Generator) -> Programs:
    """Draw sets, kinds and loadings."""
    kinds, twin = _deal_kinds(options, rng)
    sets = _draw_sets(options, log_propensity, twin, rng)
    signs = [
        _draw_signs(len(s), rng) if kind == SIGNED else np.ones(len(s)) for s, kind in zip(sets, kinds, strict=True)
    ]
    plain = np.flatnonzero(kinds == PLAIN)
    missing = np.isin(np.arange(options.n_programs), rng.permutation(plain)[: options.n_missing])
    gates = np.resize(rng.permutation(plain), options.n_gated)

    names = np.array([f"program_{i + 1:03d}" for i in range(options.n_programs)], dtype=object)
    rows, columns = [], []
    for program, kind in enumerate(kinds):
        members = rng.permutation(len(sets[program]))
        part = int(np.ceil(PART_SHARE * len(members)))
        parts = [members[:part], members[-part:]] if kind == TWO_DIMENSIONAL else [members]
        for number, chosen in enumerate(parts, start=1):
            column = np.zeros(options.n_vars)
            sizes = rng.gamma(LOADING_SHAPE, options.effect / LOADING_SHAPE, len(chosen))
            column[sets[program][chosen]] = sizes * signs[program][chosen]
            columns.append(column)
            rows.append(
                {
                    "name": names[program] + (f".{number}" if kind == TWO_DIMENSIONAL else ""),
                    "program": names[program],
                    "kind": kind,
                    "twin_of": names[twin[program]] if twin[program] >= 0 else "",
                    "gate": "",
                    "size": len(chosen),
                    "missing": bool(missing[program]),
                }
            )
    dimensions = pd.DataFrame(rows)
    gate = np.full(len(dimensions), -1)
    is_gated = dimensions["kind"].to_numpy() == GATED
    # plain programs have one dimension, named like the program
    gate[is_gated] = pd.Index(dimensions["name"]).get_indexer(names[gates])
    dimensions.loc[is_gated, "gate"] = names[gates]
    loadings = np.stack(columns, axis=1)
    if options.arm != LOG_ADDITIVE:
        loadings = relative_increase(loadings)
    return Programs(names, sets, signs, twin, missing, dimensions, gate, loadings)


def relative_increase(loadings: np.ndarray) -> np.ndarray:
    """Loadings of the additive arm that act about as strongly as these of log rate.

    What goes down is multiplied by ``exp(loading)`` at a usage of one, as a rate cannot fall below nothing.
    """
    return np.where(loadings > 0, ADDITIVE_GAIN * loadings, np.expm1(np.minimum(loadings, 0)))


def draw_members(n: int, log_propensity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` distinct genes, by propensity (the largest Gumbel-perturbed logs: sampling without replacement)."""
    keys = log_propensity + rng.gumbel(size=len(log_propensity))
    return np.sort(np.argsort(-keys, kind="stable")[:n])


def _deal_kinds(options: Options, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each program, and the twin of each (-1: none)."""
    counts = {
        TWIN: 2 * len(options.twins),
        SIGNED: options.n_signed,
        GATED: options.n_gated,
        TWO_DIMENSIONAL: options.n_two_dimensional,
        PLAIN: options.n_plain,
    }
    places = rng.permutation(options.n_programs)
    kinds = np.empty(options.n_programs, dtype=object)
    kinds[places] = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    twin = np.full(options.n_programs, -1)
    pairs = places[: counts[TWIN]].reshape(-1, 2)
    twin[pairs[:, 0]], twin[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    return kinds, twin


def _draw_sets(
    options: Options, log_propensity: np.ndarray, twin: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Sets of log-uniform size; the second of a pair of twins shares with the first what its Jaccard index asks for."""
    low, high = np.log(options.program_size)
    sizes = np.rint(np.exp(rng.uniform(low, high, options.n_programs))).astype(int)
    sets = [draw_members(size, log_propensity, rng) for size in sizes]
    firsts = [first for first in range(options.n_programs) if 0 <= first < twin[first]]
    for jaccard, first in zip(rng.permutation(np.asarray(options.twins, dtype=float)), firsts, strict=True):
        size = len(sets[first])
        # both have the same size, so J = shared / (2 size - shared)
        n_shared = int(np.rint(2 * size * jaccard / (1 + jaccard)))
        outside = log_propensity.copy()
        outside[sets[first]] = -np.inf
        shared = rng.permutation(sets[first])[:n_shared]
        sets[twin[first]] = np.sort(np.concatenate([shared, draw_members(size - n_shared, outside, rng)]))
    return sets


def _draw_signs(n: int, rng: np.random.Generator) -> np.ndarray:
    signs = np.ones(n)
    signs[: max(1, round(NEGATIVE_SHARE * n))] = -1
    return rng.permutation(signs)
