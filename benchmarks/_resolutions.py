"""Names of Leiden clusters at every resolution: the same data, other tissues, dominated and reduced data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc
from _common import DATA
from _published import EXACT, UNASSIGNED, immune, path
from matplotlib.lines import Line2D

import crystallin as cr

RESOLUTIONS = [0.3, 0.5, 0.8, 1.0, 1.5, 2.0]
MIN_GENES = 5
OTHER = "other"
# a lineage among this share of the others' cells
KEPT = 0.1


@dataclass(frozen=True)
class Source:
    """A file, the column of its published labels, and the lineage of each; labels without one are other tissue.

    ``blind``: nobody had looked at these names before the method was fixed. ``in_profiles``: its cells are among those
    of the blood profiles.
    """

    file: str | None
    column: str | None = None
    batch_key: str | None = None
    min_genes: int = MIN_GENES
    lineages: dict[str, str] = field(default_factory=dict)
    blind: bool = False
    in_profiles: bool = False


def _published(name: str) -> dict[str, str]:
    _, parents, _ = immune()
    return {published: path(label, parents)[0] for published, label in EXACT[name].items()}


SORTED = {
    "CD19+ B": "B cell",
    "CD34+": "Haematopoietic progenitor",
    "CD56+ NK": "NK cell",
    "CD14+ Monocyte": "Monocyte",
    "CD8+ Cytotoxic T": "T cell",
    "CD4+ T Helper2": "T cell",
    "CD4+/CD45RO+ Memory": "T cell",
    "CD8+/CD45RA+ Naive Cytotoxic": "T cell",
    "CD4+/CD25 T Reg": "T cell",
    "CD4+/CD45RA+/CD25- Naive T": "T cell",
}
MOUSE = {"B cells": "B cell", "NK cells": "NK cell", "Neutrophils": "Neutrophil", "T cells": "T cell"}
SOURCES = {
    "pbmc3k": Source("pbmc3k_2638.h5ad", "cell_type", lineages=_published("pbmc3k"), in_profiles=True),
    "kang": Source("kang_ifnb_2800.h5ad", "seurat_annotation", "condition", lineages=_published("kang")),
    "pbmc68k": Source(None, "bulk_labels", min_genes=3, lineages=_published("pbmc68k")),
    "symphony": Source("pbmc_3batch_symphony_1200.h5ad", "cell_type", "batch", 3, _published("symphony")),
    "muscat": Source("kang_muscat_1556.h5ad", "cell_type", "condition", 3, _published("muscat")),
    "sorted": Source("pbmc_facs_3774.h5ad", "author_cell_type", lineages=SORTED, in_profiles=True),
    "lymphoma": Source("tumor_malt_10x.h5ad"),
    "mouse lung": Source("mouse_lung_zilionis_800.h5ad", "cell_type", lineages=MOUSE),
    "pancreas": Source("pancreas_baron_175.h5ad", "cell_type", lineages={"macrophage": "Monocyte"}),
    "brain": Source("brain_darmanis_466.h5ad", "cell_type", lineages={"microglia": "Monocyte"}),
    "cell lines, Drop-seq": Source("celllines_dropseq.h5ad", "cell_type"),
    "cell lines, CEL-seq2": Source("celllines5_celseq2.h5ad", "cell_type", "batch"),
    "ECCITE-seq": Source("pbmc_citefuse_500.h5ad", blind=True),
    "CITE-seq": Source("pbmc_cite_400.h5ad", None, "batch", blind=True, in_profiles=True),
    "three cell lines": Source("celllines_celseq2.h5ad", "cell_type", blind=True),
    "mouse pancreas": Source(
        "mouse_pancreas_baron_153.h5ad", "cell_type", lineages={"macrophage": "Monocyte"}, blind=True
    ),
}
CHANGED = {
    name: [
        lineage
        for lineage in ("T cell", "B cell", "Monocyte", "NK cell", "Haematopoietic progenitor")
        if lineage in there
    ]
    for name, there in {name: set(SOURCES[name].lineages.values()) for name in ("pbmc3k", "sorted")}.items()
}
# proteins that tell lineages, in the files whose truth are proteins; a cell is of the one that it alone has
PROTEINS = {"CD3": "T cell", "CD19": "B cell", "CD14": "Monocyte"}


def there(name: str) -> bool:
    """Whether the file is there."""
    file = SOURCES[name].file
    return file is None or (DATA / file).exists()


def read(name: str) -> ad.AnnData:
    """Counts in X, lineages in ``obs["lineage"]`` (empty if unknown)."""
    source = SOURCES[name]
    adata = ad.read_h5ad(DATA / source.file) if source.file else cr.datasets.pbmc68k()
    if "counts" in adata.layers:
        adata.X = adata.layers["counts"].copy()
    adata.var_names = adata.var_names.str.removeprefix("hg19_")
    adata.var_names_make_unique()
    adata.X = adata.X.astype(np.float32)
    if source.column is not None:
        adata.obs["lineage"] = adata.obs[source.column].astype(str).map(source.lineages).fillna(OTHER).astype(str)
    else:
        adata.obs["lineage"] = by_protein(adata.obsm["protein_expression"])
    return adata[np.asarray(adata.X.sum(axis=1)).ravel() > 0].copy()


def by_protein(proteins: pd.DataFrame) -> np.ndarray:
    """Return the lineage of cells that have exactly one of the marker proteins, by a split of each in two.

    Proteins are taken relative to the cell's geometric mean (Stoeckius et al. 2017, Nat Methods 14:865).
    """
    logged, has = np.log1p(proteins.astype(float)), {}
    relative = logged.sub(logged.mean(axis=1), axis=0)
    for protein in PROTEINS:
        value = relative[protein].to_numpy()
        known = np.sort(value[np.isfinite(value)])
        size = np.arange(1, len(known))
        sums = np.cumsum(known)
        lower, upper = sums[:-1] / size, (sums[-1] - sums[:-1]) / (len(known) - size)
        has[protein] = value > known[(size * (len(known) - size) * (lower - upper) ** 2).argmax()]
    table = pd.DataFrame(has)
    first = np.array(list(PROTEINS.values()))[table.to_numpy().argmax(axis=1)]
    return np.where(table.sum(axis=1) == 1, first, "")


def changed(adata: ad.AnnData, how: str, lineage: str) -> ad.AnnData:
    """Return data without a lineage, or in which it makes up most cells."""
    inside = (adata.obs["lineage"] == lineage).to_numpy()
    if how == "removed":
        return adata[~inside].copy()
    return adata[inside | (np.random.default_rng(0).random(adata.n_obs) < KEPT)].copy()


def of_lineages(label: np.ndarray, lineage: np.ndarray) -> dict:
    """Return the shares of cells of known lineage that are right and unassigned, and of other tissue the second."""
    _, parents, _ = immune()
    root = np.array([path(name, parents)[0] for name in label])
    known, other = ~np.isin(lineage, ["", OTHER]), lineage == OTHER
    found = {"cells": int(known.sum()), "other": int(other.sum())}
    if known.any():
        found["right"] = round(float((root == lineage)[known].mean()), 4)
        found["unassigned"] = round(float((root == UNASSIGNED)[known].mean()), 4)
    if other.any():
        found["other_unassigned"] = round(float((root == UNASSIGNED)[other].mean()), 4)
    return found


def clusters(adata: ad.AnnData, logged: np.ndarray, resolutions: Sequence[float]) -> dict[float, np.ndarray]:
    """Return Leiden clusters at each resolution, after scanpy's usual steps."""
    cells = ad.AnnData(logged.copy(), obs=adata.obs[[]])
    sc.pp.pca(cells, random_state=0)
    sc.pp.neighbors(cells, random_state=0)
    found = {}
    for resolution in resolutions:
        sc.tl.leiden(cells, resolution=resolution, flavor="igraph", n_iterations=2, directed=False, random_state=0)
        found[resolution] = cells.obs["leiden"].astype(str).to_numpy()
    return found


def draw(results: dict, colours: dict[str, str]) -> plt.Figure:
    """Shares of cells by data set: of the right lineage, and of other tissue that is unassigned; a dot a resolution."""
    right = {name: part for name, part in results.items() if _shares(part, "crystallin", "right")}
    other = {name: part for name, part in results.items() if _shares(part, "crystallin", "other_unassigned")}
    figure, axes = plt.subplots(
        1, 2, figsize=(11, 0.26 * len(right) + 1.6), layout="constrained", width_ratios=[1.5, 1]
    )
    for ax, parts, what in ((axes[0], right, "right"), (axes[1], other, "other_unassigned")):
        for y, part in enumerate(parts.values()):
            for i, (method, colour) in enumerate(colours.items()):
                shares = _shares(part, method, what)
                at = y + 0.22 * (i - (len(colours) - 1) / 2)
                ax.plot([min(shares), max(shares)], [at, at], color=colour, lw=1)
                ax.plot(shares, np.full(len(shares), at), "o", color=colour, ms=3.5, mec="none", alpha=0.8)
            if what == "right":
                best = _shares(part, "best possible", what)
                ax.plot(np.mean(best), y, "|", color="black", ms=12, mew=1.2)
        ax.set_yticks(range(len(parts)), [_titled(name, part) for name, part in parts.items()], fontsize=8)
        ax.invert_yaxis()
        ax.set_xlim(-0.02, 1.02)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(title="right lineage", xlabel="share of cells, each with its cluster's label")
    axes[1].set(title='other tissues: "unassigned"', xlabel="share of cells")
    handles = [Line2D([], [], marker="o", color=colour, ms=4) for colour in colours.values()]
    handles.append(Line2D([], [], marker="|", color="black", ls="", ms=10))
    labels = [*colours, "best possible with these clusters, mean"]
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return figure


def _shares(part: dict, method: str, what: str) -> list[float]:
    return [row[method][what] for row in part["resolutions"].values() if what in row[method]]


def _titled(name: str, part: dict) -> str:
    return f"{name} (blind)" if part["blind"] else name
