"""Section on the power of planned studies."""

from __future__ import annotations

from _sections import load, said, table


def power() -> str:
    results = load("power")
    bar, levels = results["bar"], results["levels"]
    titles = {"p": f"p ≤ {levels['p']:g}", "q": f"q ≤ {levels['q']:g}"}
    rows = [
        [
            design,
            row["n_donors"],
            row["n_cells"],
            *(
                f"{row[f'predicted_{name}']:.1%} ± {100 * row[f'sd_between_pilots_{name}']:.1f} / "
                f"{row[f'realised_{name}']:.1%}"
                for name in titles
            ),
        ]
        for design, part in results["designs"].items()
        for row in part["rows"]
    ]
    differences = "; ".join(
        f"{design}, {title}: {100 * off:.1f} ({said(off <= bar)})"
        for design, part in results["designs"].items()
        for title, off in zip(titles.values(), part["largest_difference"].values(), strict=True)
    )
    header = ["design", "donors", "cells per sample", *(f"{title}: predicted / found" for title in titles.values())]
    return f"""## Power of planned studies

`benchmarks/power.py`: simulated cells of four types and 30 programs, ten of which are shifted by .35 in half of the
types. From pilots of {results["pilot_donors"]} donors, {{func}}`crystallin.power` predicts the power of studies of
other sizes, for each program's own effect. Such studies are drawn from the donors that are not in the pilot
({results["pilots"]} pilots, {results["draws"]} studies of each size) and analysed as
{{func}}`crystallin.tl.rank_programs_groups` does. Of shifted programs: predicted power (mean ± sd between pilots) and
the share that the studies found.

{table(header, rows)}

Largest difference over the sizes, in percentage points (bar: at most {100 * bar:g}): {differences}. In studies of half
of the pilot's donors, the predicted power is somewhat too high, because fewer degrees of freedom
can be borrowed from other programs than assumed.

![Predicted and realised power](_static/power_realised.png)
"""
