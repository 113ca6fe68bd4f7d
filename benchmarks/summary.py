"""Draw the first figure of the benchmark page: what crystallin and other methods reach on the same data.

Reads the results in benchmarks/results and computes nothing else, so it takes seconds:

python benchmarks/summary.py
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from _common import BLACK, BLUE, GREY, RESULTS, VERMILION, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# the decision of the table's column `call`; in older results, the tests that it combines
CALL_RULES = ("call", "q, decoy_q and conditional_q")


class Row(NamedTuple):
    """One line of a panel: the values of a method, filled and open, on each of several data sets."""

    method: str
    filled: list[float]
    hollow: list[float]

    @property
    def is_ours(self) -> bool:
        return self.method.startswith("crystallin")


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def recovery(runs: list[dict], completed: dict) -> list[Row]:
    """Return the median correlation with the true activities at depth 500, as a share of the oracle's."""
    arms = {arm: [run for run in runs if run["arm"] == arm and run["depth"] == 500] for arm in _arms(runs)}
    names = {
        "ProgramVAE": "crystallin",
        "decoupler ulm": "decoupler, ulm",
        "decoupler mlm": "decoupler, mlm",
        "set means": "mean z-score of the set",
        "LinearSCVI": "LinearSCVI, best dimension",
    }
    rows = [
        Row(title, *([_mean(_of_oracle(arms[arm], method))] if arm in arms else [] for arm in _arms(runs)))
        for method, title in names.items()
    ]
    after = [
        [row["after"]["r_median_of_oracle"] for label, row in completed.items() if label == f"{arm}, depth 500"]
        for arm in arms
    ]
    return [Row("crystallin, sets completed", *after), *rows]


def _arms(runs: list[dict]) -> list[str]:
    return sorted({run["arm"] for run in runs}, key=lambda arm: arm != "log-additive")


def _of_oracle(runs: list[dict], method: str) -> list[float]:
    return [run["methods"][method]["r_median_of_oracle"] for run in runs if method in run["methods"]]


def calls(tests: dict, planted: dict) -> list[Row]:
    """Return the share of false calls, filled, and the share of the true changes that are called, open."""
    rule = next(name for name in CALL_RULES if name in tests)
    names = {
        "true activities": "oracle: q on the true activities",
        rule: "crystallin, call",
        "q": "crystallin, q alone",
        "cells: Wilcoxon on ulm": "ulm, Wilcoxon test on cells",
        "cells: t on ulm": "ulm, t test on cells",
        "VEGA's rule on our posterior": "rule of VEGA and expiMap",
    }
    rows = [Row(title, *_shares(tests[name], "mean_of_replicates")) for name, title in names.items()]
    other = {
        "between arms at t0, unique": "crystallin, q alone *",
        "between arms at t0, t on ulm": "ulm, t test on donors *",
    }
    return rows + [Row(title, *_shares(planted[name], "false_discovery_proportion")) for name, title in other.items()]


def _shares(test: dict, false: str) -> tuple[list[float], list[float]]:
    return ([test[false]] if test["calls"] else []), [test["power"]]


def names(accuracy: dict) -> list[Row]:
    """Return the share of cells whose Leiden cluster got the right lineage, for each data set."""
    titles = {
        "crystallin": "crystallin",
        "ulm, rankby_group": "decoupler, ulm + rankby_group",
        "ulm, mean": "decoupler, ulm, largest mean",
        "score_genes, mean": "scanpy, score_genes, largest mean",
    }
    parts = [part["leiden"] for name, part in accuracy.items() if "leiden" in part and "min_genes=" not in name]
    return [
        Row(title, [part[method]["of_cells"]["lineage"] for part in parts if method in part], [])
        for method, title in titles.items()
    ]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def draw(ax: Axes, rows: list[Row], *, without: str = "") -> None:
    """Draw one line for each method; `without` is said where a method has no filled value."""
    for y, row in enumerate(rows):
        color = GREY if row.method.startswith("oracle") else BLUE if row.is_ours else VERMILION
        ax.axhline(y, color=GREY, linewidth=0.5, alpha=0.4, zorder=0)
        one = len(row.filled) == 1
        size, alpha = (7, 1) if one else (5, 0.5)
        ax.plot(row.filled, [y] * len(row.filled), "o", color=color, markersize=size, alpha=alpha)
        if len(row.filled) > 1:
            ax.plot(_mean(row.filled), y, "|", color=color, markersize=15, markeredgewidth=2.5)
        ax.plot(row.hollow, [y] * len(row.hollow), "o", color=color, markerfacecolor="white", markersize=7)
        if not row.filled and without:
            box = {"color": "white", "pad": 0.5}
            ax.text(0.04 + max(row.hollow, default=0), y, without, va="center", fontsize=8, bbox=box)
    ax.set_yticks(range(len(rows)), [row.method for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.spines[["top", "right", "left"]].set_visible(False)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.set_defaults(out=None, quick=False)
    found = load("recovery")["runs"], load("completion")["simulation"]["summary"]
    panels = {
        "Recovery: correlation with the true activities, as a share of the oracle's": recovery(*found),
        "False calls between conditions": calls(load("differential")["shifts"]["tests"], load("designs")["planted"]),
        "Names: share of cells in clusters with the right lineage": names(load("annotation")["accuracy"]),
    }
    plt.rcParams["font.size"] = 9
    figure, axes = plt.subplots(
        3, 1, figsize=(7, 7.4), height_ratios=[len(rows) + 1.2 for rows in panels.values()], layout="constrained"
    )
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        draw(ax, rows, without="calls nothing")
        at = {"xycoords": ("figure fraction", "axes fraction"), "textcoords": "offset points", "xytext": (0, 4)}
        ax.annotate(title, (0.01, 1), fontsize=10, fontweight="bold", **at)
    axes[0].set_xlim(0, 1.02)
    axes[0].set_xlabel("filled: log rates add up, as the model assumes; open: rates add up")
    axes[1].set_xlim(-0.02, 1.02)
    axes[1].axvline(0.05, color=BLACK, linewidth=0.8, linestyle=":")
    axes[1].set_xlabel(
        "filled: false calls among all calls (dotted line: 5 %)\nopen: true changes that are called"
        "; *: in another simulation"
    )
    axes[2].set_xlabel("dots: data sets; bars: their means")
    save(figure, "summary", options.parse_args())


if __name__ == "__main__":
    main()
