"""Sections on time and memory."""

from __future__ import annotations

from _sections import after_epochs, load, said, table


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
(device: {results["device"]}, threads: {results["threads"]}); medians of five epochs; the three took turns. The
floor is a bare training loop of the same network, over minibatches that were prepared beforehand. ProgramVAE's
epoch includes the validation on a tenth of the cells, LinearSCVI's has none.
LinearSCVI has as many dimensions, {first["programs"]}. The last stage
of ProgramVAE's training, on the exact posterior, is listed separately, with its default length after so few
epochs. The last column of the second table includes the computation of activities.

{table(header, rows)}

Peak memory of the process in MB; before training, it is mostly Python and torch:

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

`benchmarks/representation.py`: the product of loadings and the activities of a minibatch, with its derivatives,
on a CPU
(threads: {results["threads"]}): as a dense matrix, as torch's sparse matrix, or gathered along the edges. The share of
programs × genes that are edges from which dense is the quicker one:

{table(["programs × genes", "cells", "dense before gathered from", "dense before sparse from"], crossings)}

The package uses the dense form from a share of {results["dense_from"]:g}.

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
            f"{run['share_of_bandwidth']:.1%}",
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
    attributions = [
        [
            f"`{row['target']}`",
            f"`{row['method']}`",
            f"{row['cells']:,}",
            "exact" if row["tolerance"] is None else f"to a standard error of {row['tolerance']:.0%}",
            row["seconds"],
            row["milliseconds_per_cell"],
            "–" if row["peak_gb"] is None else row["peak_gb"],
        ]
        for row in results["attributions"]
    ]
    return f"""## On a GPU

`benchmarks/gpu.py`: {results["cells"]:,} random cells × {results["genes"]:,} genes, {results["programs"]} programs,
{results["counts_gb"]} GB of counts kept on one {results["device"]}, which copies
{results["copy_gb_per_second"]:,.0f} GB/s (read and written). The limit of the bandwidth is the time it takes to
move the bytes that a minibatch needs at least, which the script counts. Steps far from this limit spend most of
their time on starting kernels.

{table(header, rows)}

Mean attributions of ten groups of cells, for all programs, minibatches of {results["attributions"][0]["batch_size"]:,}:

{table(["target", "method", "cells", "means", "s", "ms a cell", "peak GB"], attributions)}
"""


def alignment() -> str:
    results = load("alignment")
    rows = [[name, row["seconds"], row["peak_mb"]] for name, row in results["runs"].items()]
    return f"""## Aligning large collections

`benchmarks/alignment.py`: {results["n_sets"]:,} sets of 10 to 200 genes onto {results["n_genes"]:,} genes
({results["n_edges"]:,} memberships), with a table of coverage and a check for identical sets, compared with
plain Python that makes the matrix only. Ratio of times: {results["ratio_of_seconds"]}.

{table(["way", "seconds", "peak memory, MB"], rows)}
"""


def quickstart() -> str:
    results = load("quickstart")
    times = round(results["seconds"] / results["scanpy_seconds"], 1)
    rows = [
        [f"`{step.splitlines()[0][:70]}`", f"{took:.1f}", f"{took / results['seconds']:.0%}"]
        for step, took in results["steps"]
    ]
    return f"""## The whole quickstart

`benchmarks/quickstart.py` runs all Python of the README's quickstart in a new process: {results["seconds"]:.0f} s on
{results["cores"]} cores, from the first import to the last figure, with a report of
{results["report_bytes"] / 2**20:.1f} MB. That is {times} times what scanpy takes on the same cells for PCA,
neighbours and UMAP. The lines that take longest:

{table(["line", "s", "share"], rows)}
"""


def calls() -> str:
    results = load("calls")
    bar = results["bar_seconds"]
    rows = []
    for row in results["calls"]:
        kept = row["seconds"] <= bar or row["progress_bar"]
        shown = "yes" if row["progress_bar"] else "no"
        rows.append([f"`{row['call']}`", f"{row['seconds']:,.1f}", shown, said(kept)])
    return f"""## Times of all calls

`benchmarks/calls.py`: {results["cells"]:,} simulated cells × {results["genes"]:,} genes, {results["programs"]}
programs, in memory; {results["threads"]} threads, one process, options at their defaults. The bar is {bar} seconds, or
a progress bar. Peak memory of the process: {results["peak_mb"]:,} MB.

{table(["call", "seconds", "progress bar", "bar"], rows)}
"""


WHAT = {
    "fit": "`cr.fit(path, …)`: setup, training, activities with sd in both readings, loadings",
    "ranking": "`tl.rank_programs_groups`, across donors, within types",
    "attributions": "`tl.attributions` of all programs by type, at the default tolerance",
    "ulm": "decoupler `ulm`, counts in memory",
}


def million() -> str:
    results = load("million")
    steps = results["steps"]
    rows = []
    for step, row in steps.items():
        if "failed" in row:
            rows.append([WHAT[step], row["failed"], "–"])
            continue
        peak = f"{row['peak_mb']:,}"
        within = peak if step == "ulm" else f"{peak} ({said(row['peak_mb'] <= results['bar_mb'])})"
        rows.append([WHAT[step], f"{row['seconds']:,.0f}", within])
    fit = steps["fit"]
    return f"""## A million cells on disk

`benchmarks/million.py`: {results["cells"]:,} simulated cells × {results["genes"]:,} genes, {results["programs"]}
programs, in a zarr store of {results["store_mb"]:,} MB; {results["threads"]} threads, each step in its own process.
Training took {fit["seconds_training"]:,.0f} s ({fit["epochs"]} epoch of the first stage), and writing the activities
took {fit["seconds_activities"]:,.0f} s. The median correlation of an activity with the truth is
{fit["r_with_truth_median"]}.

{table(["step", "seconds", f"peak memory of the process, MB (bar: ≤ {results['bar_mb']:,})"], rows)}

The t values of `ulm`, one for each cell and set, have a median correlation of {steps["ulm"].get("r_with_truth_median")}
with the truth. It has no standard deviation, no correction for overlapping sets, and no
comparison across donors.
"""
