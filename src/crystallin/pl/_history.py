"""The course of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from ._style import DOWN, MUTED, UP, finish, tidy

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE


def history(model: ProgramVAE, *, ax: Axes | None = None, show: bool | None = None) -> Axes:
    """Draw the loss (negative ELBO per cell) of training and validation cells by epoch, and mark the epoch kept.

    Parameters
    ----------
    model
        A trained model; ``model.history`` holds the numbers.
    ax
        Axes to draw on; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes.

    Raises
    ------
    ValueError
        If the model has not been trained.

    Examples
    --------
    >>> cr.pl.history(model)  # doctest: +SKIP
    """
    if not model.history or "elbo_train" not in model.history:
        msg = "The model has no training history; call model.train() first."
        raise ValueError(msg)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.5, 3), layout="constrained")
    train = _series(model.history["elbo_train"])
    ax.plot(train.index, train, color=MUTED, label="training")
    if "elbo_validation" in model.history:
        validation = _series(model.history["elbo_validation"])
        ax.plot(validation.index, validation, color=UP, label="validation")
        best = validation.idxmin()
        ax.plot(best, validation[best], "o", color=DOWN, label=f"kept (epoch {best})", zorder=3)
    ax.set_xlabel("epoch")
    ax.set_ylabel("negative ELBO per cell")
    ax.legend(frameon=False)
    tidy(ax)
    return finish(ax, show)


def _series(frame: pd.DataFrame) -> pd.Series:
    return frame.iloc[:, 0].astype(float).dropna()
