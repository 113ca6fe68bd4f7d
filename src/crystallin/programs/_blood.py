"""Mean expression profiles of blood cells (``blood.tsv.gz``, written by ``benchmarks/pbmc_model.py``)."""

from __future__ import annotations

from importlib import resources

import pandas as pd


def blood_profiles() -> pd.DataFrame:
    """Return the mean profiles of nine types of blood cells of healthy donors, genes x types, in counts per million.

    The types have the names of the labels of the ``"immune"`` collection. Cells are those of eight data sets of 10x
    Genomics (CC BY 4.0) from which the model ``"pbmc"`` was trained.
    """
    with resources.files(__package__).joinpath("blood.tsv.gz").open("rb") as file:
        return pd.read_csv(file, sep="\t", compression="gzip", index_col=0)
