"""Sections on what is found and how far it can be trusted."""

from __future__ import annotations

from _sections import load, said, table


def kang() -> str:
    results = load("kang")
    rows = []
    for title in ("Hallmark", "Reactome"):
        part = results[title]
        runs = part["runs"]
        n_first = sum(len(run["interferon_first_in"]) for run in runs)
        n_types = sum(len(run["top"]) for run in runs)
        rows.append(
            [
                f"{title} ({runs[0]['n_programs']} programs)",
                f"{n_first} of {n_types}",
                f"{part['r_between_seeds_median']:.2f} / {part['r_between_seeds_10th_percentile']:.2f}",
                ", ".join(f"{run['seconds_training']:.0f}" for run in runs),
                ", ".join(f"{run['seconds_activity_with_sd']:.1f}" for run in runs),
            ]
        )
    header = [
        "programs",
        "interferon first (cell types × seeds)",
        "r between seeds, median / 10th percentile",
        "training, s",
        "activities with sd, s",
    ]
    tops = []
    for title in ("Hallmark", "Reactome"):
        for cell_type, best in results[title]["runs"][0]["top"].items():
            tops.append([title, cell_type, ", ".join(f"{name} ({d:+.1f})" for name, d in best.items())])
    runs, decoys = results["Hallmark"]["runs"], results["decoys"]
    nulls = [
        [cell_type, largest, decoys["largest_effect_decoys"][cell_type]]
        for cell_type, largest in decoys["largest_effect_programs"].items()
    ]
    return f"""## Interferon-β in blood

`benchmarks/kang.py`: cells of Kang et al. (2018, *Nat Biotechnol* 36:89) with and without six hours of interferon-β,
{runs[0]["n_genes"]} variable genes, sets with at least 12 of their genes among them, defaults throughout,
{len(runs)} seeds. Effects are Cohen's *d* of activities between stimulated and control cells, in each type with at
least 50 cells.

{table(header, rows)}

![Programs with the largest effect](_static/kang.png)

Agreement between seeds is over all programs, including those that hardly vary. A seed decides which cells are
held out, the order of the cells and the start of the context network; loadings always start from the same
values. Reactome's sets overlap far more than Hallmark's. Times are those of single runs on two cores.

The four largest effects of the first seed:

{table(["programs", "cell type", "Cohen's d"], tops)}

**Decoys.** With {decoys["n_decoys"]} random sets, matched in size and mean expression, trained alongside Hallmark
(first seed), interferon still comes first in {len(decoys["interferon_first_in"])} of {len(nulls)} types. Decoys are not
silent in real data: the median standard deviation of their activities is
{decoys["sd_of_activity_median_decoys"]} against {decoys["sd_of_activity_median_programs"]} for the programs. They
contain genes that vary, and explain variation that no set of the collection explains. Compare the effects of
programs with theirs:

{table(["cell type", "largest effect, programs", "largest effect, decoys"], nulls)}
"""


def refinement() -> str:
    results = load("refinement")
    rows = []
    for name in ("pbmc68k", "pbmc3k"):
        if name not in results:
            continue
        part = results[name]
        data = f"{name}, {part['cells']} cells × {part['genes']} genes"
        for activities, row in part["distance"].items():
            rows.append([data, activities, *row.values()])
    header = ["data", "activities", "median", "99th percentile", "largest", "sd / sd at the mode, median"]
    return f"""## How exact are activities?

`benchmarks/refinement.py`: distance of activities from the exact mode of the posterior, in posterior standard
deviations, over all cells and programs of the immune collection.

{table(header, rows)}
"""


def recovery() -> str:
    results = load("recovery")
    groups: dict[tuple, list[dict]] = {}
    for run in results["runs"]:
        groups.setdefault((run["arm"], run["depth"]), []).append(run)
    first, bars = results["runs"][0], results["bars"]
    worst = dict.fromkeys(bars, min) | {"coverage_within": max}
    labels = {
        "r_median_of_oracle": "median r, of the oracle's",
        "r_10th_percentile_of_oracle": "10th percentile of r, of the oracle's",
        "gene_auroc": "gene AUROC",
        "decoy_auroc": "decoy AUROC",
        "coverage_within": "coverage, largest error",
    }
    rows, ours, judged = [], [], []
    for (arm, depth), runs in groups.items():
        data = f"{arm}, depth {depth:,}"
        for method in runs[0]["methods"]:
            parts = [run["methods"][method] for run in runs if method in run["methods"]]

            def mean(key: str, form: str = ".3f", parts: list[dict] = parts) -> str:
                values = [part[key] for part in parts if key in part]
                return f"{sum(values) / len(values):{form}}" if values else "–"

            rows.append(
                [
                    data,
                    method,
                    len(parts),
                    f"{mean('r_median')} / {mean('r_10th_percentile')}",
                    f"{mean('r_median_of_oracle')} / {mean('r_10th_percentile_of_oracle')}",
                    mean("decoy_auroc"),
                    mean("seconds", ".1f"),
                ]
            )
            if "coverage_minus_nominal" not in parts[0]:
                continue
            levels = parts[0]["coverage_minus_nominal"]
            off = [100 * sum(part["coverage_minus_nominal"][level] for part in parts) / len(parts) for level in levels]
            ours.append(
                [
                    data,
                    method,
                    f"{mean('encoder_r_median')} / {mean('encoder_r_10th_percentile')}"
                    if "encoder_r_median" in parts[0]
                    else "–",
                    f"{mean('gene_auroc')} / {mean('gene_auroc_strong')}",
                    " / ".join(f"{value:+.1f}" for value in off),
                    mean("epochs", ".0f"),
                    mean("validation_elbo_per_cell", ".2f"),
                ]
            )
        values = [run["methods"]["ProgramVAE"] for run in runs]
        for value in values:
            value["coverage_within"] = max(map(abs, value["coverage_minus_nominal"].values()))
        for key, bar in bars.items():
            value = worst[key](value[key] for value in values)
            bound = f"≤ {bar}" if key == "coverage_within" else f"≥ {bar}"
            is_met = value <= bar if key == "coverage_within" else value >= bar
            judged.append([data, labels[key], bound, f"{value:.3f}", said(is_met)])
    header = [
        "data",
        "method",
        "seeds",
        "r, median / 10th percentile",
        "of the oracle's",
        "decoy AUROC",
        "seconds",
    ]
    own = [
        "data",
        "method",
        "encoder alone: r, median / 10th percentile",
        "gene AUROC / with strong true members",
        "coverage at 50/80/90/95 %, points above nominal",
        "epochs",
        "validation ELBO",
    ]
    return f"""## Simulated programs

`benchmarks/recovery.py`: {first["cells"]:,} simulated cells × {first["genes"]:,} genes, {first["true_programs"]} true
programs and {first["sets"] - first["true_programs"]} decoys, sets that lack a fifth of their true members and hold as
many spurious ones. In the log-additive simulation, programs add up on the scale of log rates, as the model
assumes; in the additive-rate simulation, on the scale of rates. The oracle knows the loadings, base rates and
dispersions, and infers only the activities: no method can do better. Values are means over seeds; *r* is the
correlation with the true activity over cells, for each true program. How much can be known depends on the depth
(the median number of counts per cell in these genes), so compare each method with the oracle at the same depth.
LinearSCVI's dimensions have no names and were matched to the true programs by their correlation with the truth,
which favours it.

{table(header, rows)}

Decoy AUROC: how well true sets and decoys are told apart by the variance of their activity over cells (ulm and
mlm: of the t value; set means: of the mean z-score times the size of the set).

Gene AUROC: how well absolute loadings tell true from spurious members of a set; *strong* members have a true
loading of at least .1 (log rate per standard deviation of the activity). Coverage: the share of intervals that
contain the true activity, which in the additive-rate simulation is the usage of the program (standardised for
ProgramVAE, whose activities have another unit).

{table(own, ours)}

Bars, judged by the worst seed:

{table(["data", "what", "bar", "ProgramVAE", ""], judged)}
"""


def stability() -> str:
    results = load("stability")
    rows, judged = [], []
    for title, bar in results["bars"].items():
        part = results[title]
        for kind in ("seeds", "bootstraps"):
            row = part[kind]
            elbo = [run["validation_elbo_per_cell"] for run in row["runs"]]
            n_first = sum(len(run["interferon_first_in"]) for run in row["runs"])
            n_types = sum(run["cell_types"] for run in row["runs"])
            varying = (row["r_median_of_programs_that_vary"], row["r_10th_percentile_of_programs_that_vary"])
            rows.append(
                [
                    f"{title} ({row['programs']} programs)",
                    f"{len(row['runs'])} {kind}",
                    f"{row['r_median']:.3f} / {row['r_10th_percentile']:.3f}",
                    row["programs_that_vary"],
                    " / ".join("–" if value is None else f"{value:.3f}" for value in varying),
                    f"{min(elbo):.1f} to {max(elbo):.1f}",
                    f"{n_first} of {n_types}",
                ]
            )
        median = part["seeds"]["r_median"]
        judged.append([f"{title}, median over seeds", f"≥ {bar:.2f}", f"{median:.3f}", said(median >= bar)])
    header = [
        "programs",
        "runs",
        "r between runs, median / 10th percentile",
        "programs that vary",
        "r of these, median / 10th percentile",
        "validation ELBO",
        "interferon first (cell types × runs)",
    ]
    return f"""## Stability

`benchmarks/stability.py`: the same {results["cells"]:,} cells of Kang et al. All seeds start from nearly the
same loadings; they differ in which cells are held out, in the order of the cells and in the context network.
Their agreement alone is therefore weak evidence. Bootstraps are trained on cells drawn with replacement, with
one seed, and their activities are computed for all original cells. *r* is over cells, for each program and each
pair of runs. *Programs that vary* have activities whose standard deviation over cells, averaged over the runs,
is at least .3.

{table(header, rows)}

![Agreement between runs](_static/stability.png)

Validation cells of a bootstrap can be copies of training cells, so its ELBO cannot be compared with that of the
seeds.

{table(["what", "bar", "result", ""], judged)}
"""


def search() -> str:
    results = load("search")
    rows = []
    for data, settings in results["data"].items():
        for label, row in settings.items():
            off = row.get("coverage_of_90_minus_nominal")
            rows.append(
                [
                    data,
                    label,
                    row["seconds"],
                    row.get("steps_of_last_stage", "–"),
                    row["marginal"],
                    f"{row['r_between_seeds_median']:.3f} / {row['r_between_seeds_10th_percentile']:.3f}",
                    f"{row['r_of_oracle']:.3f}" if "r_of_oracle" in row else "–",
                    "–" if off is None else f"{100 * off:+.1f}",
                ]
            )
    header = [
        "data",
        "setting",
        "training, s",
        "steps of the last stage",
        "held-out −log marginal likelihood",
        "r between seeds, median / 10th percentile",
        "r with the truth, of the oracle's",
        "coverage of 90 % intervals, off by points",
    ]
    return f"""## Defaults of the training

`benchmarks/search.py`: what each stage of the training costs and brings, on
{", ".join(results["data"])}; likelihood per cell, by Laplace's approximation at the mode.

{table(header, rows)}

The second stage improves the fit, but the least reproducible programs then agree less between seeds. After it,
the length of the first stage makes little difference. By default, the second stage ends when the likelihood of
held-out cells hardly increases any more.
"""


def differential() -> str:
    results = load("differential")
    parts = [
        f"""## Differences between conditions

`benchmarks/differential.py`: {results["design"]["n_obs"]:,} simulated cells of 6 + 6 donors and
{results["design"]["n_cell_types"]} types, {results["design"]["n_programs"]} true programs with partly wrong sets and
{results["design"]["n_decoys"]} decoy sets; conditions are compared within types, calls are at q ≤ .05. A false call is
one of a decoy or of an unshifted program of which no member of the family is shifted."""
    ]
    if "shifts" in results:
        parts.append(_shifts(results["shifts"], results["bars"]))
    if "depth" in results:
        parts.append(_depth(results["depth"]))
    if "decision" in results:
        parts.append(_decision(results["decision"]))
    if "screened" in results:
        parts.append(_screened(results["screened"]))
    if "completed" in results:
        parts.append(_completed(results["completed"]))
    if "donors" in results:
        parts.append(_donors(results["donors"], results["bars"]))
    if "batches" in results:
        parts.append(_batches(results["batches"]))
    if "kang" in results:
        parts.append(_kang_differences(results["kang"]))
    if "scale" in results:
        parts.append(_scale(results["scale"]))
    return "\n\n".join(parts) + "\n"


def _tests(part: dict) -> str:
    power = part["tests"]["true activities"]["power"]
    rows = [
        [
            name,
            row["calls"],
            f"{row['false_discovery_proportion']:.1%}",
            f"{row['mean_of_replicates']:.1%}",
            f"{row['false_decoys']} / {row['false'] - row['false_decoys']}",
            f"{row['power']:.1%}",
            f"{row['power'] / power:.0%}",
        ]
        for name, row in part["tests"].items()
    ]
    header = [
        "test",
        "calls",
        "false",
        "mean over replicates",
        "decoys / programs among these",
        "power",
        "of the power on true activities",
    ]
    return table(header, rows)


def _coverage(part: dict) -> str:
    off = [
        [name, *(f"{100 * value:+.1f}" for value in levels.values())]
        for name, levels in part["coverage_minus_nominal"].items()
    ]
    return table(["programs", "50 %", "80 %", "90 %", "95 %"], off)


def _judged(part: dict, bars: dict) -> str:
    rows, power = [], part["tests"]["true activities"]["power"]
    for name in ("q", "q and decoy_q", "q and conditional_q", "q, decoy_q and conditional_q"):
        row = part["tests"][name]
        false, bar = row["mean_of_replicates"], bars["false_discovery_proportion"]
        rows.append([f"false calls, {name}", f"≤ {bar:.0%}", f"{false:.1%}", said(false <= bar)])
        share, bar = row["power"] / power, bars["power_of_true"]
        rows.append([f"power, {name}", f"≥ {bar:.0%} of that on true activities", f"{share:.0%}", said(share >= bar)])
    for name, levels in part["coverage_minus_nominal"].items():
        off, bar = max(map(abs, levels.values())), bars["coverage_within"]
        result = f"{100 * off:.1f} points"
        rows.append([f"coverage, {name}", f"within {100 * bar:.0f} points", result, said(off <= bar)])
    return table(["what", "bar", "result", ""], rows)


def _shifts(part: dict, bars: dict) -> str:
    return f"""{part["replicates"]} replicates with 12 programs shifted by .12 to .6 in half of the types. "true
activities" is the same test on the activities that the simulator knows; "cells" are tests that take cells for
replicates. A call takes {part["seconds_of_a_call"]} s.

{_tests(part)}

Decoy sets hold, by chance, genes that the annotation of a shifted program lacks, and these did change. The conditional
test, given better known programs, removes most of the false decoys.

{_judged(part, bars)}

![p values and error rates](_static/differential.png)

Coverage of intervals of the difference, off by points (bar: within {100 * bars["coverage_within"]:.0f}):

{_coverage(part)}

Regression of the estimated on the true shift has a slope of {part["slope_of_effect_on_shift"]:.2f}; of the difference
of stored activities, without undoing the shrinkage, {part["slope_of_mean_activity_on_shift"]:.2f}."""


def _depth(part: dict) -> str:
    return f"""The same at four times the depth, {part["replicates"]} replicates:

{_tests(part)}

{_coverage(part)}"""


def _decision(part: dict) -> str:
    rows, totals = [], []
    for name, found in part.items():
        depth, unit = name.split(", ")
        for test, row in found["tests"].items():
            rows.append(
                [
                    f"{int(depth):,}",
                    unit,
                    found["replicates"],
                    f"`{test}`" if test == "call" else test,
                    row["calls"],
                    f"{row['false']} ({row['false_discovery_proportion']:.0%})",
                    f"{row['power']:.0%}",
                ]
            )
        for test, row in found["totals"].items():
            false = f"{row['false']} ({row['decoys']})"
            totals.append(
                [f"{int(depth):,}", unit, f"`{test}`", row["calls"], row["wrong"], false, f"{row['power']:.0%}"]
            )
    header = ["counts of a cell", "unit", "replicates", "called by", "calls", "false", "power"]
    of_totals = ["counts of a cell", "unit", "called by", "calls", "wrong", "unshifted programs (decoys)", "power"]
    return f"""**The decision.** The column `call` needs `q`, `decoy_q` and `conditional_q` of at most .05 each: the
last row of our tests above. The same simulations at both depths, of fewer replicates. Across cells the differences
between these twelve donors are real, but they are counted as false here:

{table(header, rows)}

Of the total activity, a call is wrong if the true difference of the total (the weighted sum over the given set, of true
differences of log rates) has the other sign or is below .05. Totals of random sets and of unshifted programs change
where their genes do. Such calls are not wrong, but say nothing about the program of that name. `total_call` also needs
`total_decoy_q`, which leaves little power:

{table(of_totals, totals)}"""


def _screened(part: dict) -> str:
    programs = part["programs"]

    def mean(key: str) -> float:
        return sum(row[key] for row in programs) / len(programs)

    power = {
        arm: f"{part['tests'][f'{arm} programs: q']['power']:.0%} and "
        f"{part['tests'][f'{arm} programs: q']['false_discovery_proportion']:.0%}"
        for arm in ("all", "awake")
    }
    return f"""Only programs that are awake (`pp.screen_programs` within types and samples, before training), beside all
of them; {part["replicates"]} of the replicates with shifts, a program that is asleep is not called. Awake are
{mean("true_awake"):.0%} of the true programs, {mean("shifted_awake"):.0%} of the shifted ones and
{mean("decoys_awake"):.0%} of the decoy sets. Power and false calls at q ≤ .05: {power["all"]} with all programs,
{power["awake"]} with those that are awake.

{_tests(part)}"""


def _completed(part: dict) -> str:
    added = [row for row in part["added"] if "edges" in row]
    rows = []
    for arm in dict.fromkeys(row["arm"] for row in added):
        of_arm = [row for row in added if row["arm"] == arm]
        n_added, n_true = (sum(row[key] for row in of_arm) for key in ("edges", "true"))
        error = part["type_1_error"].get(arm)
        rows.append(
            [
                arm,
                f"{n_added / len(of_arm):.0f}",
                f"{n_true / n_added:.0%}" if n_added else "–",
                "–" if error is None else f"{error:.1%}",
            ]
        )
    judged = [[what, said(is_met)] for what, is_met in part["bars_met"].items()]
    bars = part["bars"]
    return f"""The same with the sets of awake programs completed by `cr.complete`, {part["replicates"]} replicates. "On
control cells": sets are screened and completed on control cells alone, which know nothing of the contrast, and then
trained on all cells.

{_tests(part)}

Members added per replicate, and where nothing but donors differs the share of p ≤ .05:

{table(["sets", "added", "true members among these", "p ≤ .05 without shifts"], rows)}

Bars: false calls by `q` at most {bars["false_by_q"]:.0%}, with `conditional_q` {bars["false_by_conditional_q"]:.0%};
power at least {bars["power_of_true"]:.0%} of that on true activities; type I error {bars["type_1_error"][0]:.0%} to
{bars["type_1_error"][1]:.0%}.

{table(["what", ""], judged)}"""


def _donors(part: dict, bars: dict) -> str:
    low, high = bars["type_1_error"]
    rows = [[name, f"{share:.1%}", said(low <= share <= high)] for name, share in part["type_1_error"].items()]
    return f"""Where nothing but donors differs ({part["replicates"]} replicates, {part["p_values"]:,} p values of true
programs; {part["calls"]} calls at q ≤ .05; Kolmogorov–Smirnov p of uniformity: {part["KS_p_value"]:.2f}):

{table(["test", "p ≤ .05", f"bar: {low:.0%} to {high:.0%}"], rows)}"""


def _batches(part: dict) -> str:
    rows = [
        [
            confounding,
            name,
            f"{row['type_1_error']:.1%}",
            row["calls"],
            f"{row['false_discovery_proportion']:.1%}",
            f"{row['power']:.1%}",
        ]
        for confounding, tests in part.items()
        for name, row in tests.items()
    ]
    header = ["Cramér's V", "test", "p ≤ .05 of unshifted programs", "calls", "false", "power"]
    return f"""Two batches confounded with the condition, unknown to the model; calls are by `q` and `decoy_q`, which
is why none are left where decoys follow the batches too:

{table(header, rows)}"""


def _scale(part: dict) -> str:
    rows = [[f"{value:,}" for value in row.values()] for row in part["runs"]]
    header = ["cells", "programs", "groups", "seconds", "activities, MB", "peak memory beyond these, MB"]
    return f"""A call with 20 donors on random activities, each group against the rest:

{table(header, rows)}"""


def _kang_differences(part: dict) -> str:
    rows = [
        [
            name,
            f"{row['tested']} of {row['programs']}",
            f"{len(row['interferon_first_in'])} of {row['strata']}",
            row["calls_by_q_alone"],
            row["calls"],
            row["calls_outside_the_interferon_family"],
            f"{row['calls_by_q_alone_with_condition_shuffled']} / {row['calls_with_condition_shuffled']}",
        ]
        for name, row in part.items()
    ]
    outside = [
        [name, ", ".join(f"{program} ({n})" for program, n in row["most_frequent_outside"].items()) or "none"]
        for name, row in part.items()
    ]
    first = [
        [name, ", ".join(f"{stratum}: {program}" for stratum, program in row["first"].items())]
        for name, row in part.items()
    ]
    header = [
        "data, programs",
        "tested",
        "interferon first (types)",
        "calls by q",
        "by q and decoy_q",
        "of these outside the interferon family",
        "condition shuffled: by q / by both",
    ]
    return f"""Interferon-β against control within cell types (Kang et al. 2018), across two donors in pairs ("donors":
1,556 cells, 1,267 genes) and across cells ("cells": 2,800); condition shuffled within donor and type, or within type
(which also takes away what donors differ in). First is the surest of those tested, called or not:

{table(header, rows)}

The program found first in each type:

{table(["data, programs", "first"], first)}

Called outside the interferon family (number of types):

{table(["data, programs", "programs"], outside)}"""


def screening() -> str:
    results = load("screening")
    simulated = []
    for row in results["simulated"]:
        for fdr in results["fdr"]:
            found = row[f"fdr {fdr:g}"]
            simulated.append(
                [
                    f"depth {row['setting']['depth']}, seed {row['setting']['random_state']}",
                    f"{fdr:.0%}",
                    f"{found['true_reliable']:.0%} of {row['reliable_programs']}",
                    f"{found['true']:.0%} of {row['programs']}",
                    *(f"{found[name]:.1%}" for name in ("decoys", "rewired", "false_among_awake")),
                ]
            )
    real = [
        [
            row["data"],
            row["collection"],
            f"{row['genes']:,}",
            row["programs"],
            f"{row['awake']} / {row['awake_with_within']}",
            f"{row['rewired_awake']:.1%} / {row['rewired_awake_with_within']:.1%}",
            row["shuffled_awake"],
            f"{row['seconds']} / {row['seconds_with_within']}",
        ]
        for row in results["real"]
    ]
    large = results["large"]
    header = [
        "data",
        "rate",
        "reliable true programs",
        "all true programs",
        "decoys",
        "rewired sets",
        "false among awake",
    ]
    head = ["data", "collection", "genes", "programs", "awake", "rewired sets awake", "shuffled cells", "s"]
    return f"""## Which programs are awake

`benchmarks/screening.py`: `pp.screen_programs` on simulated cells, where 100 programs act, beside 100 decoys and 200
degree-preserving rewired sets. *Reliable* programs are those for which an oracle can determine at least 30 % of
the variance of the activity. A fifth of the members of each set is missing and a fifth is wrong.

{table(header, simulated)}

On real cells, two numbers are given: comparing all cells only / also comparing cells of the same type. In
rewired collections, genes are in as many sets and sets have as many genes as before. In shuffled cells, the
counts of each gene were shuffled separately.

{table(head, real)}

```{{image}} _static/screening.png
:alt: Coherence of Reactome sets on Kang's cells beside that of random sets.
:width: 100%
```

Time and memory: {large["sets"]:,} random sets on {large["genes"]:,} genes and {large["cells"]:,} cells
({large["counts_gb"]} GB of counts) take {large["seconds"]:.0f} s, and {large["peak_gb"]} GB at their peak (before:
{large["peak_gb_before"]} GB).
"""


def readings() -> str:
    results = load("readings")
    kang = results["kang"]
    simulations = results.get("simulations") or [results["simulated"]]

    def pair(quantiles: dict) -> str:
        return f"{quantiles['median']:.2f} / {quantiles['10th_percentile']:.2f}"

    kinds, sources = ("unique", "total"), ("seeds", "bootstraps")
    known = [source for source in sources if f"r_between_{source}" in kang["unique"]]
    rows = [
        [
            kind,
            *(pair(kang[kind][f"r_between_{source}{part}"]) for source in known for part in ("", "_awake")),
            kang[kind]["seconds_with_sd"],
        ]
        for kind in kinds
    ]
    effects = [
        [
            cell_type,
            *(f"{kang[kind]['effects'][name][cell_type]:+.1f}" for name in kang["unique"]["effects"] for kind in kinds),
            *(f"{kang[kind]['largest_effect_of_a_decoy'][cell_type]:.1f}" for kind in kinds),
        ]
        for cell_type in kang["unique"]["largest_effect_of_a_decoy"]
    ]
    measured = ("unique_with_activity", "total_with_total", "oracle_total_with_total", "total_with_activity")
    found = [
        [
            f"{part['depth']:,}",
            *(pair(part[f"r_{name}"]) if f"r_{name}" in part else "–" for name in measured),
            " / ".join(f"{100 * value:+.1f}" for value in part["coverage_minus_nominal"].values()),
        ]
        for part in simulations
    ]
    levels = " / ".join(simulations[0]["coverage_minus_nominal"])
    runs = " and ".join(f"{kang.get(f'n_{source}', 2)} {source}" for source in known)
    bootstrap = ""
    if "bootstraps" in known:
        bootstrap = (
            " A bootstrap is trained on cells drawn with replacement, with one seed, and its activities are computed\n"
            "for all original cells. (Donors cannot be drawn, because those of the stimulated cells are not known.)"
        )
    columns = [f"between {source}, {part} programs" for source in known for part in ("all", "awake")]
    head = ["depth", "unique with true activity", "total with true total", "the oracle's", "total with true activity"]
    alone, figure = "", ""
    if "effects_in_drawn_type" in kang["unique"]:
        figure = """![Both readings of each program in monocytes](_static/readings.png)

"""
    if "awake_only" in kang:
        trained = [
            [arm, part["programs"], part["free"], *(pair(part[kind]) for kind in kinds)]
            for arm, part in kang["awake_only"].items()
        ]
        header_alone = ["only awake programs are trained", "programs", "free", *kinds]
        alone = f"""Agreement between seeds, if only awake programs are trained:

{table(header_alone, trained)}

"""
    header = ["cell type", "γ, unique", "γ, total", "α/β, unique", "α/β, total", "decoy, unique", "decoy, total"]
    return f"""## Two readings of a program

`benchmarks/readings.py`: what a program explains beside all others (unique), and what the genes of its set do,
whichever programs explain it (total). Kang, {kang["programs"]} Reactome sets, of which {kang["awake"]} are awake, and
{kang["decoys"]} decoys; correlation of readings between pairs of runs ({runs}), median / 10th percentile over programs
and pairs.{bootstrap}

{table(["reading", *columns, "s, with sd"], rows)}

{alone}{figure}Effect (Cohen's d, stimulated against control) of Reactome's interferon gamma and interferon alpha/beta
signaling, and the largest absolute effect of a decoy:

{table(header, effects)}

{simulations[0]["cells"]:,} simulated cells, {simulations[0]["programs"]} true programs; correlation with the truth,
median / 10th percentile over programs, and coverage of the total's intervals minus the nominal share, in points. The
oracle knows all true parameters, and sums the log rates that it infers over the same given sets:

{table([*head, f"coverage at {levels}"], found)}
"""


def total_differences() -> str:
    results = load("total_differences")
    rows = [
        [
            f"{int(depth):,}",
            kind,
            found["slope"],
            found["slope_without_correction"],
            f"{95 + 100 * found['coverage_minus_nominal']['95%']:.1f} %",
            f"{found['called']} of {found['differences']}",
            found["called_in_the_wrong_direction"],
        ]
        for depth, of_depth in results["depths"].items()
        for kind, found in of_depth.items()
    ]
    head = ["depth", "reading", "slope", "without correction", "coverage", "called", "in the wrong direction"]
    return f"""## Differences in both readings

`benchmarks/total_differences.py`: conditions compared across 6 + 6 donors within types ({results["cells"]:,} simulated
cells, {len(results["seeds"])} seeds at each depth), true programs only: slope of the estimated on the true
difference, with and without the correction for shrinkage; coverage of 95 % intervals; calls at q ≤ .05.

{table(head, rows)}
"""
