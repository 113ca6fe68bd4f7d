"""Write docs/benchmarks.md from the results in benchmarks/results.

python benchmarks/write_docs.py
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


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

{table(["cell type", "largest |d|, programs", "largest |d|, decoys"], nulls)}
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


def main() -> None:
    page = f"""# Benchmarks

This page is written by `benchmarks/write_docs.py` from the results in `benchmarks/results`; each section names the
script that made them.

{kang()}
{refinement()}
{alignment()}"""
    (ROOT / "docs" / "benchmarks.md").write_text(page)


if __name__ == "__main__":
    main()
