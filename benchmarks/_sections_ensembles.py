"""Section on ensembles."""

from __future__ import annotations

from _sections import load, said, table

LEVELS = ("0.5", "0.8", "0.9", "0.95")


def ensembles() -> str:
    results = load("ensembles")
    bars = results["bars"]
    rows = []
    for run in results["intervals"]["runs"]:
        for name in ("single", "ensemble"):
            off = run[name]["off"]
            worst = {group: max(abs(value) for value in off[group].values()) for group in off}
            kept = worst["programs"] <= bars["coverage"] and worst["twins"] <= bars["coverage_of_twins"]
            rows.append(
                [
                    f"{run['cells']:,} (seed {run['seed']})",
                    name,
                    *(f"{100 * off[group][level]:+.1f}" for group in off for level in LEVELS),
                    said(kept),
                ]
            )
    header = ["cells", "fits", *(f"{group}, {float(level):.0%}" for group in ("programs", "twins") for level in LEVELS)]
    costs = [
        [
            f"{run['cells']:,} (seed {run['seed']})",
            run["seconds_single"],
            f"{run['seconds_over_single']} ({said(run['seconds_over_single'] <= bars['seconds_over_single'])})",
            *(
                f"{run['single']['r'][group]} / {run['ensemble']['r_of_mean_over_fits'][group]}"
                for group in run["single"]["r"]
            ),
            f"{run['peak_mb_single']:,} / {run['peak_mb']:,}",
        ]
        for run in results["intervals"]["runs"]
    ]
    steps = [
        [
            run["steps"],
            run["seconds_over_single"],
            f"{run['log_likelihood_of_unseen']:+.2f}",
            run["r_with_first_fit_median"],
            *(f"{100 * run['off'][group]['0.95']:+.1f}" for group in ("programs", "twins")),
        ]
        for run in results["steps"]["runs"]
    ]
    return f"""## Ensembles

`benchmarks/ensembles.py`: ensembles of {results["n_fits"]} fits, the first to all cells and the others to halves of
them (threads: {results["threads"]}).

**Intervals.** Simulated cells × 1,000 genes, 60 true programs and six pairs of near twins (Jaccard index .9). Coverage
of the true activities by mean ± z standard deviations, minus its nominal share, in percentage points (bars: at most
{100 * bars["coverage"]:g}, twins {100 * bars["coverage_of_twins"]:g}):

{table([*header, "bars"], rows)}

Seconds of the first fit alone, of all fits as a multiple of it (without activities; bar: at most
{bars["seconds_over_single"]}), median correlation with the truth of the first fit / of the mean over fits, and peak
memory of the process before and after:

{
        table(
            ["cells", "s, first fit", "all fits / first fit", "r, programs", "r, twins", "peak memory, MB"],
            costs,
        )
    }

**Length of a refit.** 2,000 cells. The log-likelihood is that of the cells that a refit has not seen, per cell, minus
that of the first fit, which has seen them:

{
        table(
            [
                "steps",
                "all fits / first fit",
                "log-likelihood",
                "r with the first fit",
                "95 %: programs",
                "95 %: twins",
            ],
            steps,
        )
    }

{_replication(results["replication"])}
{_kang(results["kang"])}"""


def _replication(part: dict) -> str:
    rows = [
        [
            f"{row['share_of_fits']:g}",
            row["calls"],
            f"{row['false'] / row['calls']:.1%}",
            f"{row['replicated'] / row['calls']:.0%}",
        ]
        for row in part["rows"]
    ]
    power = part["power"]
    return f"""**Calls that other fits repeat.** 24 simulated samples in two conditions were divided into
halves, four times. Refits use halves of these samples.
Differences within types that the first fit of one half of the samples calls (`q` ≤ .05), by
the share of its fits that call them: how many are false, and how many a model of the other half calls in the same
direction. Power of the first fit is {power["first fit"]:.1%}, of calls by four of five fits
{power["four of five fits"]:.1%}.

{table(["share of fits", "calls", "false", "called in the other samples"], rows)}

![Coverage of intervals, and replication by share of fits](_static/ensembles.png)
"""


def _kang(part: dict) -> str:
    names = {"stability": "unique", "total_stability": "total", "loadings_stability": "loadings"}
    rows = [
        [
            title,
            resample,
            *(
                f"{found[f'{name}{suffix}']['median']} / {found[f'{name}{suffix}']['10th percentile']}"
                for suffix in ("", "_of_programs_that_vary")
                for name in names
            ),
        ]
        for title, by_resample in part.items()
        for resample, found in by_resample.items()
    ]
    header = [
        "collection",
        "refits to",
        *names.values(),
        *(f"{name}, of programs that vary" for name in names.values()),
    ]
    return f"""**Kang.** Correlation of activities between the first fit and refits, mean over refits; median over
programs / 10th percentile. Loadings: cosine. Programs that vary have a standard deviation over cells of at least .3.

{table(header, rows)}
"""
