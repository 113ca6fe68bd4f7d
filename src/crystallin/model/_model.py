"""The model people use."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin.programs import as_prior

from ._about import AboutMixin
from ._borrowed import forgotten_on_error, private
from ._compat import MINIFY_TYPE_UNS_KEY, SCVI, SCVI_UUID_KEY
from ._importance import ImportanceMixin
from ._loading import LoadingMixin
from ._module import ProgramModule
from ._perturbation import PerturbationMixin
from ._pickling import PicklingMixin
from ._posterior import PosteriorMixin
from ._prior import read_prior, warn_if_not_identifiable
from ._seeding import seeded
from ._training import TrainingMixin
from ._trainingplan import ProgramTrainingPlan

if TYPE_CHECKING:
    from anndata import AnnData


class ProgramVAE(
    AboutMixin,
    ImportanceMixin,
    PerturbationMixin,
    PosteriorMixin,
    TrainingMixin,
    LoadingMixin,
    PicklingMixin,
    SCVI,
):
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
        if isinstance(prior, pd.DataFrame) and adata is not None and set(prior.index) == set(adata.var_names):
            # the same genes in another order
            rows = checks.check_aligned(prior, adata.var_names, "prior", "gene")
            prior = pd.DataFrame(rows, adata.var_names, prior.columns)
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
    def _forgotten_on_error(cls) -> AbstractContextManager[None]:
        """Let go of data that are registered in the block if it raises."""
        return forgotten_on_error(cls)

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
            Columns of ``obs`` with further covariates; each has free loadings on all genes. Continuous ones may have
            any unit: the model standardises them by the training cells.
        **kwargs
            To :meth:`scvi.data.AnnDataManager.register_fields`.

        Raises
        ------
        KeyError
            If a layer or column does not exist.
        TypeError
            If one name is given where a list is wanted, or the other way round.
        ValueError
            If the data are empty, a view, without unique names, not raw counts (and which layer looks like counts), or
            have cells without counts; if a column has missing values, mixes text and numbers, or is a covariate that
            is the same in all cells. The data are then as they were.

        Examples
        --------
        >>> cr.ProgramVAE.setup_anndata(adata, layer="counts", batch_key="batch")  # doctest: +SKIP
        """
        checks.check_adata(adata)
        if adata.n_vars < 2:
            msg = "adata has a single gene; relative expression needs at least two."
            raise ValueError(msg)
        checks.check_column_lists(
            categorical_covariate_keys=categorical_covariate_keys, continuous_covariate_keys=continuous_covariate_keys
        )
        checks.check_categories(adata, batch_key, "batch_key")
        checks.check_categories(adata, labels_key, "labels_key")
        for key in categorical_covariate_keys or []:
            checks.check_categories(adata, key, "categorical_covariate_keys")
        for key in continuous_covariate_keys or []:
            checks.check_numeric(adata, key, "continuous_covariate_keys")
            # a query may be a single donor
            if "source_registry" not in kwargs:
                checks.check_varies(adata, key, "continuous_covariate_keys")
        if size_factor_key is not None:
            checks.check_numeric(adata, size_factor_key, "size_factor_key", positive=True)
        # minified data keep no counts
        if MINIFY_TYPE_UNS_KEY not in adata.uns:
            checks.check_counts(adata, layer)
            checks.check_layout(adata, layer)

        def register(data: AnnData) -> None:
            # scvi-tools draws the counts that it looks at at random
            with seeded(0):
                super(ProgramVAE, cls).setup_anndata(
                    data,
                    layer=layer,
                    batch_key=batch_key,
                    labels_key=labels_key,
                    size_factor_key=size_factor_key,
                    categorical_covariate_keys=categorical_covariate_keys,
                    continuous_covariate_keys=continuous_covariate_keys,
                    **kwargs,
                )

        # on a private AnnData first: what scvi-tools refuses on the way leaves nothing behind
        rehearsal = private(adata, layer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            register(rehearsal)
        del cls._setup_adata_manager_store[rehearsal.uns[SCVI_UUID_KEY]]
        register(adata)
