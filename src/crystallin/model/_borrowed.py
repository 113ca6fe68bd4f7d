"""Private copies of an AnnData, by which it is read without changing it."""

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
    """Private AnnData that shares matrices with a given one, and is registered with scvi-tools in its place.

    scvi-tools writes columns, arrays and identifiers into registered data, and keeps these as long as the model exists.
    With a private AnnData the caller's data are not changed. It has its own registration as an attribute, and is freed
    when it is no longer used.

    Attributes
    ----------
    manager
        Registration by scvi-tools.
    """

    manager: AnnDataManager


def borrow(adata: AnnData, manager: AnnDataManager) -> Borrowed:
    """Register a private AnnData in place of ``adata``, as ``manager`` registered the data of the model."""
    borrowed = private(adata, manager.data_registry[REGISTRY_KEYS.X_KEY]["attr_key"])
    # scvi-tools warns about things that matter in training only, and checks a random sample of the counts
    with warnings.catch_warnings(), seeded(0):
        warnings.simplefilter("ignore", UserWarning)
        borrowed.manager = manager.transfer_fields(borrowed)
    return borrowed


def private(adata: AnnData, layer: str | None) -> Borrowed:
    """Return an AnnData with counts (converted if necessary), columns and minified representation of ``adata``."""
    counts = adata.X if layer is None else adata.layers[layer]
    if checks.is_in_memory(counts) and not checks.is_simple(counts):
        counts = checks.canonical_csr(counts)
    return Borrowed(
        X=counts if layer is None else None,
        layers={} if layer is None else {layer: counts},
        obs=adata.obs.copy(),
        # the genes that a query measures are needed to read it
        var=adata.var[[name for name in (MEASURED,) if name in adata.var]].copy(),
        # torch does not accept anndata's views of arrays
        obsm={key: np.asarray(value) if isinstance(value, np.ndarray) else value for key, value in adata.obsm.items()},
        uns={key: adata.uns[key] for key in (MINIFY_TYPE_UNS_KEY,) if key in adata.uns},
    )


def readable(manager: AnnDataManager) -> AnnDataManager:
    """Return the registration, or that of a private AnnData if scvi-tools cannot read the counts in memory."""
    counts = manager.get_from_registry(REGISTRY_KEYS.X_KEY)
    return (
        manager
        if not checks.is_in_memory(counts) or checks.is_simple(counts)
        else borrow(manager.adata, manager).manager
    )


@contextmanager
def forgotten_on_error(model_class: type) -> Iterator[None]:
    """Remove data registered in the block from scvi-tools' store if it fails, or they would never be freed."""
    store = model_class._setup_adata_manager_store
    before = set(store)
    try:
        yield
    except BaseException:
        for key in set(store) - before:
            del store[key]
        raise
