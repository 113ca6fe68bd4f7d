"""Genes of a program in words."""

from __future__ import annotations

import pandas as pd


def listed(loadings: pd.Series) -> str:
    """Return the names of genes, with a minus for those whose loading is negative."""
    return ", ".join(f"{'-' if loading < 0 else ''}{gene}" for gene, loading in loadings.items())
