"""AnnData of other people, read without leaving anything in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import MEASURED

from ._compat import MINIFY_TYPE_UNS_KEY, REGISTRY_KEYS, AnnDataManager
from ._seeding import seeded


class Borrowed(AnnData):
    """A private AnnData that shares matrices with one that was given, for scvi-tools to register instead.

    scvi-tools writes columns, arrays and identifiers into what it registers, and keeps it for as long as the model
    lives. This one takes them up, carries its own registration along, and is gone when nobody reads it any more.

    Attributes
    ----------
    manager
        scvi-tools' registration.
    """

    manager: AnnDataManager


def borrow(adata: AnnData, manager: AnnDataManager) -> Borrowed:
    """Register a private AnnData in place of ``adata``, as ``manager`` registered the data of the model."""
    borrowed = private(adata, manager.data_registry[REGISTRY_KEYS.X_KEY]["attr_key"])
    # scvi-tools warns of what would matter in training, and draws the counts that it looks at at random
    with warnings.catch_warnings(), seeded(0):
        warnings.simplefilter("ignore", UserWarning)
        borrowed.manager = manager.transfer_fields(borrowed)
    return borrowed


def private(adata: AnnData, layer: str | None) -> Borrowed:
    """Counts, columns and minified representation of ``adata``; counts in memory in a layout that can be read."""
    counts = adata.X if layer is None else adata.layers[layer]
    if checks.is_in_memory(counts) and not checks.is_simple(counts):
        counts = checks.canonical_csr(counts)
    return Borrowed(
        X=counts if layer is None else None,
        layers={} if layer is None else {layer: counts},
        obs=adata.obs.copy(),
        # what a query measures is needed to read it
        var=adata.var[[name for name in (MEASURED,) if name in adata.var]].copy(),
        # views of arrays are no arrays to torch
        obsm={key: np.asarray(value) if isinstance(value, np.ndarray) else value for key, value in adata.obsm.items()},
        uns={key: adata.uns[key] for key in (MINIFY_TYPE_UNS_KEY,) if key in adata.uns},
    )


def readable(manager: AnnDataManager) -> AnnDataManager:
    """The registration, or that of a private AnnData if the counts lie in memory as scvi-tools cannot read them."""
    counts = manager.get_from_registry(REGISTRY_KEYS.X_KEY)
    return (
        manager
        if not checks.is_in_memory(counts) or checks.is_simple(counts)
        else borrow(manager.adata, manager).manager
    )


@contextmanager
def forgotten_on_error(model_class: type) -> Iterator[None]:
    """Let go of data that are registered in the block if it raises; scvi-tools would keep them for ever."""
    store = model_class._setup_adata_manager_store
    before = set(store)
    try:
        yield
    except BaseException:
        for key in set(store) - before:
            del store[key]
        raise
