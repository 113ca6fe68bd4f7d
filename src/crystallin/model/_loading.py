"""Loading of saved models, and mapping of queries onto them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import MEASURED
from crystallin._rollback import unchanged_on_error

from ._borrowed import forgotten_on_error
from ._compat import SAVE_KEYS, SCVI, SCVI_UUID_KEY
from ._files import read_saved_model
from ._registered import check_columns, check_kinds
from ._surgery import count_categories, start_new_rows, train_new_rows_only
from ._unmeasured import REMEDY, without

if TYPE_CHECKING:
    from anndata import AnnData


class LoadingMixin:
    """``load`` and ``load_query_data`` of scvi-tools with checks of the saved model and the data."""

    @classmethod
    def load(
        cls, dir_path: str | Path, adata: AnnData | None = None, *, prefix: str | None = None, **kwargs: Any
    ) -> Self:
        """Load a saved model.

        Parameters
        ----------
        dir_path
            Folder written by ``save``.
        adata
            Data to attach, with the model's genes. ``None`` uses the AnnData saved with the model, if any.
        prefix
            Prefix of the file names, as given to ``save``.
        **kwargs
            Further arguments of :meth:`scvi.model.SCVI.load`.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder contains no model, an incomplete one or one of another class, or if the genes differ.

        Examples
        --------
        >>> model = cr.ProgramVAE.load("my_model", adata)  # doctest: +SKIP
        """
        saved = read_saved_model(dir_path, prefix, class_name=cls.__name__)
        # False means without data
        if adata:
            checks.check_same_genes(adata.var_names, saved["var_names"])
            check_columns(adata, saved[SAVE_KEYS.ATTR_DICT_KEY]["registry_"])
        model = super().load(str(dir_path), adata, prefix=prefix, **kwargs)
        if getattr(model, "n_reference_", None) is not None:
            # the model of a query, in which the parameters of the reference stay frozen
            train_new_rows_only(model.module, model.n_reference_)
        return model

    @classmethod
    def load_query_data(
        cls,
        adata: AnnData,
        reference_model: str | Path | Self,
        inplace_subset_query_vars: bool = False,
        unfrozen: bool = False,
        **kwargs: Any,
    ) -> Self:
        """Map a query onto a trained reference (Lotfollahi et al. 2022, Nat Biotechnol 40:121).

        Loadings and encoder of the reference are not changed. Training the returned model fits only the intercepts of
        batches, and the effects of categories, that the reference does not have. If there are none, the model can be
        used without training.

        Parameters
        ----------
        adata
            Query with the reference's genes in the same order; :meth:`prepare_query_anndata` arranges them.
        reference_model
            The reference model, or the folder in which it was saved.
        inplace_subset_query_vars
            Subset and reorder the genes of ``adata`` to those of the reference, in place.
        unfrozen
            Train all parameters.
        **kwargs
            Further arguments of :meth:`scvi.model.SCVI.load_query_data`.

        Raises
        ------
        ValueError
            If genes are missing or in another order, or a column of the model is missing or incomplete.

        Examples
        --------
        >>> query_model = cr.ProgramVAE.load_query_data(query, "reference_model")  # doctest: +SKIP
        >>> query_model.train()  # doctest: +SKIP
        """
        if isinstance(reference_model, str | Path):
            saved = read_saved_model(reference_model, class_name=cls.__name__)
            state, genes = saved["model_state_dict"], saved["var_names"]
            registry, reference_model = saved[SAVE_KEYS.ATTR_DICT_KEY]["registry_"], str(reference_model)
        else:
            state, genes = reference_model.module.state_dict(), reference_model._prior.genes
            registry = reference_model.registry
        checks.check_adata(adata)
        if not inplace_subset_query_vars or not set(genes) <= set(adata.var_names):
            checks.check_same_genes(adata.var_names, genes)
        check_kinds(adata, registry)
        options = {"inplace_subset_query_vars": inplace_subset_query_vars, "unfrozen": unfrozen, **kwargs}
        if inplace_subset_query_vars and not np.array_equal(adata.var_names, genes):
            # scvi-tools subsets genes first and may fail later, so the call is tried on a copy
            trial = adata[:, list(genes)].copy()
            with forgotten_on_error(cls):
                super().load_query_data(trial, reference_model, **options)
            cls._setup_adata_manager_store.pop(trial.uns[SCVI_UUID_KEY], None)
        with unchanged_on_error(adata), forgotten_on_error(cls):
            model = super().load_query_data(adata, reference_model, **options)
        n_reference = count_categories(state)
        start_new_rows(model.module, n_reference)
        # scvi-tools saves attributes whose names end with an underscore
        model.n_reference_ = None if unfrozen else n_reference
        if not unfrozen:
            model.is_trained_ = not train_new_rows_only(model.module, n_reference)
        return model

    @staticmethod
    def prepare_query_anndata(
        adata: AnnData,
        reference_model: str | Path | LoadingMixin,
        return_reference_var_names: bool = False,
        inplace: bool = True,
    ) -> AnnData | pd.Index | None:
        """Arrange the genes of a query in the order of the model's genes, and fill missing ones with zeros.

        Programs that lose most of their weight with the missing genes get NaN as activities (see :meth:`get_activity`),
        and a warning names them. If genes are missing, ``adata.var["crystallin_measured"]`` says which genes were
        measured.

        Parameters
        ----------
        adata
            Query.
        reference_model
            The model, or the folder in which it was saved.
        return_reference_var_names
            Only return the names of the model's genes.
        inplace
            Change ``adata`` instead of returning a new AnnData.

        Returns
        -------
        ``None``, an AnnData with ``inplace=False``, or the names of the genes with ``return_reference_var_names=True``.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder contains no model, or ``adata`` has none of its genes.

        Examples
        --------
        >>> cr.ProgramVAE.prepare_query_anndata(query, model)  # doctest: +SKIP
        """
        model = None if isinstance(reference_model, str | Path) else reference_model
        if model is None:
            genes = np.asarray(read_saved_model(reference_model, class_name="ProgramVAE")["var_names"], dtype=str)
            reference_model = str(reference_model)
        else:
            genes = model._prior.genes
        if return_reference_var_names:
            return pd.Index(genes)
        is_missing = ~np.isin(genes, adata.var_names.to_numpy(dtype=str))
        if is_missing.all():
            msg = (
                f"adata has none of the model's {len(genes)} genes, which have names such as {checks.some(genes, 3)}. "
                f"Names in adata are {checks.some(adata.var_names, 3)}; use the same type of names."
            )
            raise ValueError(msg)
        uns, raw = dict(adata.uns), adata.raw
        with warnings.catch_warnings():
            # raw is restored below
            warnings.filterwarnings("ignore", message=".*have `.raw` attribute")
            prepared = SCVI.prepare_query_anndata(adata, reference_model, inplace=inplace)
        result = adata if inplace else prepared
        if is_missing.any():
            # scvi-tools concatenates with an AnnData of zeros, and loses uns and raw
            result.uns.update(uns)
            if raw is not None and result.raw is None:
                result.raw = raw.to_adata()
            result.var[MEASURED] = ~is_missing
            described = "" if model is None else without(model.module, is_missing).describe(model._prior)
            warnings.warn(
                f"{int(is_missing.sum())} of the model's {len(genes)} genes are not in adata and were filled with "
                f"zeros: {checks.some(genes[is_missing])}. {described} {REMEDY}",
                UserWarning,
                stacklevel=2,
            )
        return prepared
