"""Support for pickle, joblib and ``copy.deepcopy``."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ._compat import SCVI_UUID_KEY
from ._surgery import protect_reference_rows


class PicklingMixin:
    """State of a copied model, independent of the original."""

    def __getstate__(self) -> dict[str, Any]:
        # the trainer has loggers, data loaders and schedules of a training that is complete
        return {name: value for name, value in self.__dict__.items() if name != "trainer"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # scvi-tools finds registered data by ids of data and model, in stores that are empty in a new process
        self.id = str(uuid4())
        manager = getattr(self, "_adata_manager", None)
        if manager is not None:
            store = type(self)._setup_adata_manager_store
            if store.setdefault(manager.adata_uuid, manager).adata is not manager.adata:
                # the original exists in the same process
                self.registry_[SCVI_UUID_KEY] = manager.adata.uns[SCVI_UUID_KEY] = str(uuid4())
                store[manager.adata_uuid] = manager
            self._register_manager_for_instance(manager)
        # torch does not copy hooks
        protect_reference_rows(self.module)
