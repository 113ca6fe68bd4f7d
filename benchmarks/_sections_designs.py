"""Section on designs: type I error, coverage, and real controls."""

from __future__ import annotations

from _sections import load, said, table

ARMS = {
    "unique": "ours, unique",
    "total": "ours, total",
    "true activities": "ours, true activities",
    "t on the same means": "t on our means",
    "t on ulm": "t on ulm",
}


def _rates(row: dict) -> str:
    return _shares(row) if row.get("tests") else "–"


def _shares(row: dict) -> str:
    return " / ".join(f"{100 * row[f'p < {level:g}']:.2g}" for level in (0.05, 0.01, 0.001))


def designs() -> str:
    results = load("designs")
    low, high = results["bars"]["type_1_error"]
    parts = [
        """## Designs

`benchmarks/designs.py`: 24 simulated donors with two samples each. Nothing differs except by chance between donors and
between samples. Donors share an axis, so programs are correlated, and samples differ in their numbers of cells.
Donors are assigned to made-up arms, samples to made-up time points. Share of tests (%) with p < .05 / .01 / .001, and
the largest distance of p values from a uniform distribution (KS) of the unique activity."""
    ]
    for name, words in (
        ("donors", "Donors of equal variability"),
        ("outlier", "One donor whose effects are five times as large"),
    ):
        rows, below, above, n = [], 0, 0, 0
        for key in dict.fromkeys(key.rsplit(", ", 1)[0] for key in results["null"][name]):
            of = {arm: results["null"][name].get(f"{key}, {arm}", {}) for arm in ARMS}
            design, size = key.rsplit(", ", 1)
            rows.append([design, size, *(_rates(of[arm]) for arm in ARMS), of["unique"].get("ks", "–")])
            for arm in ("unique", "total"):
                n += 1
                below += of[arm]["p < 0.05"] < low
                above += of[arm]["p < 0.05"] > high
        header = ["design", "donors (an arm)", *ARMS.values(), "KS"]
        parts.append(
            f"*{words}.* Bar: p < .05 in {100 * low:g} to {100 * high:g} % of the tests. Of {n} (unique and total) "
            f"{below} are below, {above} above.\n\n{table(header, rows)}"
        )
    parts.append("![Type I error by design and number of donors](_static/designs.png)")
    parts.append(_axis(results["axis"]))
    parts.append(_planted(results["planted"]))
    parts.append(_kang(results["kang"], results["bars"]["calls_on_controls"]))
    return "\n\n".join(parts) + "\n"


def _axis(results: dict) -> str:
    pairs = list(dict.fromkeys(key.split(", ")[1] for key in results))
    correlations = list(dict.fromkeys(key.split(", ")[0] for key in results))
    rows = [[one, *(_shares(results[f"{one}, {n}"]) for n in pairs)] for one in correlations]
    return f"""Changes of 40 programs in pairs of samples, drawn without any true change; the programs share an axis,
and their variances differ: p < .05 / .01 / .001 (%).

{table(["programs", *pairs], rows)}"""


def _planted(results: dict) -> str:
    header = ["contrast", "tested on", "power", "false calls", "95 % intervals, unchanged", "changed"]
    rows = []
    for key, row in results.items():
        contrast, arm = key.rsplit(", ", 1)
        held = [
            f"{row[name]:.1%}" if name in row else "–" for name in ("intervals_95_unchanged", "intervals_95_changed")
        ]
        rows.append([contrast, ARMS[arm], f"{row['power']:.0%}", f"{row['false_discovery_proportion']:.1%}", *held])
    return f"""True differences of .3 to .6 between arms, time points and responses, in half of the types. Power and
false calls at q ≤ .05; intervals that hold the true difference. Intervals of changed programs hold it less often than
95 % of the time, even on true activities; the programs of a study share their donors, so these shares are uncertain
by several points. Beside chance, false calls of the unique activity come from genes that programs share.

{table(header, rows)}"""


def _kang(results: dict, bar: float) -> str:
    arms = [arm for arm in ARMS if arm != "true activities"]
    rows, met = [], []
    for collection, part in results.items():
        for key in dict.fromkeys(key.rsplit(", ", 1)[0] for key in part["controls"]):
            of = {arm: part["controls"][f"{key}, {arm}"] for arm in arms}
            shares = {arm: row["comparisons_with_a_call"] for arm, row in of.items()}
            if key.endswith("within types"):
                met += [shares[arm] <= bar for arm in ("unique", "total")]
            rows.append([collection, key, *(f"{_rates(of[arm])}; {shares[arm]:.1%}" for arm in arms)])
    found = [
        f"{collection}, {kind}: first in {sum(row['rank'] == 1 for row in of)} of {len(of)} types, largest q "
        f"{max(row['q'] for row in of):.1g}"
        for collection, part in results.items()
        for kind, of in (
            ("unique", [row for key, row in part["interferon"].items() if not key.endswith("total")]),
            ("total", [row for key, row in part["interferon"].items() if key.endswith("total")]),
        )
    ]
    header = ["sets", "controls against controls", *(ARMS[arm] for arm in arms)]
    return f"""Eight donors of Kang et al. (2018), control cells split in all ways: p < .05 / .01 / .001 (%), and the
share of comparisons with a call at q ≤ .05. Bar: a call in at most {bar:.0%} of the comparisons within types;
{sum(met)} of {len(met)} ({said(all(met))}). Splits share donors, so these shares are uncertain: those of the t test,
which is valid here, vary as much. Over all cells, one axis along which donors differ moves most programs at once, and
p values are too small, above all those of totals. Within types those of the few sets of the immune collection are
slightly too small.

{table(header, rows)}

With stimulated cells of two of the eight donors (random intercepts; types with stimulated cells of both), an interferon
set is: {"; ".join(found)}."""
