"""Gene sets, aligned to the genes of an AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin.programs import add_decoys, align, make_prior, read_gene_sets

from ._reading import gene_names, mean_expression
from ._writing import write_programs

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def add_programs(
    adata: AnnData,
    programs: str | Path | Mapping[str, Iterable[str] | Mapping[str, float]] | pd.DataFrame,
    *,
    gene_symbols: str | None = None,
    min_genes: int = 5,
    max_genes: int | None = 500,
    n_decoys: int = 0,
    layer: str | None = None,
    random_state: int = 0,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Align gene sets to the genes of ``adata`` and store them as the prior of a :class:`~crystallin.ProgramVAE`.

    Select genes (highly variable ones, for example) before this call, not after it: sizes, decoys and coverage refer to
    the genes that are in ``adata`` now.

    Parameters
    ----------
    adata
        Annotated data, cells x genes.
    programs
        One of

        * ``"immune"``: the built-in collection of human immune cell types, states and pathways;
        * the path of a ``.gmt`` or ``.gmt.gz`` file in UTF-8; ``CD3E,-1.0`` is a gene with a weight;
        * a dict from program name to gene names, or to a dict or Series from gene name to weight;
        * a DataFrame with columns ``source``, ``target`` and optionally ``weight`` (or ``mor``), such as decoupler's
          networks, or the path of a ``.csv`` or ``.tsv`` file with such a table. The sign of ``weight`` is the
          direction in which the program changes the gene, and the model keeps it;
        * ``"enrichr:LIBRARY"`` or ``"msigdb:COLLECTION[@RELEASE]"`` (``"msigdb:h.all"``): downloaded with gseapy into
          its cache.
    gene_symbols
        Column of ``adata.var`` with the names of the genes as the gene sets write them; ``None`` uses ``var_names``. If
        several genes have the same symbol, all of them become members.
    min_genes, max_genes
        Smallest and largest number of a program's genes that are **present in the data**. Programs outside these limits
        are dropped, and the table gives the reason. Programs of fewer than 5 genes can rarely be told apart, and sets
        of more than 500 are too unspecific. ``max_genes=None`` sets no upper limit.
    n_decoys
        Number of random sets (decoys) to train alongside, as an empirical null distribution. Each decoy has the size
        and the signs of a real program; each of its genes has a mean expression similar to that of a member, and is not
        in that program itself. Accessors hide decoys by default.
    layer
        Layer with the expression that decoys are matched on; ``None`` uses ``X``.
    random_state
        Seed of the decoys.
    key_added
        Key of the programs, which is the prefix of all their slots. Use different keys to keep several collections in
        one AnnData.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Activities and loadings of earlier programs under ``key_added`` are removed,
    and results for these programs are no longer returned or drawn. Sets:

    ``adata.varm[key_added]`` : :class:`scipy.sparse.csr_matrix`, float32, genes x programs
        Weight of each member (1 if none was given), and 0 for other genes; decoys are the last columns.
    ``adata.uns[key_added]["names"]`` : :class:`numpy.ndarray` of str
        Program names, in column order.
    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row per gene set: ``name``; ``n_genes``, the number of genes in the set; ``n_present``, the number of these
        that are in the data; ``coverage``, their share; ``missing`` genes; ``signed``; ``kept``, and the ``reason`` if
        the set was dropped; ``decoy`` and its ``template``; for the built-in collection also ``category``, ``parent``,
        ``reference`` and ``doi``.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, the source of the sets, and a hash of the genes, to detect later changes.

    Raises
    ------
    ValueError
        If no gene matches (the message shows names of both sides and the likely cause), no program has a size within
        the limits, gene sets are ambiguous (the message names the line or row), decoys are asked for but there is no
        expression to match them on, or slots of ``key_added`` hold something other than programs.
    TypeError
        If ``programs`` has an unsupported type, or names are not text.
    FileNotFoundError, ConnectionError
        If the file does not exist, or the library's server cannot be reached.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, {"B cell": ["CD79A", "CD79B", "MS4A1"], "NK": ["GNLY", "NKG7", "PRF1"]}, min_genes=2)
    >>> adata.varm["programs"].shape
    (765, 2)
    """
    checks.check_adata(adata, copy=copy)
    checks.check_programs_key(adata, key_added)
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    checks.check_layer(adata, layer)
    checks.check_sizes(min_genes, max_genes)
    checks.check_int(n_decoys, "n_decoys", 0)
    checks.check_int(random_state, "random_state", 0)

    sets = read_gene_sets(programs)
    aligned = align(sets, gene_names(adata, gene_symbols), min_genes=min_genes, max_genes=max_genes)
    if n_decoys:
        rng = np.random.default_rng(random_state)
        aligned = add_decoys(aligned, mean_expression(adata, layer), n_decoys=n_decoys, rng=rng)

    # raises where the model would, before anything is written
    make_prior(aligned.matrix, adata.var_names, aligned.names)

    adata = adata.copy() if copy else adata
    params = {
        "origin": sets.origin,
        "gene_symbols": gene_symbols,
        "min_genes": min_genes,
        "max_genes": max_genes,
        "n_decoys": n_decoys,
        "random_state": random_state,
    }
    write_programs(adata, Keys(key_added), aligned.matrix, aligned.table, params)
    return adata if copy else None
