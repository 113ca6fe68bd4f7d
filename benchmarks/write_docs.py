"""Write docs/benchmarks.md from the results in benchmarks/results.

python benchmarks/write_docs.py
"""

from __future__ import annotations

import json

from _common import RESULTS, ROOT


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


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

The agreement between seeds is over all programs, also those with hardly any variation. Seeds change the split, the
order of the cells and the context network; loadings start at the same place. Reactome's sets overlap far more than
Hallmark's. Seconds are of one run on two cores and say only what to expect.

The four largest effects of the first seed:

{table(["programs", "cell type", "Cohen's d"], tops)}

**Decoys.** With {decoys["n_decoys"]} random sets, matched in size and mean expression, trained alongside Hallmark
(first seed), interferon still comes first in {len(decoys["interferon_first_in"])} of {len(nulls)} types. Decoys are not
silent in real data: the median standard deviation of their activities is
{decoys["sd_of_activity_median_decoys"]} against {decoys["sd_of_activity_median_programs"]} for the programs. They hold
genes that vary, and take up variation that the collection leaves open. What they do between conditions is the scale to
read the programs' effects on:

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
    return f"""## How far is the posterior from its mode?

`benchmarks/refinement.py`: distance of activities from the converged mode in units of the posterior standard deviation,
over all cells and programs of the immune collection.

{table(header, rows)}
"""


def alignment() -> str:
    results = load("alignment")
    rows = [[name, row["seconds"], row["peak_mb"]] for name, row in results["runs"].items()]
    return f"""## Aligning large collections

`benchmarks/alignment.py`: {results["n_sets"]:,} sets of 10 to 200 genes onto {results["n_genes"]:,} genes
({results["n_edges"]:,} memberships), with a table of coverage and a check for identical sets, against the matrix alone,
in plain Python. Ratio of times: {results["ratio_of_seconds"]}.

{table(["way", "seconds", "peak memory, MB"], rows)}
"""


def said(is_met: bool) -> str:
    return "met" if is_met else "missed"


def after_epochs(row: dict) -> str:
    return f"{row['seconds_after_epochs']} ({row['epochs_of_last_stage']})"


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
many spurious ones. The model adds up log rates, as the log-additive arm does; in the other arm rates are sums. The
oracle knows loadings, base rates and dispersions and infers activities only. Means over seeds; *r* is over cells, for
each true program. Depth, the median of a cell's counts over these genes, decides how much can be known: compare with
the oracle at the same depth. LinearSCVI's dimensions have no names and were matched to the true programs by their
correlation with the truth, which favours it.

{table(header, rows)}

A decoy is told from a true set by the variance of its activity over cells; for ulm and mlm of the t value, for set
means of the mean z-score times the size of the set.

Gene AUROC is of true against spurious members of a set, by absolute loading; strong are true members whose true loading
is at least .1 in log rate per standard deviation of activity. Coverage in the additive-rate arm is of standardised
usages, as the model's activities have another unit; the oracle's is of usages.

{table(own, ours)}

Bars of the project, each judged by the worst seed:

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

`benchmarks/stability.py`: the same {results["cells"]:,} cells of Kang et al. Seeds change the split, the order of the
cells and the context network, while loadings start at nearly the same place, so agreement between them is no evidence
by itself. Bootstraps train on cells drawn with replacement, at one seed, and read the activities of all original cells.
*r* is over cells, for each program and each pair of runs. Programs that vary are those whose activity, averaged over
the runs, has a standard deviation of at least .3 over cells.

{table(header, rows)}

![Agreement between runs](_static/stability.png)

A bootstrap's validation cells may be copies of training cells, so its ELBO does not compare with that of seeds.

{table(["what", "bar", "result", ""], judged)}
"""


def training() -> str:
    results = load("training")
    bars = results["bars"]
    rows, memory = [], []
    for run in results["runs"]:
        methods = run["methods"]
        data = f"{run['cells']:,} cells, {run['share_of_counts_not_zero']:.0%} not zero"
        floor, linear = run["ProgramVAE_over_floor"], run["LinearSCVI_over_ProgramVAE"]
        rows.append(
            [
                data,
                run["batch_size"],
                *(methods[name]["seconds_per_epoch"] for name in ("floor", "ProgramVAE", "LinearSCVI")),
                f"{floor} ({said(floor <= bars['ProgramVAE_over_floor'])})",
                f"{linear} ({said(linear >= bars['LinearSCVI_over_ProgramVAE'])})",
                after_epochs(methods["ProgramVAE"]),
                methods["ProgramVAE"]["seconds_activity_with_sd"],
                run["activity_over_epoch"],
            ]
        )
        peaks = [methods[name]["peak_mb"] for name in ("floor", "ProgramVAE", "LinearSCVI")]
        after = methods["ProgramVAE"]
        memory.append([data, run["batch_size"], run["counts_mb"], after["peak_mb_before"], *peaks])
        memory[-1].append(after["peak_mb_with_activity"])
    first = results["runs"][0]
    header = [
        "data",
        "minibatch",
        "floor, s",
        "ProgramVAE, s",
        "LinearSCVI, s",
        f"ProgramVAE / floor (bar: ≤ {bars['ProgramVAE_over_floor']})",
        f"LinearSCVI / ProgramVAE (bar: ≥ {bars['LinearSCVI_over_ProgramVAE']:g})",
        "last stage, s (epochs)",
        "activities with sd, s",
        "in epochs",
    ]
    return f"""## Training

`benchmarks/training.py`: seconds of an epoch, {first["genes"]:,} genes and {first["programs"]} programs
(device: {results["device"]}, threads: {results["threads"]}); medians of five epochs, the three in turns. The floor is a
bare loop of the same network over minibatches that were cut beforehand. ProgramVAE's epoch includes the validation on a
tenth of the cells, LinearSCVI's has none. LinearSCVI has as many dimensions, {first["programs"]}. The last stage
of ProgramVAE's training, on the exact posterior, is apart; it was as long as its default for so few epochs before it.
The end is after activities were read.

{table(header, rows)}

Peak memory of the process in MB; what is there before training is mostly Python and torch:

{
        table(
            [
                "data",
                "minibatch",
                "counts",
                "before training",
                "floor",
                "ProgramVAE",
                "LinearSCVI",
                "ProgramVAE, to the end",
            ],
            memory,
        )
    }
"""


def representation() -> str:
    results = load("representation")
    crossings = [
        [
            f"{row['programs']:,} × {row['genes']:,}",
            f"{row['cells']:,}",
            row["dense_over_gathered"]["says"],
            row["dense_over_sparse"]["says"],
        ]
        for row in results["crossover"]
    ]
    rows = [
        [
            f"{row['programs']:,} × {row['genes']:,}",
            f"{row['cells']:,}",
            row["share_of_edges"],
            *(
                f"{row[name]['forward_ms']:.1f} + {row[name]['backward_ms']:.1f}" if name in row else "–"
                for name in ("dense", "sparse", "gathered")
            ),
        ]
        for row in results["rows"]
    ]
    return f"""## Representation of loadings

`benchmarks/representation.py`: loadings times the activities of a minibatch, with its derivatives, on a CPU
(threads: {results["threads"]}): as a dense matrix, as torch's sparse matrix, or gathered along the edges. The share of
programs × genes that are edges from which dense is the quicker one:

{table(["programs × genes", "cells", "dense before gathered from", "dense before sparse from"], crossings)}

The package goes over from gathered to dense at {results["dense_from"]:g}.

Milliseconds, forward + backward; – would have taken more than 20 s or 8 GB:

{table(["programs × genes", "cells", "share of edges", "dense", "sparse", "gathered"], rows)}
"""


def scaling() -> str:
    results = load("scaling")
    rows = [
        [
            f"{row['cells']:,}{' (from disk)' if row['backed'] else ''}",
            f"{row['genes']:,}",
            f"{row['programs']:,}",
            row["seconds_per_epoch"],
            after_epochs(row),
            row["seconds_activity_with_sd"],
            row["counts_mb"],
            row["peak_mb"],
        ]
        for part in results["panels"].values()
        for row in part
    ]
    slopes = [[name, *part.values()] for name, part in results["slopes"].items()]
    header = [
        "cells",
        "genes",
        "programs",
        "epoch, s",
        "last stage, s (epochs)",
        "activities with sd, s",
        "counts, MB",
        "peak memory, MB",
    ]
    return f"""## Scaling

`benchmarks/scaling.py`: random counts and sets, minibatches of 128 (threads: {results["threads"]}).

![Time and memory](_static/scaling.png)

Slopes on log-log axes; 1 is proportional. Memory is what comes on top of Python and torch.

{table(["against", "training", "activities with sd", "memory"], slopes)}

{table(header, rows)}
"""


def gpu() -> str:
    results = load("gpu")
    rows = [
        [
            f"{run['batch_size']:,}",
            run["seconds_per_epoch"],
            run["milliseconds_per_minibatch"],
            f"{run['share_of_bandwidth']:.0%}",
            "–" if run["peak_gb_training"] is None else run["peak_gb_training"],
            after_epochs(run),
            run["seconds_activity_with_sd"],
            "–" if run["peak_gb_activity"] is None else run["peak_gb_activity"],
        ]
        for run in results["runs"]
    ]
    header = [
        "minibatch",
        "epoch, s",
        "minibatch, ms",
        "of the bandwidth's limit",
        "peak GB, training",
        "last stage, s (epochs)",
        "activities with sd, s",
        "peak GB, activities",
    ]
    return f"""## On a GPU

`benchmarks/gpu.py`: {results["cells"]:,} random cells × {results["genes"]:,} genes, {results["programs"]} programs,
{results["counts_gb"]} GB of counts kept on one {results["device"]}, which copies
{results["copy_gb_per_second"]:,.0f} GB/s (read and written). The limit is the time to move the bytes that a minibatch
cannot do without; the script counts them.

{table(header, rows)}
"""


def main() -> None:
    sections = (recovery, kang, stability, refinement, training, representation, scaling, gpu, alignment)
    there = [section() for section in sections if (RESULTS / f"{section.__name__}.json").exists()]
    text = "\n".join(there)
    page = f"""# Benchmarks

This page is written by `benchmarks/write_docs.py` from the results in `benchmarks/results`; each section names the
script that made them. Bars are what the project set itself beforehand; whether they are met is said beside them.

{text}"""
    (ROOT / "docs" / "benchmarks.md").write_text(page)


if __name__ == "__main__":
    main()
