"""Gene loadings, written into AnnData."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, FREE, LOADINGS_PARAMS, Keys

from ._shared import add_to_table, on_model_genes

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramEnsemble, ProgramVAE


@on_model_genes
def loadings(adata: AnnData, model: ProgramVAE, *, key_added: str = DEFAULT_KEY, copy: bool = False) -> AnnData | None:
    """Write how strongly each program changes the expression of each of its genes.

    The loading of gene ``g`` on program ``p`` is the change of the gene's log rate (natural logarithm) when the
    activity of ``p`` rises by one. It is 0 for genes that are not members, and has the sign of the gene set's weight
    for members.

    Parameters
    ----------
    adata
        Data with the model's genes; further genes get loadings of 0.
    model
        A trained model.
    key_added
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.varm[key_added + "_loadings"]`` : :class:`numpy.ndarray`, float32, genes x programs
        Loadings. The columns are in the order of ``adata.uns[key_added]["names"]`` and include decoys.
    ``adata.varm[key_added + "_loadings_sd"]``, ``adata.uns[key_added]["table"]["loadings_stability"]``
        Only for a :class:`~crystallin.ProgramEnsemble`: standard deviations of the loadings between fits, and mean
        cosine between the loadings of the first fit and those of each refit.
    ``adata.varm[key_added + "_free_loadings"]`` : :class:`numpy.ndarray`, float32, genes x free programs
        The same for free programs, if the model has any.
    ``adata.varm[key_added + "_free_rank"]`` : :class:`numpy.ndarray`, int32, genes x free programs
        Rank of each gene of a free program, 1 for the most typical one (see
        :meth:`crystallin.ProgramVAE.get_free_genes`), and 0 for other genes.
    ``adata.uns[key_added]["loadings_params"]`` : dict
        The model's class, the hash of its weights, and the names of the free programs, if there are any.

    Raises
    ------
    KeyError
        If ``adata`` has neither programs nor activities under ``key_added``.
    ValueError
        If genes or programs differ from the model's.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.loadings(adata, model)
    >>> adata.varm["programs_loadings"].shape == adata.varm["programs"].shape
    True
    """
    keys = Keys(key_added)
    checks.check_adata(adata, copy=copy)
    checks.check_slot_name(key_added, "key_added")
    checks.check_table(adata, keys)
    frame = model.get_loadings()
    names = model.program_names
    checks.check_same_genes(adata.var_names, frame.index.to_numpy(dtype=str))
    checks.check_same_programs(adata, keys, names, model.prior_digest)
    digest = model.digest
    found = model.get_free_genes()
    sd = model.get_loadings_sd().to_numpy(dtype=np.float32)[:, : len(names)] if model.refits else None

    adata = adata.copy() if copy else adata
    # the columns after the programs are free programs
    of_programs, of_free = np.split(frame.to_numpy(dtype=np.float32), [len(names)], axis=1)
    adata.varm[keys.loadings] = of_programs
    params: dict[str, Any] = {"model": type(model).__name__, "digest": digest}
    for slot in keys.of_genes - {keys.loadings}:
        # of an earlier model
        adata.varm.pop(slot, None)
    if sd is not None:
        adata.varm[keys.loadings_sd] = sd
        add_to_table(adata, keys, pd.DataFrame({"loadings_stability": _cosines(model)}, index=names))
    if found:
        adata.varm[keys.free_loadings] = of_free
        adata.varm[keys.free_rank] = _ranks(frame.index, found.values())
        params[FREE] = np.array(list(found), dtype=str)
    # a new dictionary: another AnnData may share the old one
    adata.uns[keys.uns] = {**adata.uns[keys.uns], LOADINGS_PARAMS: params}
    return adata if copy else None


def _cosines(model: ProgramEnsemble) -> np.ndarray:
    """Return the mean cosine between the loadings of the first fit and of each refit, by program; 0 without any."""
    first, *again = (fit.get_loadings().to_numpy(dtype=float)[:, : len(fit.program_names)] for fit in model.fits)
    cosines = []
    for other in again:
        size = np.linalg.norm(first, axis=0) * np.linalg.norm(other, axis=0)
        cosines.append(np.divide((first * other).sum(axis=0), size, out=np.zeros_like(size), where=size > 0))
    return np.mean(cosines, axis=0)


def _ranks(genes: pd.Index, found: Iterable[pd.Series]) -> np.ndarray:
    """Return the rank of each gene of each free program, genes x free programs; 0 for genes outside."""
    ranks = [pd.Series(np.arange(1, len(loadings) + 1), loadings.index) for loadings in found]
    return np.column_stack([rank.reindex(genes, fill_value=0) for rank in ranks]).astype(np.int32)
