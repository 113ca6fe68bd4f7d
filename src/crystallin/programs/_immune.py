"""The built-in collection of human immune programs (``immune.tsv``, one citation for each program)."""

from __future__ import annotations

from importlib import resources

import pandas as pd


def load_immune() -> tuple[dict[str, list[str]], pd.DataFrame]:
    """Return the genes of each program, and its category, parent cell type and citation."""
    with resources.files(__package__).joinpath("immune.tsv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False).set_index("name")
    sets = {name: genes.split() for name, genes in table["genes"].items()}
    return sets, table[["category", "parent", "reference", "doi"]]
