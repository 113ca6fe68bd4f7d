"""Section on models applied to other data."""

from __future__ import annotations

from _sections import load, table

METHODS = {
    "map": "`map`",
    "zeros": "zeros for missing genes",
    "mean": "means for missing genes",
    "trained on the query": "trained on the query",
}
OTHERS = ("p", "p_activity", "p_counts", "Mahalanobis", "scVI density")


def mapping() -> str:
    results = load("mapping")
    parts = [
        """## Other people's data

`benchmarks/mapping.py`.

![What missing genes do to activities, and how well unknown cells are found](_static/mapping.png)""",
        _missing(results["missing"]),
        _batches(results["batches"]),
        _unlike(results["unlike"]),
        _verdicts(results),
        _package(results["package"]),
        _speed(results["speed"]),
    ]
    return "\n\n".join(parts) + "\n"


def _missing(rows: list[dict]) -> str:
    header = ["genes missing", "method", "programs", "r, median", "r, 10th percentile", "coverage of 95 %", "mean sd"]
    return (
        "*Missing genes.* Simulation, 60 programs; 3,000 cells are the reference and 3,000 the query. Correlation with "
        "the true activity, and how often intervals of 95 % hold it, of programs whose weight was measured to at least "
        "one half. Zeros hardly affect r, because they lower a program in all cells alike, but they do affect "
        "intervals.\n\n"
        + table(header, [_estimates(row, f"{100 * row['missing']:.0f} %", METHODS[row["method"]]) for row in rows])
    )


def _estimates(row: dict, *first: str) -> list:
    covered = 95 + 100 * row["coverage_minus_nominal"]["95%"]
    numbers = (row["programs"], row["r_median"], row["r_10th_percentile"], f"{covered:.1f} %", row["sd_mean"])
    return [*first, *numbers]


def _batches(rows: list[dict]) -> str:
    header = [
        "batch effect (sd)",
        "method",
        "programs",
        "r, median",
        "r, 10th percentile",
        "coverage of 95 %",
        "mean sd",
    ]
    return "*New batches.* Simulation: two of four batches are the query.\n\n" + table(
        header, [_estimates(row, row["effect"], row["method"]) for row in rows]
    )


def _unlike(rows: list[dict]) -> str:
    header = ["data", "left out of the reference", "its cells", *OTHERS, "p < .05: held-out cells", "p < .05: left out"]
    lines = [
        [
            row["data"] + (", held-out donors" if row["held_out_donors"] else ""),
            row["held_out"],
            row["n_new"],
            *(row[f"auroc {score}"] for score in OTHERS),
            f"{100 * row['share_below_.05']:.1f} %",
            f"{100 * row['power_at_.05']:.0f} %",
        ]
        for row in rows
    ]
    kept = [row["share_below_.05"] for row in rows]
    return (
        "*Cells of an unknown type.* AUROC of cells whose type is left out of the reference, against held-out cells of "
        "the other types, by crystallin's p-values, by the plain Mahalanobis distance of activities from their mean, "
        "and by the aggregated posterior density of an scVI model of the same cells. Of the held-out cells, "
        f"5 ± 2 % should have p < .05; {100 * min(kept):.1f} to {100 * max(kept):.1f} % have, on average "
        f"{100 * sum(kept) / len(kept):.1f} %.\n\n{table(header, lines)}"
    )


def _verdicts(results: dict) -> str:
    stimulated, donors = results["stimulated"], results["donors"]
    rows = [
        [
            name,
            row["n_cells"],
            row["verdict"],
            row["label"],
            f"{100 * row['label_share']:.0f} %",
            row["distance"],
            row["own_distance"],
            row["moved"],
        ]
        for name, row in stimulated["groups"].items()
    ]
    header = ["cell type", "cells", "verdict", "label", "cells with it", "distance", "without what is common", "moved"]
    ten = [
        [
            row["query"],
            f"{100 * row['share_below_.05']:.1f} %",
            f"{100 * row['label_right']:.0f} %",
            ", ".join(f"{name}: {n}" for name, n in row["verdicts"].items()),
        ]
        for row in results["chemistries"]
    ]
    by_donor = ", ".join(f"{100 * share:.0f}" for share in donors["share_below_.05_by_donor"])
    return (
        "*Verdicts.* Kang's controls, eight donors, as the reference; stimulated cells as the query. "
        f"Groups are like the reference up to {stimulated['limit']}, and new from {stimulated['far']}.\n\n"
        f"{table(header, rows)}\n\n"
        f"Controls of held-out donors, two at a time: {100 * donors['share_not_like']:.0f} % of {donors['groups']} "
        "groups are called other than like the reference (nominal 5 %), and "
        f"{100 * donors['share_below_.05']:.1f} % of the cells have p < .05 (by donor {by_donor} %).\n\n"
        "Three batches of 10x data (1,767 genes), one as the query of a reference of the two others:\n\n"
        + table(["query", "p < .05", "labels right", "verdicts on cell types"], ten)
    )


def _package(results: dict) -> str:
    rows = []
    for name, row in results.items():
        if name in ("absent", "model"):
            continue
        if "refused" in row:
            rows.append([name, "–", f"refused: {row['refused']}", "–", "–", "–"])
            continue
        verdicts = ", ".join(f"{verdict} {100 * share:.0f} %" for verdict, share in row["cells_by_verdict"].items())
        right = f"{100 * row['label_right']:.0f} %" if "label_right" in row else "–"
        measured = f"{100 * row['measured_median']:.0f} %"
        rows.append([name, row["cells"], verdicts, f"{100 * row['share_below_.05']:.1f} %", right, measured])
    absent = f" Not there: {', '.join(results['absent'])}." if results["absent"] else ""
    header = [
        "data",
        "cells",
        "cells by verdict on their cluster",
        "p < .05",
        "labels right",
        "weight measured (median)",
    ]
    return (
        "*The model in the package* on data it has not seen, with verdicts on Leiden clusters. Kang's cells were "
        f"cultured for six hours, so their monocytes are activated.{absent}\n\n{table(header, rows)}"
    )


def _speed(row: dict) -> str:
    return (
        f"*Speed.* {row['cells']:,} cells x {row['genes']:,} genes, {row['programs']} programs, one thread: mapping "
        f"with verdicts {row['seconds_map']} s, training {row['seconds_training']} s "
        f"({row['training_over_map']} times as long)."
    )
