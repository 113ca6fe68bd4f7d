"""Rows of quantities of the latent variables: some of the dimensions, or combinations of them."""

from __future__ import annotations

import torch


def rows_of(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the wanted rows, ... x wanted x columns.

    Parameters
    ----------
    values
        A row for each latent dimension, ... x latent x columns.
    wanted
        Positions of latent dimensions, or a matrix with a combination of the dimensions in each row, wanted x latent.
    """
    return wanted @ values if wanted.dim() == 2 else values.index_select(-2, wanted)
