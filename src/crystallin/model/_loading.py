"""Reading models back, and mapping queries onto them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crystallin import _checks as checks

from ._files import read_saved_model
from ._surgery import count_categories, start_new_rows, train_new_rows_only

if TYPE_CHECKING:
    from anndata import AnnData


class LoadingMixin:
    """``load`` and ``load_query_data`` with their checks in front of scvi-tools' work."""

    @classmethod
    def load(
        cls, dir_path: str | Path, adata: AnnData | None = None, *, prefix: str | None = None, **kwargs: Any
    ) -> Self:
        """Load a saved model.

        Parameters
        ----------
        dir_path
            Folder that ``save`` wrote.
        adata
            Data to attach, with the model's genes. ``None`` takes the AnnData saved with the model, if any.
        prefix
            Prefix of the file names, as given to ``save``.
        **kwargs
            To :meth:`scvi.model.SCVI.load`.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder holds no model, one cut short, one of another class, or the genes differ.

        Examples
        --------
        >>> model = cr.ProgramVAE.load("my_model", adata)  # doctest: +SKIP
        """
        saved = read_saved_model(dir_path, prefix, class_name=cls.__name__)
        # False means: without data
        if adata:
            checks.check_same_genes(adata.var_names, saved["var_names"])
        return super().load(str(dir_path), adata, prefix=prefix, **kwargs)

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

        Loadings and encoder stay as they are, to the bit; training the returned model fits the intercepts of batches
        and the effects of categories that the reference did not have. Where there are none the model is ready at once.

        Parameters
        ----------
        adata
            Query with the reference's genes in its order (``ProgramVAE.prepare_query_anndata`` arranges them).
        reference_model
            The reference, or the folder it was saved in.
        inplace_subset_query_vars
            Subset and reorder the genes of ``adata`` to the reference's, in place.
        unfrozen
            Train everything.
        **kwargs
            To :meth:`scvi.model.SCVI.load_query_data`.

        Raises
        ------
        ValueError
            If genes are missing or in another order.

        Examples
        --------
        >>> query_model = cr.ProgramVAE.load_query_data(query, "reference_model")  # doctest: +SKIP
        >>> query_model.train()  # doctest: +SKIP
        """
        if isinstance(reference_model, str | Path):
            saved = read_saved_model(reference_model, class_name=cls.__name__)
            state, genes = saved["model_state_dict"], saved["var_names"]
            reference_model = str(reference_model)
        else:
            state, genes = reference_model.module.state_dict(), reference_model._prior.genes
        checks.check_adata(adata)
        if not inplace_subset_query_vars or not set(genes) <= set(adata.var_names):
            checks.check_same_genes(adata.var_names, genes)
        model = super().load_query_data(
            adata,
            reference_model,
            inplace_subset_query_vars=inplace_subset_query_vars,
            unfrozen=unfrozen,
            **kwargs,
        )
        n_reference = count_categories(state)
        start_new_rows(model.module, n_reference)
        if not unfrozen:
            model.is_trained_ = not train_new_rows_only(model.module, n_reference)
        return model
