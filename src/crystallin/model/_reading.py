"""Data that a model reads: checks, and registration that does not change the caller's AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crystallin import _checks as checks
from crystallin._keys import DIFFERENTIAL_ABUNDANCE
from crystallin._part import Part

from ._about import AboutMixin
from ._borrowed import Borrowed, borrow, private, readable
from ._compat import MINIFY_TYPE_UNS_KEY, REGISTRY_KEYS, SCVI_UUID_KEY, AnnDataManager, settings
from ._registered import check_columns, check_range, check_size_factors
from ._resident import DenseCells
from ._seeding import seeded
from ._session import Reading, Stream

if TYPE_CHECKING:
    from anndata import AnnData


class ReadingMixin(AboutMixin):
    """``reading``, and the way in which inherited methods of scvi-tools read data."""

    def reading(self, adata: AnnData | Reading | None = None) -> Reading:
        """Check data once, for use in several calls of the model's methods.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order; ``None`` uses the data of the model. The data are not
            changed.

        Returns
        -------
        A :class:`Reading`, which every method of the model accepts in place of ``adata``. Use it within one function
        only, because later changes of the data or of the model are not noticed.

        Raises
        ------
        RuntimeError
            If the model is not trained.
        ValueError
            If the genes differ from the model's, the matrix does not hold counts, or a column of :meth:`setup_anndata`
            has missing values or categories that are unknown to the model.

        Examples
        --------
        >>> reading = model.reading()  # doctest: +SKIP
        >>> [model.get_activity(reading, cells) for cells in groups]  # doctest: +SKIP
        """
        self._check_if_trained(warn=False)
        self.module.eval()
        if isinstance(adata, Reading):
            if adata.model is not self:
                msg = "adata is a reading of another model. Give the AnnData, or call the reading method of this model."
                raise ValueError(msg)
            return adata
        adata = self.adata if adata is None else adata
        if isinstance(adata, Part) and adata.stands_for is not None and self._is_registered(adata.stands_for):
            adata = adata.stands_for
        if adata is None:
            msg = "The model has no data. Give adata= (or dataloader=)."
            raise ValueError(msg)
        if self.module.minified_data_type is not None and MINIFY_TYPE_UNS_KEY not in adata.uns:
            msg = (
                "The data of this model are minified, so it accepts minified data only. To use other data, load the "
                "model that was saved before minify_adata."
            )
            raise ValueError(msg)
        # the model's own data are checked as well, because X may have been normalised after training
        gene_totals = self._check_data(adata)
        return Reading(self, self._registered(adata), gene_totals, self._is_registered(adata))

    def _source(
        self, adata: AnnData | Reading | None, indices: Sequence[int] | None = None
    ) -> tuple[Reading, np.ndarray]:
        """Return checked data with counts, and the positions of the cells."""
        self._check_counts_are_there("These results need", "the AnnData with counts")
        reading = self.reading(adata)
        positions = reading.positions(indices)
        # these results contain all programs, so a warning names those whose genes are not measured
        reading.warn_of_unmeasured()
        return reading, positions

    def _cells(
        self,
        adata: AnnData | Reading | None,
        indices: Sequence[int] | None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None,
    ) -> tuple[Reading, np.ndarray] | tuple[Stream, None]:
        """Return checked data and the positions of the cells, and set the module to evaluation mode."""
        if dataloader is None:
            reading = self.reading(adata)
            return reading, reading.positions(indices)
        if adata is not None or indices is not None:
            msg = "dataloader determines the cells, so leave out adata and indices."
            raise ValueError(msg)
        self._check_if_trained(warn=False)
        self.module.eval()
        return Stream(dataloader), None

    def _check_data(self, adata: AnnData) -> np.ndarray | None:
        """Raise an error if the model cannot read these data; return the total counts of the genes."""
        if not all(hasattr(adata, name) for name in ("obs", "var_names", "layers")):
            msg = f"adata is a {type(adata).__name__}; give an AnnData."
            raise TypeError(msg)
        if adata.n_obs == 0:
            msg = "adata has no cells."
            raise ValueError(msg)
        checks.check_same_genes(adata.var_names, self._prior.genes)
        check_size_factors(adata, self.registry)
        # scvi-tools has copies of the other columns of the model's own data
        if not self._is_registered(adata):
            check_columns(adata, self.registry)
            decoder = self.module.decoder
            buffers = (decoder.continuous_mean, decoder.continuous_sd) if len(decoder.continuous) else ()
            if buffers:
                check_range(adata, self.registry, *(buffer.cpu().numpy() for buffer in buffers))
        # minified data contain no counts
        is_own_minified = MINIFY_TYPE_UNS_KEY in adata.uns and self._is_registered(adata)
        if self.module.minified_data_type is not None or is_own_minified:
            return None
        return checks.check_counts(adata, self.registry["setup_args"]["layer"], warn=False)

    def _registered(self, adata: AnnData) -> AnnData:
        """Return registered data: the model's own, or a private AnnData that shares the matrices of other data."""
        if self._is_registered(adata):
            super()._validate_anndata(adata)
            manager = readable(super().get_anndata_manager(adata, required=True))
            return manager.adata
        if self.adata_manager is not None:
            return borrow(adata, self.adata_manager)
        # the model was loaded without data, so there is only the registry
        borrowed = private(adata, self.registry["setup_args"]["layer"])
        with seeded(0):
            super().setup_anndata(borrowed, source_registry=self.registry, **self.registry["setup_args"])
        borrowed.manager = self._get_most_recent_anndata_manager(borrowed, required=True)
        # this store would keep the data as long as the process runs
        del self._setup_adata_manager_store[borrowed.uns[SCVI_UUID_KEY]]
        return borrowed

    def _is_registered(self, adata: AnnData) -> bool:
        """Return whether this AnnData object itself is registered with this model; a copy has the same identifier."""
        managers = self._per_instance_manager_store.get(self.id, {}).values()
        return any(manager.adata is adata for manager in managers)

    # overridden methods by which inherited methods of scvi-tools read data in the same way

    def _validate_anndata(self, adata: AnnData | Reading | None = None, copy_if_view: bool = True) -> AnnData:
        if isinstance(adata, Reading):
            return self.reading(adata).adata
        if isinstance(adata, Borrowed):
            return adata
        adata = self.adata if adata is None else adata
        if adata is None:
            msg = "The model has no data. Give adata=."
            raise ValueError(msg)
        reading = self.reading(adata)
        reading.warn_of_unmeasured()
        return reading.adata

    def get_anndata_manager(self, adata: AnnData, required: bool = False) -> AnnDataManager | None:
        """Return scvi-tools' registration of data that the model reads."""
        if isinstance(adata, Borrowed):
            return adata.manager
        if adata is None or self._is_registered(adata) or self.adata_manager is None:
            return super().get_anndata_manager(adata, required)
        # for a copy of registered data, scvi-tools would write into that copy
        return self._validate_anndata(adata).manager if required else None

    def _make_data_loader(
        self,
        adata: AnnData,
        indices: Sequence[int] | None = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        **kwargs: Any,
    ) -> Iterable[dict[str, torch.Tensor]]:
        positions = checks.check_indices(indices, adata.obs_names)
        manager = self.get_anndata_manager(adata, required=True)
        # scvi-tools sorts the cells of a minibatch that it reads from disk, and cannot read every type of dask array
        if not checks.is_in_memory(manager.get_from_registry(REGISTRY_KEYS.X_KEY)):
            cells = DenseCells(manager, torch.device("cpu"))
            return cells.loader(positions, settings.batch_size if batch_size is None else batch_size, shuffle=shuffle)
        return super()._make_data_loader(adata, positions, batch_size, shuffle, **kwargs)

    def differential_abundance(self, adata: AnnData | None = None, *args: Any, **kwargs: Any) -> None:
        """Write the log probability of each cell under each sample into the given data, as computed by scvi-tools.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order; ``None`` uses the data of the model.
        *args, **kwargs
            Further arguments of :meth:`scvi.model.SCVI.differential_abundance`.

        Returns
        -------
        ``None``. Sets ``adata.obsm["da_log_probs"]``, cells x samples.
        """
        read = self._validate_anndata(adata)
        super().differential_abundance(read, *args, **kwargs)
        given = self.adata if adata is None else adata
        given.obsm[DIFFERENTIAL_ABUNDANCE] = read.obsm[DIFFERENTIAL_ABUNDANCE]

    @property
    def adata(self) -> AnnData | None:
        """Data of the model."""
        return super().adata

    @adata.setter
    def adata(self, adata: AnnData) -> None:
        if self.is_trained_ and not self._is_registered(adata) and MINIFY_TYPE_UNS_KEY not in adata.uns:
            self._check_data(adata)
        self._adopt(adata)
        super(ReadingMixin, type(self)).adata.fset(self, adata)

    def _update_adata_and_manager_post_minification(self, minified_adata: AnnData, *args: Any) -> None:
        self._adopt(minified_adata)
        super()._update_adata_and_manager_post_minification(minified_adata, *args)

    def _adopt(self, adata: AnnData) -> None:
        """Register data that become the model's own."""
        if adata is not None and not self._is_registered(adata) and super().get_anndata_manager(adata) is None:
            super()._validate_anndata(adata)

    def _check_counts_are_there(
        self,
        what: str = "The refined posterior needs",
        remedy: str = "refine=False for the posterior that was stored, or the AnnData with counts",
    ) -> None:
        if self.module.minified_data_type is not None:
            msg = f"{what} counts, but the data of this model are minified. Use {remedy}."
            raise ValueError(msg)
