"""Genes to train on: variable ones, and those of gene sets."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import GENES_SELECTED, SELECT_GENES, given
from crystallin.programs import align, read_gene_sets

from ._reading import gene_names

if TYPE_CHECKING:
    from collections.abc import Hashable

logger = logging.getLogger(__name__)

MEMBERS = "members"
# counts per cell that they are scaled to before the logarithm
TARGET_SUM = 1e4
# flavours of scanpy that read counts; the others read their logarithms
OF_COUNTS = ("seurat_v3", "seurat_v3_paper")
FLAVORS = ("seurat", "cell_ranger", *OF_COUNTS)


def select_genes(
    adata: AnnData,
    programs: str | Path | Mapping[str, Iterable[str] | Mapping[str, float]] | pd.DataFrame | None = None,
    *,
    n_top_genes: int = 2000,
    flavor: Literal["seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper"] = "seurat",
    batch_key: str | None = None,
    layer: str | None = None,
    keep: Literal["members"] | int | None = MEMBERS,
    gene_symbols: str | None = None,
    min_genes: int = 5,
    max_genes: int | None = 500,
    subset: bool = False,
    key_added: str = GENES_SELECTED,
    copy: bool = False,
) -> AnnData | None:
    """Select the genes to train on: the most variable ones, and genes of the programs.

    A model of some thousand genes trains faster than one of all genes, and programs lose little, because genes that do
    not vary say little about them. But a selection by variability alone drops members of sets that are active in few
    cells, so the genes of the sets are kept as well. ``cr.fit(…, n_top_genes=2000)`` calls this function and trains on
    the genes that it selects.

    Parameters
    ----------
    adata
        Annotated data with raw counts, cells x genes, in memory.
    programs
        Gene sets in any form that :func:`crystallin.pp.add_programs` accepts. ``None`` selects variable genes only.
    n_top_genes
        Number of variable genes. If ``adata`` has fewer, all are selected, and a note in the log says so.
    flavor
        Method of :func:`scanpy.pp.highly_variable_genes`. The default needs no further package. ``"seurat"`` and
        ``"cell_ranger"`` get the logarithms of counts per 10,000, which are computed here and not stored;
        ``"seurat_v3"`` and ``"seurat_v3_paper"`` get the counts, and need scikit-misc.
    batch_key
        Column of ``obs`` with batches. Genes are then selected in each batch, and those that vary in most batches
        count, so that differences between batches are not taken for variability.
    layer
        Layer with raw counts; ``None`` uses ``X``.
    keep
        Genes of programs that are selected beside the variable ones: ``"members"``, all of them; a number, so many of
        each set, the most variable ones (for collections whose sets contain most genes); ``None``, none. Genes without
        any count are left out.
    gene_symbols, min_genes, max_genes
        As in :func:`crystallin.pp.add_programs`: sets that it would leave out because of their size keep no genes.
    subset
        Drop the other genes from ``adata``. The default leaves them there.
    key_added
        Name of the column of ``adata.var``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.var[key_added]`` : bool
        Whether a gene is selected.
    ``adata.uns["select_genes"]`` : dict
        The arguments, by ``key_added``.

    Raises
    ------
    KeyError
        If there is no such layer or column.
    ImportError
        If the flavour needs scikit-misc, which is not installed.
    ValueError
        If the matrix does not hold counts or is not in memory, no gene of the programs is in the data, an argument is
        out of range, or ``adata.var`` has a column ``key_added`` that this function did not write.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.select_genes(adata, "immune", n_top_genes=300, layer="counts", min_genes=3)
    >>> int(adata.var["selected"].sum()) < adata.n_vars
    True
    """
    checks.check_adata(adata, copy=copy)
    checks.check_choice(flavor, "flavor", FLAVORS)
    checks.check_int(n_top_genes, "n_top_genes", 1)
    if keep != MEMBERS and keep is not None:
        _check_keep(keep)
    checks.check_sizes(min_genes, max_genes)
    checks.check_bool(subset, "subset")
    checks.check_categories(adata, batch_key, "batch_key")
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    _check_column(adata, key_added)
    if flavor in OF_COUNTS and find_spec("skmisc") is None:
        msg = f"flavor={flavor!r} needs scikit-misc: pip install scikit-misc. Or use flavor='seurat', which does not."
        raise ImportError(msg)
    matrix = _counts(adata, layer)
    has_counts = checks.check_counts(adata, layer, warn=False) > 0
    members = None
    if programs is not None:
        sets, names = read_gene_sets(programs), gene_names(adata, gene_symbols)
        with warnings.catch_warnings():
            # add_programs says the same
            warnings.simplefilter("ignore", UserWarning)
            members = align(sets, names, min_genes=min_genes, max_genes=max_genes).matrix != 0

    is_variable, score = _variable(matrix, adata, batch_key, n_top_genes=n_top_genes, flavor=flavor)
    kept = np.zeros(adata.n_vars, dtype=bool) if members is None else _kept(members, keep, score, has_counts)
    selected = (is_variable | kept) & has_counts
    logger.info(
        "Selected %d of %d genes: %d that vary most, and %d further genes of programs.",
        selected.sum(),
        adata.n_vars,
        (is_variable & has_counts).sum(),
        (kept & ~is_variable).sum(),
    )

    adata = adata.copy() if copy else adata
    params = {"n_top_genes": n_top_genes, "flavor": flavor, "batch_key": batch_key, "layer": layer, "keep": keep}
    adata.var[key_added] = selected
    adata.uns[SELECT_GENES] = {**adata.uns.get(SELECT_GENES, {}), key_added: given(params)}
    if subset:
        adata._inplace_subset_var(selected)
    return adata if copy else None


def _check_keep(keep: Any) -> None:
    if isinstance(keep, bool) or not isinstance(keep, int | np.integer) or keep < 1:
        msg = (
            f"keep={keep!r} must be 'members' (all genes of the programs), a number from 1 (so many of each), or None."
        )
        raise ValueError(msg)


def _check_column(adata: AnnData, column: str) -> None:
    """Raise unless the column is new, or was written by this function."""
    checks.check_slot_name(column, "key_added")
    if column in adata.var and column not in adata.uns.get(SELECT_GENES, {}):
        msg = (
            f"key_added={column!r} is already a column of adata.var, which would be lost; choose another name, or drop "
            f"it first: del adata.var[{column!r}]."
        )
        raise ValueError(msg)


def _counts(adata: AnnData, layer: str | None) -> Any:
    """Return the matrix; raise unless it is in memory."""
    checks.check_layer(adata, layer)
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is not None and not checks.is_in_memory(matrix):
        where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
        msg = (
            f"{where} is not in memory, where variable genes are looked for. Select genes in adata.to_memory(), or in "
            "some of the cells, and write a file with these genes."
        )
        raise ValueError(msg)
    return matrix


def _variable(
    matrix: Any, adata: AnnData, batch_key: str | None, *, n_top_genes: int, flavor: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return which genes vary most, and the score by which this was decided, by scanpy."""
    import scanpy as sc

    if n_top_genes >= adata.n_vars:
        logger.warning("n_top_genes=%d, but adata has %d genes: all are selected.", n_top_genes, adata.n_vars)
        return np.ones(adata.n_vars, dtype=bool), np.zeros(adata.n_vars)
    obs: dict[Hashable, Any] = {} if batch_key is None else {"batch": adata.obs[batch_key].astype(str).to_numpy()}
    private = AnnData(
        checks.canonical_csr(matrix).astype(np.float32), pd.DataFrame(obs, adata.obs_names), adata.var[[]].copy()
    )
    if flavor not in OF_COUNTS:
        sc.pp.normalize_total(private, target_sum=TARGET_SUM)
        sc.pp.log1p(private)
    batch = None if batch_key is None else "batch"
    sc.pp.highly_variable_genes(private, n_top_genes=n_top_genes, flavor=flavor, batch_key=batch)
    score = private.var["variances_norm" if flavor in OF_COUNTS else "dispersions_norm"].to_numpy(dtype=float)
    return private.var["highly_variable"].to_numpy(dtype=bool), score


def _kept(members: sparse.csr_matrix, keep: str | int | None, score: np.ndarray, has_counts: np.ndarray) -> np.ndarray:
    """Return the genes to keep: all members, or the best of each program by their score."""
    if keep is None:
        return np.zeros(members.shape[0], dtype=bool)
    if keep == MEMBERS:
        return (members.getnnz(axis=1) > 0) & has_counts
    kept = np.zeros(members.shape[0], dtype=bool)
    by_program = members.tocsc()
    ranked = np.where(np.isfinite(score), score, -np.inf)
    for start, end in zip(by_program.indptr[:-1], by_program.indptr[1:], strict=True):
        genes = by_program.indices[start:end]
        genes = genes[has_counts[genes]]
        kept[genes[np.argsort(-ranked[genes], kind="stable")[: int(keep)]]] = True
    return kept
