"""Figures of one run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import pl

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

# number of panels of the loadings figure
MAX_PANELS = 12


@contextmanager
def _without_windows() -> Iterator[None]:
    """Draw to files, and restore other figures and the backend afterwards."""
    import matplotlib.pyplot as plt

    backend, before = plt.get_backend(), set(plt.get_fignums())
    if not before:
        plt.switch_backend("agg")
    try:
        yield
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
        if not before:
            plt.switch_backend(backend)


@_without_windows()
def draw(
    adata: AnnData,
    acts: AnnData,
    model: ProgramVAE,
    folder: Path,
    groupby: str | None,
    top: dict[str, pd.Series] | None,
) -> None:
    """Draw history, loadings and embedding, and means of groups, into a folder."""
    import matplotlib.pyplot as plt
    import scanpy as sc

    def save(name: str) -> None:
        path = folder / f"{name}.png"
        figure = plt.gcf()
        figure.savefig(path, dpi=150, bbox_inches="tight")
        plt.close(figure)
        logger.info("Wrote %s.", path)

    # the clearest first: figures that hold only a few programs show different groups
    best = pd.concat([programs.head(2) for programs in top.values()]) if top else pd.Series(dtype=float)
    shown = list(dict.fromkeys(best.sort_values(ascending=False).index))
    if not shown:
        varied = np.argsort(-np.asarray(acts.X).std(axis=0))[:MAX_PANELS]
        shown = list(acts.var_names[varied])
    pl.history(model)
    save("history")
    pl.loadings(adata, shown[:MAX_PANELS])
    save("loadings")
    if groupby is not None:
        means = acts[:, shown].to_df().groupby(acts.obs[groupby], observed=True).mean()
        # one colour scale for all, on which a single extreme group does not make the others pale
        limit = max(float(means.abs().stack().quantile(0.95)), 0.5)
        colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        sc.pl.matrixplot(acts, shown, groupby=groupby, show=False, colorbar_title="activity", **colours)
        save("matrixplot")
    if "X_umap" not in acts.obsm:
        sc.pp.neighbors(acts, use_rep="X")
        sc.tl.umap(acts)
    color = [*([groupby] if groupby else []), *shown[:5]]
    # room for the legend of the groups beside the first panel
    wspace = 0.1 + 0.012 * max([0, *map(len, top or [])])
    values = acts.to_df().abs()
    limits = [None if name == groupby else float(values[name].quantile(0.99)) for name in color]
    lows = [None if limit is None else -limit for limit in limits]
    sc.pl.umap(
        acts, color=color, cmap="RdBu_r", vmin=lows, vmax=limits, ncols=3, wspace=wspace, frameon=False, show=False
    )
    save("umap")
