"""The section on attributions."""

from __future__ import annotations

from _sections import load, said, table


def attribution() -> str:
    results = load("attribution")
    return "\n".join(
        [
            "## Attributions\n\n`benchmarks/attribution.py`; what the methods are: {doc}`attributions`.\n",
            _exactness(results["exactness"]),
            _speed(results["speed"]),
            _estimates(results["estimates"]),
            _truth(results["truth"]["runs"]),
            _kang(results["kang"]),
        ]
    )


def _exactness(part: dict) -> str:
    errors = part["completeness_relative_error"]
    worst = max(value for row in errors.values() for value in row.values())
    rows = [[name, row["cells"], row["group_mean"]] for name, row in errors.items()]
    captum = part["captum_integrated_gradients_relative_difference"]
    same = part["captum_same_method_relative_difference"]
    steps = ", ".join(f"{value:.1e} with {steps} steps" for steps, value in captum.items())
    return f"""**Exactness.** How closely attributions sum to what they explain, in single precision (bar: 1e-4,
{said(worst <= 1e-4)}):

{table(["attribution", "relative error, cells", "relative error, group mean"], rows)}

captum's integrated gradients of the encoder come closer to the closed form the more steps they take: relative
difference {steps}. captum's own versions of the other methods differ by
{", ".join(f"{value:.0e} ({name})" for name, value in same.items())}.
"""


def _speed(part: dict) -> str:
    mean, each, atlas = part["times_quicker_group_mean"], part["times_quicker_each_cell"], part["atlas"]
    return f"""**Speed.** Integrated gradients of the encoder, {part["programs"]} programs × {part["genes"]:,} genes,
{part["cells"]} cells: captum's loop over programs with 50 steps takes {part["captum_50_steps_seconds"]:,} s
(measured on {part["captum_measured_on_programs"]} programs and scaled up), the closed form
{part["closed_form_group_mean_seconds"]} s for the group mean, {mean:,} times as quick (bar: 1,000,
{said(mean >= 1_000)}), and {part["closed_form_each_cell_seconds"]} s for each cell by itself, {each:,} times as
quick (bar: 50, {said(each >= 50)}). Of the refined activity, `contributions` of all programs take
{part["activity_contributions_ms_per_cell"]} ms a cell and `integrated_gradients`
{part["activity_integrated_gradients_ms_per_cell"]} ms.

{atlas["cells"]:,} cells × {atlas["programs"]} programs × {atlas["genes"]:,} genes in {atlas["groups"]} groups,
encoder, group means: {atlas["seconds"]} s on two cores, {atlas["peak_beyond_data_gb"]} GB beyond the data.
"""


def _estimates(part: dict) -> str:
    rows = [
        [
            name,
            f"{row['cells']:,} × {row['genes']:,} × {row['programs']}",
            f"{row['groups_estimated']} of {row['groups']}",
            row["seconds_estimated"],
            row["seconds_exact"],
            row["times_quicker"],
            " / ".join(f"{value:.1%}" for value in row["se_over_largest"].values()),
            f"{row['programs_within_tolerance']:.1%}",
            row["rms_error_over_se"] if row["groups_estimated"] else "–",
        ]
        for name, row in part.items()
    ]
    header = [
        "cells",
        "cells × genes × programs",
        "groups estimated",
        "estimated, s",
        "exact, s",
        "times as quick",
        "standard error over the program's largest attribution: median / 90 % / largest",
        "programs within 2 %",
        "error in standard errors",
    ]
    return f"""**Estimated means.** Integrated gradients of the refined activity by group, estimated from a sample of
cells to a standard error of 2 % of each program's largest attribution (or of .1, if that is larger), against exact
ones of the same run. Groups of fewer than 256 cells are always exact. The last column is the root mean square over
attributions of at least a tenth of the program's largest; 1 would be ideal.

{table(header, rows)}
"""


def _truth(runs: list[dict]) -> str:
    with_context = [run for run in runs if run["context"]]
    rows = [
        [
            name,
            *(
                " / ".join(f"{run['methods'][name][column]:.3f}" for run in with_context)
                for column in ("given", "withheld")
            ),
        ]
        for name in with_context[0]["methods"]
    ]
    leaks = [
        [
            "with" if context else "without",
            *(
                " / ".join(f"{run['leakage'][column]:.2f}" for run in runs if run["context"] is context)
                for column in ("leakage", "leakage_encoder")
            ),
        ]
        for context in (True, False)
    ]
    return f"""**Truth.** Simulated cells (5,000, otherwise as in the first section; {len(with_context)} runs,
separated by /). Area under the precision-recall curve of mean absolute attributions against the true members of a
program, median over true programs; *given*: among genes of the set, of which some are spurious; *withheld*: among
all others, where true members were left out of the set. captum's two methods on 25 of the 500 cells; kernel SHAP
and LIME were left out, as they take seconds for each cell and program.

{table(["method", "given", "withheld"], rows)}

Loadings tell best which members of a set are true, since this is what they estimate. Members that were left out
of a set can only be recognised by what they vary with, and no method of attribution recognises them.

Leakage (median over true programs):

{table(["context network", "refined activity", "encoder's mean"], leaks)}
"""


def _kang(part: dict) -> str:
    rows = [
        [
            name,
            ", ".join(row["genes"][:10]),
            f"{row['members']} of 20",
            row["breadth"],
            row["share_outside"],
            part["between_seeds_rbo"].get(name, ""),
        ]
        for name, row in part["top_genes"].items()
    ]
    header = [
        "method",
        "first ten genes",
        "members among 20",
        "breadth",
        "share outside",
        "agreement between two seeds",
    ]
    curves, infidelity = part["faithfulness"]["curves"], part["faithfulness"]["infidelity_median"]
    numbers = list(next(iter(curves.values()))["deletion"])
    faithful = [
        [
            name,
            " / ".join(f"{row['deletion'][n]:.2f}" for n in numbers),
            " / ".join(f"{row['insertion'][n]:.2f}" for n in numbers),
            infidelity.get(name, ""),
        ]
        for name, row in curves.items()
    ]
    silenced = [
        [name, ", ".join(row["genes"]), row["change"], f"{row['null_mean']} ± {row['null_sd']}", row["z"], row["p"]]
        for name, row in part["knockdown"].items()
    ]
    ratio = part["breadth_by_average_cell"]["ratio_to_exact_quantiles"]
    by_type = ", ".join(f"{name} {n}" for name, n in part["breadth_by_average_cell"]["interferon_gamma"].items())
    return f"""**Interferon-γ response of monocytes** (Kang et al. 2018, Hallmark, 3,000 variable genes and
regulators of the response), stimulated against control. Genes by absolute difference of the attributions;
agreement: rank-biased overlap, the first ten places count 86 %.

{table(header, rows)}

![Faithfulness and agreement](_static/attribution.png)

Faithfulness in the {len(part["faithfulness"]["programs"])} most important programs: share of the refined
activity that remains without the first
{" / ".join(numbers)} genes (deletion: less is better) and that these genes alone produce (insertion: more is
better); infidelity: median error of the sums of attributions over random halves of the genes.

{table(["method", "deletion", "insertion", "infidelity"], faithful)}

Knock-down in stimulated monocytes: change of the interferon-γ response (z and p among random genes of like
expression).

{table(["silenced", "genes", "change", "random genes", "z", "p"], silenced)}

In the ranking, the breadth over a program's own genes is computed from the average cell of each group. Its
ratio to the exact one has quantiles
{", ".join(f"{value} ({float(q):.0%})" for q, value in ratio.items())} over all programs and cell types. Of the
interferon-γ response it is, by cell type: {by_type}.
"""
