"""The part of an AnnData that a model with fewer genes knows.

Tools align arrays with the genes of a model. With data that have more genes, such as those of which
:func:`crystallin.fit` selected some, they work on a private AnnData of the model's genes, and what they wrote is put
into the user's AnnData with values for all genes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from anndata import AnnData
from scipy import sparse

from . import _checks as checks
from ._keys import PARAMS, Keys

P, R = ParamSpec("P"), TypeVar("R")

OF_SCVI = "_scvi"


class Part(AnnData):
    """Private AnnData with some genes of another one: it has the same cells, and shares what is not of genes.

    Attributes
    ----------
    rows
        Position of each gene in the whole.
    before
        What was in it when it was made, by attribute.
    whole
        Weak reference to the user's AnnData.
    stands_for
        Data of a model that have the same cells, if the part was made for this model.
    """

    rows: np.ndarray
    before: dict[str, Any]
    whole: weakref.ref | None = None
    stands_for: AnnData | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "whole"}


def part_of(adata: AnnData, rows: np.ndarray, layer: str | None, stands_for: AnnData | None = None) -> Part:
    """Return the part of ``adata`` with the genes at ``rows``, and with the counts of one layer (``None`` for ``X``).

    ``stands_for`` are data of a model that have the same cells and genes, whose counts are shared.
    """
    counts = stands_for if stands_for is not None else adata
    counts = counts.X if layer is None else counts.layers.get(layer)
    if stands_for is None and counts is not None:
        counts = counts[:, rows]
    values = {slot: value if sparse.issparse(value) else np.asarray(value) for slot, value in adata.varm.items()}
    part = Part(
        X=counts if layer is None else None,
        layers={} if layer is None or counts is None else {layer: counts},
        obs=adata.obs.copy(deep=False),
        var=adata.var.iloc[rows].copy(),
        obsm=dict(adata.obsm),
        varm={slot: value[rows] for slot, value in values.items()},
    )
    part.uns = {slot: _on_genes_of(part, value, adata) for slot, value in adata.uns.items()}
    part.rows, part.whole, part.stands_for = rows, weakref.ref(adata), stands_for
    mappings = {name: dict(getattr(part, name)) for name in ("obsm", "varm", "uns")}
    part.before = {"obs": part.obs.copy(deep=False), **mappings}
    return part


def write_back(part: Part, adata: AnnData) -> None:
    """Write what was changed in the part since it was made into ``adata``; other genes get 0 or, in results, NaN."""
    before = part.before["obs"]
    for name, column in part.obs.items():
        if not str(name).startswith(OF_SCVI) and not (name in before and column.equals(before[name])):
            adata.obs[name] = column
    for name in before.columns.difference(part.obs.columns):
        del adata.obs[name]
    of_programs = {slot for key in checks.programs_keys(part) for where, slot in Keys(key).slots if where == "varm"}

    def of_genes(slot: str, values: Any) -> Any:
        return on_all_genes(values, part.rows, adata.n_vars, fill=0 if slot in of_programs else np.nan)

    _mirror(part.before["obsm"], part.obsm, adata.obsm, lambda _, value: value)
    _mirror(part.before["varm"], part.varm, adata.varm, of_genes)
    _mirror(part.before["uns"], part.uns, adata.uns, lambda _, value: _on_genes_of(adata, value, part))


def on_model_genes(tool: Callable[P, R]) -> Callable[P, R]:
    """Let a tool that takes ``adata`` and ``model`` read data with more genes than the model, which it leaves out."""

    @wraps(tool)
    def on_these(adata: AnnData, model: Any, *args: Any, **kwargs: Any) -> Any:
        rows = _rows_of(adata, model)
        if rows is None:
            return tool(adata, model, *args, **kwargs)
        copy = kwargs.pop("copy", False)
        part = part_of(adata, rows, model.registry["setup_args"].get("layer"), _own(adata, model))
        result = tool(part, model, *args, **kwargs)
        whole = adata.copy() if copy else adata
        write_back(part, whole)
        return whole if copy else result

    return on_these


def on_all_genes(values: Any, rows: np.ndarray, n_genes: int, fill: float = 0) -> Any:
    """Return an array of genes, or of genes x programs, with these rows, and ``fill`` for all other genes."""
    if sparse.issparse(values):
        entries = sparse.coo_matrix(values)
        shape = (n_genes, values.shape[1])
        return sparse.csr_matrix((entries.data, (rows[entries.row], entries.col)), shape=shape)
    every = np.full((n_genes, *values.shape[1:]), fill, dtype=values.dtype)
    every[rows] = values
    return every


def _rows_of(adata: Any, model: Any) -> np.ndarray | None:
    """Return the positions of the model's genes in data that have these and more; ``None`` for all other data."""
    genes = getattr(model, "genes", None)
    if genes is None or not isinstance(adata, AnnData) or adata.is_view or adata.isbacked or hasattr(adata, "root"):
        return None
    if len(genes) >= adata.n_vars or not (adata.var_names.is_unique and adata.obs_names.is_unique):
        return None
    rows = adata.var_names.get_indexer(genes)
    return None if (rows < 0).any() else rows


def _own(adata: AnnData, model: Any) -> AnnData | None:
    """Return the data of the model if they are a part of these."""
    own = model.adata
    is_own = isinstance(own, Part) and own.whole is not None and own.whole() is adata
    return own if is_own and own.obs_names.equals(adata.obs_names) else None


def _on_genes_of(adata: AnnData, value: Any, other: AnnData) -> Any:
    """Return an entry of ``uns``; programs that were added to the genes of ``other`` say so of those of ``adata``."""
    if not checks.is_programs(value) or PARAMS not in value:
        return value
    if value[PARAMS].get("var_names_hash") != checks.hash_names(other.var_names):
        return value
    genes = {"n_vars": adata.n_vars, "var_names_hash": checks.hash_names(adata.var_names)}
    return {**value, PARAMS: {**value[PARAMS], **genes}}


def _mirror(before: Mapping[str, Any], now: Mapping[str, Any], there: Any, as_there: Callable[[str, Any], Any]) -> None:
    """Write entries that are not those of ``before`` into the mapping ``there``, and remove those that are gone."""
    for name in set(before) - set(now):
        there.pop(name, None)
    for name, value in now.items():
        if not name.startswith(OF_SCVI) and (name not in before or before[name] is not value):
            there[name] = as_there(name, value)
