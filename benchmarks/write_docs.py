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

This page is written by `benchmarks/write_docs.py` from the results in `benchmarks/results`; each section names the
script that made them. Bars are what the project set itself beforehand; whether they are met is said beside them.

{text}"""
    (ROOT / "docs" / "benchmarks.md").write_text(page)


if __name__ == "__main__":
    main()
