"""The first section of the benchmark page: one figure, and what the project asked of itself, met or missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from _common import RESULTS
from _sections import load, said, table

# what was asked, where, the bar, what was measured, whether it is met; the worst case counts
Row = tuple[str, str, str, str, bool]


def summary() -> str:
    parts = (
        _recovery,
        _completion,
        _differences,
        _intervals,
        _stability,
        _free,
        _controls,
        _interferon,
        _names,
        _power,
        _time,
    )
    rows = [row for part in parts for row in part()]
    met = sum(row[4] for row in rows)
    return f"""## In one figure

```{{image}} _static/summary.png
:alt: Recovery of simulated activities, false calls and names of clusters by crystallin and other methods.
:width: 100%
```

Blue: crystallin; orange: other methods, with their own default settings, on the same cells and gene sets.
*Recovery*: simulated cells whose gene sets lack a fifth of their members and hold as many wrong ones; the oracle knows
the true model. LinearSCVI's dimensions have no names and were matched to the truth, which favours it. *False calls*:
simulated conditions that differ in some programs, with donors as replicates. Tests that take cells for replicates call
more of the true changes, among far more false ones. *Names*: real blood cells with published labels. The other methods
always give a name; crystallin leaves clusters "unassigned" if it is not certain, which counts as wrong here.
`benchmarks/summary.py` draws the figure; details are in the sections below.

## What was asked, and what was reached

The project set these bars before it measured. The worst case counts: the worst seed, data set or cell type (of false
calls and power, the mean over replicates).
**{met} of {len(rows)} are met.**

{_by_topic(rows)}
"""


def _by_topic(rows: list[Row]) -> str:
    """Return one table for each topic, which is what stands before the colon."""
    topics: dict[str, list[list[str]]] = {}
    for asked, where, bar, measured, is_met in rows:
        topic, what = asked.split(": ", 1)
        bar = bar.replace("≥ ", "≥\u00a0").replace("≤ ", "≤\u00a0").replace("> ", ">\u00a0")
        topics.setdefault(topic, []).append(
            [what, where, bar, measured, said(is_met) if is_met else f"**{said(is_met)}**"]
        )
    header = ["asked", "on", "bar", "measured", ""]
    return "\n\n".join(f"**{topic}**\n\n{table(header, shown)}" for topic, shown in topics.items())


def _has(*names: str) -> bool:
    return all((RESULTS / f"{name}.json").exists() for name in names)


def _at_least(asked: str, where: str, values: Iterable[float], bar: float, form: str = ".0%") -> Row:
    worst = min(values)
    return asked, where, f"≥ {bar:{form}}", f"{worst:{_finer(form)}}", worst >= bar


def _at_most(asked: str, where: str, values: Iterable[float], bar: float, form: str = ".0%") -> Row:
    worst = max(values)
    return asked, where, f"≤ {bar:{form}}", f"{worst:{_finer(form)}}", worst <= bar


def _finer(form: str) -> str:
    """Return a format that shows whether a value is on this or that side of the bar."""
    return ".1%" if form == ".0%" else form


def _recovery() -> Iterator[Row]:
    if not _has("recovery"):
        return
    results = load("recovery")
    runs = [run for run in results["runs"] if run["arm"] == "log-additive"]
    for depth in sorted({run["depth"] for run in runs}):
        values = [run["methods"]["ProgramVAE"]["r_median_of_oracle"] for run in runs if run["depth"] == depth]
        yield _at_least(
            "Activities: correlation with the truth as a share of the oracle's, median",
            f"[simulation](#simulated-programs), depth {depth:,}, given sets",
            values,
            results["bars"]["r_median_of_oracle"],
        )


def _completion() -> Iterator[Row]:
    if not _has("completion"):
        return
    results = load("completion")
    bars, found = results["bars"], results["simulation"]["summary"]
    for depth in ("500", "2000"):
        row = found[f"log-additive, depth {depth}"]
        where = f"[simulation](#what-the-sets-lack), depth {int(depth):,}"
        for key, words in (("r_median_of_oracle", "median"), ("r_10th_percentile_of_oracle", "10th percentile")):
            asked = f"Activities: correlation with the truth as a share of the oracle's, {words}"
            yield _at_least(asked, f"{where}, completed sets", [row["after"][key]], bars[key][depth])
        ratios = [at["false_discovery_proportion"] / float(level) for level, at in row["levels"].items()]
        asked = "Missing members of sets: false suggestions, as a multiple of the nominal rate"
        yield _at_most(asked, where, ratios, bars["realised_over_nominal"], ".2f")
        recall = [at["recall"] for level, at in row["levels"].items() if float(level) == 0.1]
        yield _at_least(
            "Missing members of sets: share that is found at a nominal 10 %",
            where,
            recall,
            bars["recall_at_10_percent"],
        )
    permuted = {
        title: sum(part["suggested"] for part in row["permuted"].values())
        for title, row in results["null"].items()
        if "permuted" in row
    }
    for title, n in permuted.items():
        where = f"[{title}](#what-the-sets-lack)"
        yield "Missing members of sets: suggestions of shuffled genes", where, "0", str(n), n == 0


def _differences() -> Iterator[Row]:
    if not _has("differential"):
        return
    results = load("differential")
    low, high = results["bars"]["type_1_error"]
    link = "[simulated donors](#differences-between-conditions)"
    error = results["donors"]["type_1_error"]["ours with sample_key"]
    band = f"{low:.0%} to {high:.0%}"
    yield (
        "Differences between conditions: share of p ≤ .05 where only donors differ",
        link,
        band,
        f"{error:.1%}",
        low <= error <= high,
    )
    arms = {
        "given sets": (results["shifts"]["tests"], ""),
        "given sets, four times the depth": (results["depth"]["tests"], ""),
        "completed sets": (results["completed"]["tests"], "completed: "),
        "sets completed on control cells": (results["completed"]["tests"], "completed on control cells: "),
    }
    bars = results["completed"]["bars"]
    level = results["bars"]["false_discovery_proportion"]
    for words, (tests, prefix) in arms.items():
        where, best = f"{link}, {words}", tests["true activities"]["power"]
        # in older results, the decision is known by the tests that it combines
        call = tests.get(f"{prefix}call") or tests[f"{prefix}q, decoy_q and conditional_q"]
        for rule, row, bar in (("call", call, level), ("q", tests[f"{prefix}q"], bars["false_by_q"])):
            false, power = [row["mean_of_replicates"]], [row["power"] / best]
            what, place, asked_for, measured, met = _at_most(
                f"Differences between conditions: false calls by `{rule}`", where, false, bar
            )
            # few calls: what the same test finds on true activities shows how exact these shares are
            true = f"{tests['true activities']['mean_of_replicates']:.1%}"
            measured += f" ({row['false']} of {row['calls']} calls; on true activities {true})"
            yield what, place, asked_for, measured, met
            asked = f"Differences between conditions: power of `{rule}`, as a share of that on true activities"
            yield _at_least(asked, where, power, bars["power_of_true"])


def _intervals() -> Iterator[Row]:
    if not _has("ensembles"):
        return
    results = load("ensembles")
    bars = {"programs": results["bars"]["coverage"], "twins": results["bars"]["coverage_of_twins"]}
    for group, bar in bars.items():
        off = [
            abs(value) * 100 for run in results["intervals"]["runs"] for value in run["ensemble"]["off"][group].values()
        ]
        asked = f"Intervals of an ensemble: coverage minus nominal, points, {group}"
        yield _at_most(asked, "[simulation](#ensembles)", off, 100 * bar, ".1f")


def _stability() -> Iterator[Row]:
    if not _has("readings"):
        return
    kang = load("readings")["kang"]
    bars = {"seeds": {"total": 0.98, "unique": 0.95}, "bootstraps": {"total": 0.9, "unique": 0.8}}
    for source, of_source in bars.items():
        for kind, bar in of_source.items():
            if found := kang[kind].get(f"r_between_{source}_awake"):
                yield _at_least(
                    f"Agreement between fits: {source}, {kind} activity, 10th percentile of r",
                    "[Reactome on Kang](#two-readings-of-a-program), awake programs",
                    [found["10th_percentile"]],
                    bar,
                    ".2f",
                )


def _free() -> Iterator[Row]:
    if not _has("free_programs"):
        return
    with_free = {title: arms["auto"] for title, arms in load("free_programs")["data"].items() if "auto" in arms}
    real = {title: runs for title, runs in with_free.items() if "sd_median" in runs[0]["unique"]}
    where = "[{}](#free-programs), free programs"
    for title, runs in real.items():
        ratios = [
            run["unique"]["largest_effect_of_a_decoy"][name] / largest
            for run in runs
            for name, largest in run["unique"].get("largest_effect", {}).items()
        ]
        if ratios:
            asked = "Random sets beside real ones: their largest effect, as a share of the largest of a program"
            yield _at_most(asked, where.format(title), ratios, 0.25)
    for title, runs in real.items():
        sds = [run["unique"]["sd_median"] for run in runs]
        asked = (
            "Random sets beside real ones: standard deviation of their activities, as a share of that of awake programs"
        )
        yield _at_most(asked, where.format(title), [sd["decoys"] / sd["awake"] for sd in sds], 0.5)


def _controls() -> Iterator[Row]:
    if not _has("controls"):
        return
    results = load("controls")
    arms = {
        **{f"{title} on Kang": part for title, part in results["kang"].items()},
        "simulation": results["simulated"],
        **{f"{title}": part for title, part in results["cite"].items()},
    }
    others = {"rewired": "random sets of the same degrees", "untrained": "the untrained model"}
    for other, words in others.items():
        gains = {
            title: _likelihood(part["true"]) - _likelihood(part[other])
            for title, part in arms.items()
            if other in part and "held_out_log_likelihood" in part[other][0]
        }
        if gains:
            worst = min(gains, key=gains.__getitem__)
            asked = f"What names are worth: gain in held-out log-likelihood over {words}, nats per cell"
            where = f"[all data](#what-the-names-are-worth); worst: {worst}"
            yield asked, where, "> 0", f"{gains[worst]:+.1f}", gains[worst] > 0
    for title, part in results["kang"].items():
        true, rewired = (
            sum(run["unique"]["cell_type_by_neighbours"] for run in part[arm]) / len(part[arm])
            for arm in ("true", "rewired")
        )
        asked = "What names are worth: cell types told by neighbours, beside random sets"
        where = f"[{title} on Kang](#what-the-names-are-worth)"
        yield asked, where, f"> {rewired:.3f}", f"{true:.3f}", true > rewired


def _likelihood(runs: list[dict]) -> float:
    return sum(run["held_out_log_likelihood"] for run in runs) / len(runs)


def _interferon() -> Iterator[Row]:
    if not _has("kang"):
        return
    results = load("kang")
    for title in ("Hallmark", "Reactome"):
        runs = results[title]["runs"]
        n, of = sum(len(run["interferon_first_in"]) for run in runs), sum(len(run["top"]) for run in runs)
        asked, where = (
            "What names are worth: an interferon set comes first under interferon-β",
            f"[{title} on Kang](#interferon-in-blood)",
        )
        yield asked, where, f"{of} of {of} types × seeds", f"{n} of {of}", n == of


def _names() -> Iterator[Row]:
    if not _has("annotation"):
        return
    results = load("annotation")
    parts = {name: part for name, part in results["accuracy"].items() if "min_genes=" not in name}
    link = "#names-of-cell-types-and-rules"
    for what, words in (("lineage", "lineage"), ("fine", "label")):
        behind = {
            name: (ours, other)
            for name, part in parts.items()
            for ours, other in [
                [part["leiden"][method]["of_cells"][what] for method in ("crystallin", "ulm, rankby_group")]
            ]
            if ours < other
        }
        listed = "; behind on " + ", ".join(
            f"{name} ({ours:.2f} against {other:.2f})" for name, (ours, other) in behind.items()
        )
        measured = f"{len(parts) - len(behind)} of {len(parts)}{listed if behind else ''}"
        asked = f"Names of clusters: cells with the right {words} at least as often as by `ulm` + `rankby_group`"
        yield asked, f"[Leiden clusters]({link})", f"{len(parts)} of {len(parts)} data sets", measured, not behind
    if robust := results.get("resolutions"):
        yield from _names_everywhere(robust)
    if missing := results.get("missing"):
        affected = [part["leiden"]["affected"] for of_data in missing.values() for part in of_data.values()]
        n, of = sum(part["unassigned"] for part in affected), sum(part["groups"] for part in affected)
        asked = "Names of clusters: unassigned if the sets of their lineage are missing"
        yield _at_least(asked, f"[all data]({link}), {of} clusters", [n / of], 0.8)


def _names_everywhere(parts: dict) -> Iterator[Row]:
    link = "[every resolution](#every-resolution-other-tissues-and-other-compositions)"
    rows = [row for part in parts.values() for row in part["resolutions"].values()]
    less = [
        row["crystallin"]["right"] - row["ulm, rankby_group"]["right"] for row in rows if "right" in row["crystallin"]
    ]
    behind = [difference for difference in less if difference < 0]
    largest = f", at most {-100 * min(behind):.1f} points fewer" if behind else ""
    asked = "Names of clusters: cells with the right lineage at least as often as by `ulm` + `rankby_group`"
    measured = f"{len(less) - len(behind)} of {len(less)}{largest}"
    yield asked, link, f"{len(less)} of {len(less)} data sets and resolutions", measured, not behind
    asked = "Names of clusters: cells of other tissues that are unassigned"
    for words, blind in (("data in view", False), ("blind data", True)):
        shares = {
            name: [row["crystallin"]["other_unassigned"] for row in part["resolutions"].values()]
            for name, part in parts.items()
            if part["blind"] is blind and "other_unassigned" in part["resolutions"]["1.0"]["crystallin"]
        }
        what, where, bar, measured, met = _at_least(asked, f"{link}, {words}", [min(map(min, shares.values()))], 0.8)
        worst = min(shares, key=lambda name: min(shares[name]))
        yield what, where, bar, f"{measured} ({worst}, the lowest of {len(shares)} data sets)", met


def _power() -> Iterator[Row]:
    if not _has("power"):
        return
    results = load("power")
    for design, part in results["designs"].items():
        off = [100 * value for value in part["largest_difference"].values()]
        asked, where = (
            "Planned studies: predicted minus found power, points",
            f"[{design} studies](#power-of-planned-studies)",
        )
        yield _at_most(asked, where, off, 100 * results["bar"], ".1f")


def _time() -> Iterator[Row]:
    if _has("training"):
        results = load("training")
        ratios = [run["ProgramVAE_over_floor"] for run in results["runs"]]
        asked, where = "Time: an epoch of training, as a multiple of a bare loop's", "[random counts](#training)"
        yield _at_most(asked, where, ratios, results["bars"]["ProgramVAE_over_floor"], ".2f")
    if _has("attribution"):
        estimated = {name: row for name, row in load("attribution")["estimates"].items() if row["groups_estimated"]}
        ratios = [row["times_quicker"] for row in estimated.values()]
        asked, where = "Time: attributions of groups, times as quick as exact ones", "[large groups](#attributions)"
        yield _at_least(asked, where, ratios, 10, ".1f")
    if _has("quickstart"):
        asked, where = "Time: the README's quickstart, seconds", "[two cores](#the-whole-quickstart)"
        yield _at_most(asked, where, [load("quickstart")["seconds"]], 40, ".0f")
