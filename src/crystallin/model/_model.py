"""The model people use."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin.programs import as_prior

from ._compat import MINIFY_TYPE_UNS_KEY, SCVI
from ._loading import LoadingMixin
from ._module import ProgramModule
from ._posterior import PosteriorMixin
from ._prior import read_prior, warn_if_not_identifiable
from ._seeding import seeded
from ._split import split_cells
from ._trainingplan import KeepBestWeights, ProgramTrainingPlan

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from lightning.pytorch import LightningDataModule

logger = logging.getLogger(__name__)

# gradient steps of a default run, and bounds of the epochs they make
DEFAULT_STEPS = 2_000
MIN_EPOCHS, MAX_EPOCHS = 10, 400


class ProgramVAE(PosteriorMixin, LoadingMixin, SCVI):
    """Variational autoencoder whose latent dimensions are gene programs.

    ``log rate = intercept[batch] + covariates + z W``: the activities ``z ~ N(0, I)`` move only the genes that the
    prior connects them to, up where it is positive and down where it is negative. Rates are normalised over genes
    (softmax) and scaled by the library size, counts are negative binomial. The encoder starts out reading each program
    from its own genes. The base class brings saving and loading, query mapping, minified data and gene-level
    differential expression.

    Parameters
    ----------
    adata
        AnnData with programs (:func:`crystallin.pp.add_programs`), registered by :meth:`setup_anndata`.
    registry
        Registry of a datamodule, to train without an AnnData.
    prior
        Genes x programs DataFrame, 0 = not a member, sign = direction. ``None`` takes the programs in ``adata``.
    programs_key
        Where :func:`crystallin.pp.add_programs` put them (its ``key_added``).
    n_unannotated
        Additional latent dimensions that reach every gene, for variation outside the programs. The default 0 keeps all
        variation in named programs; a few take up what they do not explain.
    n_hidden
        Units of the encoder's context network.
    context
        ``False`` leaves the context network out: the encoder reads programs from their own genes only.
    dropout_rate
        Dropout in the context network.
    dispersion
        Inverse dispersion per gene (``"gene"``) or per gene and batch (``"gene-batch"``).
    gene_likelihood
        ``"nb"``, ``"poisson"`` or ``"zinb"`` (probability of a technical zero per gene). The default ``"nb"`` fits
        counts with unique molecular identifiers.
    random_state
        Seed of initialisation, split, minibatches and training. Two models with the same seed on the same CPU are
        identical, and global random states are left alone.

    Raises
    ------
    KeyError
        If ``adata`` has no programs.
    ValueError
        If the genes changed since they were added, or an argument is out of range.

    Notes
    -----
    Masked decoders with gene sets: VEGA (Seninge et al. 2021, Nat Commun 12:5684), expiMap (Lotfollahi et al. 2023, Nat
    Cell Biol 25:337). Differences that matter: unit KL weight, so that posteriors mean something; the sign constraint;
    the primed encoder; the refined posterior (:meth:`get_activity`).

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> model.get_activity().shape[0]
    700
    """

    _module_cls = ProgramModule
    _training_plan_cls = ProgramTrainingPlan

    def __init__(
        self,
        adata: AnnData | None = None,
        registry: dict[str, Any] | None = None,
        prior: pd.DataFrame | dict[str, np.ndarray] | None = None,
        programs_key: str = DEFAULT_KEY,
        n_unannotated: int = 0,
        n_hidden: int = 128,
        context: bool = True,
        dropout_rate: float = 0.1,
        dispersion: Literal["gene", "gene-batch"] = "gene",
        gene_likelihood: Literal["nb", "poisson", "zinb"] = "nb",
        random_state: int = 0,
    ) -> None:
        checks.check_choice(gene_likelihood, "gene_likelihood", ("nb", "poisson", "zinb"))
        checks.check_choice(dispersion, "dispersion", ("gene", "gene-batch"))
        checks.check_int(n_unannotated, "n_unannotated", 0)
        checks.check_int(n_hidden, "n_hidden", 1)
        checks.check_int(random_state, "random_state", 0)
        if prior is None:
            if adata is None:
                msg = "Without adata the model needs prior=, a DataFrame of genes x programs (0 = not a member)."
                raise ValueError(msg)
            prior = read_prior(adata, Keys(programs_key))
        self._prior = as_prior(prior)
        if adata is not None and adata.var_names.astype(str).tolist() != self._prior.genes.tolist():
            msg = "The rows of prior are not adata.var_names; give prior.reindex(adata.var_names, fill_value=0)."
            raise ValueError(msg)
        warn_if_not_identifiable(self._prior)
        # plain arrays from here on, so that a saved model holds no class of ours
        prior = self._prior.to_dict()
        self._random_state = random_state
        with seeded(random_state):
            super().__init__(
                adata,
                registry,
                n_hidden=n_hidden,
                n_latent=self._prior.n_programs + n_unannotated,
                dropout_rate=dropout_rate,
                dispersion=dispersion,
                gene_likelihood=gene_likelihood,
                prior=prior,
                n_unannotated=n_unannotated,
                context=context,
            )
        self._model_summary_string = (
            f"ProgramVAE with {self._prior.n_programs} programs ({int(self._prior.is_decoy.sum())} decoys) and "
            f"{n_unannotated} unannotated dimensions on {self._prior.n_genes} genes; gene_likelihood: "
            f"{gene_likelihood}, dispersion: {dispersion}, context: {context}"
        )
        self.init_params_ = self._get_init_params(locals())

    @classmethod
    def setup_anndata(
        cls,
        adata: AnnData,
        layer: str | None = None,
        batch_key: str | None = None,
        labels_key: str | None = None,
        size_factor_key: str | None = None,
        categorical_covariate_keys: list[str] | None = None,
        continuous_covariate_keys: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Check and register the data.

        Parameters
        ----------
        adata
            Annotated data with raw counts.
        layer
            Layer with the counts; ``None`` is ``X``.
        batch_key
            Column of ``obs`` with batches, each of which gets its own gene intercepts. A column that is confounded with
            the biology of interest takes its effect away.
        labels_key
            Column of ``obs`` with labels; kept for scvi-tools, the model does not see them.
        size_factor_key
            Column of ``obs`` with positive size factors. Rates are then ``size factor x exp(log rate)`` rather than
            shares of the library: for panels whose depth is not the sum over their genes.
        categorical_covariate_keys, continuous_covariate_keys
            Columns of ``obs`` with further covariates; each has free loadings on all genes.
        **kwargs
            To :meth:`scvi.data.AnnDataManager.register_fields`.

        Raises
        ------
        KeyError
            If a layer or column does not exist.
        ValueError
            If the data are empty, a view, without unique names, not raw counts (and which layer looks like counts), or
            have cells without counts or missing values in a column.

        Examples
        --------
        >>> cr.ProgramVAE.setup_anndata(adata, layer="counts", batch_key="batch")  # doctest: +SKIP
        """
        checks.check_adata(adata)
        if adata.n_vars < 2:
            msg = "adata has a single gene; relative expression needs at least two."
            raise ValueError(msg)
        checks.check_categories(adata, batch_key, "batch_key")
        checks.check_categories(adata, labels_key, "labels_key")
        for key in categorical_covariate_keys or []:
            checks.check_categories(adata, key, "categorical_covariate_keys")
        for key in continuous_covariate_keys or []:
            checks.check_numeric(adata, key, "continuous_covariate_keys")
        if size_factor_key is not None:
            checks.check_numeric(adata, size_factor_key, "size_factor_key", positive=True)
        # minified data keep no counts
        if MINIFY_TYPE_UNS_KEY not in adata.uns:
            checks.check_counts(adata, layer)
        super().setup_anndata(
            adata,
            layer=layer,
            batch_key=batch_key,
            labels_key=labels_key,
            size_factor_key=size_factor_key,
            categorical_covariate_keys=categorical_covariate_keys,
            continuous_covariate_keys=continuous_covariate_keys,
            **kwargs,
        )

    def train(
        self,
        max_epochs: int | None = None,
        accelerator: str = "auto",
        devices: int | list[int] | str = "auto",
        train_size: float | None = None,
        validation_size: float | None = None,
        shuffle_set_split: bool = True,
        batch_size: int = 128,
        early_stopping: bool = True,
        datasplitter_kwargs: dict[str, Any] | None = None,
        plan_kwargs: dict[str, Any] | None = None,
        datamodule: LightningDataModule | None = None,
        **kwargs: Any,
    ) -> None:
        """Train the model, and keep the weights with the lowest validation loss.

        Parameters
        ----------
        max_epochs
            Epochs; the learning rate is annealed over all of them. ``None`` aims at 2,000 gradient steps, between 10
            and 400 epochs.
        accelerator, devices
            Hardware, see :class:`lightning.pytorch.Trainer`.
        train_size, validation_size
            Shares of the cells; by default .9 and the rest.
        shuffle_set_split
            Split at random rather than in the order of the cells.
        batch_size
            Cells per minibatch.
        early_stopping
            Stop when the validation loss has not improved for a quarter of ``max_epochs``
            (``early_stopping_patience``).
        datasplitter_kwargs
            To :class:`scvi.dataloaders.DataSplitter`.
        plan_kwargs
            To the training plan: ``lr`` and others.
        datamodule
            Source of minibatches instead of the AnnData.
        **kwargs
            To :class:`scvi.train.Trainer`.

        Raises
        ------
        ValueError
            If an argument is out of range, or a query model has nothing to train.

        Examples
        --------
        >>> model.train()  # doctest: +SKIP
        >>> cr.pl.history(model)  # doctest: +SKIP
        """
        checks.check_int(batch_size, "batch_size", 1)
        if max_epochs is not None:
            checks.check_int(max_epochs, "max_epochs", 1)
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            msg = (
                "Nothing is left to train: the query brings no new batches or categories. "
                "Use the model as it is (get_activity, crystallin.tl.activity)."
            )
            raise ValueError(msg)
        n_obs = self.adata.n_obs if datamodule is None else getattr(datamodule, "n_obs", None)
        if max_epochs is None and n_obs is not None:
            max_epochs = default_epochs(n_obs, batch_size)
        datasplitter_kwargs = dict(datasplitter_kwargs or {})
        if datamodule is None:
            rng = np.random.default_rng(self._random_state)
            parts = split_cells(n_obs, train_size, validation_size, shuffle=shuffle_set_split, rng=rng)
            parts = datasplitter_kwargs.setdefault("external_indexing", parts)
            n_validation = len(parts[1])
            # Lightning warns of epochs with fewer minibatches than lie between two log entries
            kwargs.setdefault("log_every_n_steps", max(1, min(10, len(parts[0]) // batch_size)))
        else:
            n_validation = getattr(datamodule, "n_val", 0)
        if n_validation:
            kwargs.setdefault("check_val_every_n_epoch", 1)
            kwargs["callbacks"] = [*kwargs.get("callbacks", []), KeepBestWeights()]
            kwargs.setdefault("early_stopping_patience", max(10, (max_epochs or 0) // 4))
        elif early_stopping:
            logger.info("There are no validation cells, so training runs for all epochs and keeps the last weights.")
        # reading activities puts the module into evaluation mode, where dropout is off
        self.module.train()
        with seeded(self._random_state):
            super().train(
                max_epochs=max_epochs,
                accelerator=accelerator,
                devices=devices,
                train_size=train_size,
                validation_size=validation_size,
                shuffle_set_split=shuffle_set_split,
                batch_size=batch_size,
                early_stopping=early_stopping and n_validation > 0,
                datasplitter_kwargs=datasplitter_kwargs,
                plan_kwargs=plan_kwargs,
                datamodule=datamodule,
                **kwargs,
            )


def default_epochs(n_obs: int, batch_size: int) -> int:
    """Epochs that make about ``DEFAULT_STEPS`` gradient steps, within bounds."""
    steps_per_epoch = math.ceil(0.9 * n_obs / batch_size)
    return min(max(round(DEFAULT_STEPS / steps_per_epoch), MIN_EPOCHS), MAX_EPOCHS)
