"""Sections on what the names are worth, and on free programs beside the named ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from _sections import load, table

KINDS = ("unique", "total")
ARMS = {
    "true": "true sets",
    "rewired": "rewired sets with these names",
    "exchanged": "exchanged genes, same names",
    "untrained": "true sets, untrained",
}
FREE = {"none": "none", "five": "five", "auto": '"auto"'}


def _mean(values: Iterable[float], form: str = ".2f") -> str:
    return f"{np.mean(list(values)):{form}}"


def _both(rows: list[dict], key: str, form: str = ".2f") -> list[str]:
    """Mean over the runs, in each reading."""
    return [_mean((row[kind][key] for row in rows), form) for kind in KINDS]


def _first(rows: list[dict], kind: str) -> tuple[int, int]:
    """Types in which an interferon set comes first, of how many, over all runs."""
    return sum(len(row[kind]["interferon_first_in"]) for row in rows), sum(row[kind]["cell_types"] for row in rows)


def _ranks(rows: list[dict], kind: str) -> str:
    ranks = [rank for row in rows for of_type in row[kind]["rank"].values() for rank in of_type.values()]
    return f"{np.median(ranks):g} ({max(ranks)})" if ranks else "–"


def _over_types(rows: list[dict], kind: str, key: str) -> str:
    """Median over types and runs."""
    return f"{np.median([value for row in rows for value in row[kind][key].values()]):.1f}"


def _shared(rows: list[dict]) -> str:
    shares = [row["genes_of_the_true_set_mean"] for row in rows if "genes_of_the_true_set_mean" in row]
    return f"{np.mean(shares):.0%}" if shares else "all"


def _in_order(part: dict) -> list[tuple[str, str, list[dict]]]:
    return [(arm, words, part[arm]) for arm, words in ARMS.items() if arm in part]


def controls() -> str:
    results = load("controls")
    parts = [
        """## What the names are worth

`benchmarks/controls.py`: the same cells, genes, split and seeds with other sets under the same names. *Rewired*:
members are exchanged at random between sets, among genes of similar expression; genes stay in as many sets,
sets keep their sizes, and overlaps are due to chance. *Exchanged*: each gene is replaced in all sets by one of
similar expression that is in as many sets, so overlaps are kept as well (one seed). *Untrained*: the model with
the true sets as it starts from the data, without training. Training does not use the names, so these controls
show what random sets achieve, and what the right name adds. Held-out
log-likelihood is per cell, by Laplace's approximation."""
    ]
    for name, section in (("kang", _kang), ("simulated", _simulated), ("cite", _cite)):
        if name in results:
            parts.append(section(results[name]))
    return "\n\n".join(parts) + "\n"


def _kang(part: dict) -> str:
    rows, said = [], []
    for title, arms in part.items():
        for arm, words, runs in _in_order(arms):
            first = [_first(runs, kind) for kind in KINDS]
            rows.append(
                [
                    f"{title} ({runs[0]['unique']['programs']})",
                    words,
                    len(runs),
                    _shared(runs),
                    " / ".join(f"{n} of {of}" for n, of in first),
                    " / ".join(_ranks(runs, kind) for kind in KINDS),
                    " / ".join(_over_types(runs, kind, "largest_effect") for kind in KINDS),
                    " / ".join(_both(runs, "cell_type_by_neighbours")),
                    _mean((run["held_out_log_likelihood"] for run in runs), ".1f"),
                ]
            )
            if arm in ("true", "rewired"):
                n, of = first[0]
                said.append(f"{n} of {of} with {words} ({title})")
    header = [
        "collection (programs)",
        "sets",
        "seeds",
        "genes of the true set",
        "interferon first, unique / total",
        "rank of interferon's two sets, median (worst)",
        "largest absolute d",
        "cell type by neighbours",
        "held-out log-likelihood",
    ]
    return f"""**Interferon-β.** Kang et al., effect of stimulation within types; two numbers: unique / total reading.
In the unique reading a program with interferon's name has the largest effect in {", ".join(said)} (types × seeds). The
largest absolute d, median over types, is of any program: random sets can contain genes of the response.
Neighbours: balanced accuracy of the cell type of the 15 nearest cells.

{table(header, rows)}"""


def _simulated(part: dict) -> str:
    rows = [
        [
            words,
            _shared(runs),
            *(
                f"{_mean(run[kind]['r_median'] for run in runs)} / "
                f"{_mean(run[kind]['r_10th_percentile'] for run in runs)}"
                for kind in KINDS
            ),
            " / ".join(_both(runs, "cell_type_by_neighbours")),
            _mean((run["held_out_log_likelihood"] for run in runs), ".1f"),
        ]
        for _, words, runs in _in_order(part)
    ]
    header = [
        "sets",
        "genes of the true set",
        "r, unique: median / 10th percentile",
        "r, total: median / 10th percentile",
        "cell type by neighbours, unique / total",
        "held-out log-likelihood",
    ]
    return f"""**Simulated cells**, as in the first section, one seed: correlation of each program with the planted
activity of its name.

{table(header, rows)}"""


def _cite(part: dict) -> str:
    methods = ("unique", "total", "ulm", "score_genes")
    rows, single = [], []
    for title, arms in part.items():
        for _, words, runs in _in_order(arms):
            cells = [_mean(run[method]["r_median"] for run in runs) if method in runs[0] else "–" for method in methods]
            likelihood = _mean((run["held_out_log_likelihood"] for run in runs), ".1f")
            rows.append([title, words, _shared(runs), *cells, likelihood])
        for protein, name in arms["true"][0]["markers"].items() if "true" in arms else ():
            runs = arms["true"]
            single.append(
                [title, protein, name, *(_mean(run[method]["r"][protein] for run in runs) for method in methods)]
            )
    header = ["data", "sets", "genes of the true set", *methods, "held-out log-likelihood"]
    return f"""**Surface proteins.** Correlation of a marker set of the immune collection with the surface
protein that identifies its cells (centred log counts, within batches), median over proteins, mean over seeds; ulm
(decoupler) and score_genes (scanpy), which need no training, on the same sets. Which set belongs to which protein was
written down beforehand. Most of the sets contain the gene of the protein.

{table(header, rows)}

Each protein, with the true sets:

{table(["data", "protein", "set", *methods], single)}"""


def free_programs() -> str:
    results = load("free_programs")["data"]
    real, simulated = [], []
    for title, arms in results.items():
        for arm, runs in arms.items():
            if "sd_median" in runs[0]["unique"]:
                real += [_free_row(title, arm, runs, kind) for kind in KINDS]
            else:
                simulated.append(
                    [
                        title,
                        FREE[arm],
                        _mean((run["free_programs"] for run in runs), ".3g"),
                        *(
                            f"{_mean(run[kind]['r_median'] for run in runs)} / "
                            f"{_mean(run[kind]['r_10th_percentile'] for run in runs)}"
                            for kind in KINDS
                        ),
                        _mean((run["unique"]["decoy_auroc"] for run in runs), ".3f"),
                        _mean((run["held_out_log_likelihood"] for run in runs), ".1f"),
                    ]
                )
    header = [
        "data",
        "free programs",
        "number",
        "reading",
        "interferon first (types × seeds)",
        "rank of interferon's two sets, median (worst)",
        "largest absolute d: programs / decoys",
        "sd of programs / awake / decoys",
        "cell type by neighbours",
        "held-out log-likelihood",
        "training, s",
    ]
    head = [
        "data",
        "free programs",
        "number",
        "r, unique: median / 10th percentile",
        "r, total: median / 10th percentile",
        "decoy AUROC, unique",
        "held-out log-likelihood",
    ]
    parts = [
        """## Free programs

`benchmarks/free_programs.py`: without free programs (`n_unannotated`), variation that no set explains goes into named
programs and decoys. The same cells, sets, split and seeds with and without. The standard deviation over cells is the
median over programs, over those that `pp.screen_programs` calls awake, and over decoys. Effects are Cohen's *d* of
stimulated against control cells, the largest one of each type, median over types. Neighbours are by named programs
alone. Held-out log-likelihood is per cell, by Laplace's approximation."""
    ]
    if real:
        parts.append(table(header, real))
        parts.append(_bars(results))
    if simulated:
        parts.append(
            "Simulated cells, one seed: correlation with the truth of true programs that have a set. Decoys are told "
            "from true\nsets by the variance of their activities.\n\n" + table(head, simulated)
        )
    return "\n\n".join(parts) + "\n"


def _bars(results: dict) -> str:
    """What the largest effects become in each type, over data sets with two conditions."""
    rows = []
    for title, arms in results.items():
        before = {run["seed"]: run["unique"] for run in arms["none"]}
        for run in arms.get("auto", ()):
            after = run["unique"]
            if "largest_effect" not in after:
                continue
            programs, decoys = after["largest_effect"], after["largest_effect_of_a_decoy"]
            old = before[run["seed"]]
            old_programs, old_decoys = old["largest_effect"], old["largest_effect_of_a_decoy"]
            rows.append(
                [
                    title,
                    run["seed"],
                    _range(old_decoys[name] / old_programs[name] for name in programs),
                    _range(decoys[name] / programs[name] for name in programs),
                    _range(programs[name] / old_programs[name] for name in programs),
                ]
            )
    header = ["data", "seed", "decoy / program, without", "decoy / program, with", "program, with / without"]
    return "Largest effects in the unique reading, smallest and largest ratio over cell types:\n\n" + table(
        header, rows
    )


def _range(ratios: Iterable[float]) -> str:
    values = list(ratios)
    return f"{min(values):.2f} to {max(values):.2f}"


def _free_row(title: str, arm: str, runs: list[dict], kind: str) -> list[str]:
    interferon = ["–"] * 3
    if "rank" in runs[0][kind]:
        n, of = _first(runs, kind)
        largest = (_over_types(runs, kind, key) for key in ("largest_effect", "largest_effect_of_a_decoy"))
        interferon = [f"{n} of {of}", _ranks(runs, kind), " / ".join(largest)]
    sd = (_mean(run[kind]["sd_median"][name] for run in runs) for name in ("programs", "awake", "decoys"))
    return [
        title,
        FREE[arm],
        _mean((run["free_programs"] for run in runs), ".3g"),
        kind,
        *interferon,
        " / ".join(sd),
        _mean(run[kind]["cell_type_by_neighbours"] for run in runs),
        _mean((run["held_out_log_likelihood"] for run in runs), ".1f"),
        _mean((run["seconds_training"] for run in runs), ".0f"),
    ]
