"""Write docs/benchmarks.md from the results in benchmarks/results.

python benchmarks/write_docs.py
"""

from __future__ import annotations

from _common import RESULTS, ROOT
from _sections_annotation import annotation, annotation_readings
from _sections_attribution import attribution
from _sections_completion import completion
from _sections_controls import controls, free_programs
from _sections_designs import designs
from _sections_ensembles import ensembles
from _sections_mapping import mapping
from _sections_power import power
from _sections_science import (
    differential,
    kang,
    readings,
    recovery,
    refinement,
    screening,
    search,
    stability,
    total_differences,
)
from _sections_speed import alignment, calls, gpu, million, quickstart, representation, scaling, training
from _sections_summary import summary


def main() -> None:
    sections = (
        recovery,
        screening,
        readings,
        free_programs,
        completion,
        differential,
        total_differences,
        designs,
        power,
        kang,
        controls,
        attribution,
        annotation,
        annotation_readings,
        stability,
        ensembles,
        mapping,
        search,
        refinement,
        quickstart,
        calls,
        training,
        representation,
        scaling,
        million,
        gpu,
        alignment,
    )
    there = [section() for section in sections if (RESULTS / f"{section.__name__}.json").exists()]
    text = "\n".join(there)
    page = f"""# Benchmarks

How well crystallin recovers what is known, how often it is wrong, and how fast it is, beside other methods on the same
data. Each section names the script that measured it; `benchmarks/write_docs.py` writes this page from their results in
`benchmarks/results`.

{summary()}
{text}"""
    (ROOT / "docs" / "benchmarks.md").write_text(page)


if __name__ == "__main__":
    main()
