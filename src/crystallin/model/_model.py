"""The public class of the model."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin.nn import n_free_dimensions
from crystallin.programs import as_prior

from ._borrowed import forgotten_on_error, private
from ._compat import MINIFY_TYPE_UNS_KEY, SCVI, SCVI_UUID_KEY
from ._described import DescribedMixin
from ._export import ExportMixin
from ._free import check_free
from ._importance import ImportanceMixin
from ._loading import LoadingMixin
from ._module import ProgramModule
from ._perturbation import PerturbationMixin
from ._pickling import PicklingMixin
from ._posterior import PosteriorMixin
from ._prior import read_prior, warn_if_not_identifiable
from ._refit import RefitMixin
from ._seeding import seeded
from ._training import TrainingMixin
from ._trainingplan import ProgramTrainingPlan

if TYPE_CHECKING:
    from anndata import AnnData


class ProgramVAE(
    DescribedMixin,
    ExportMixin,
    ImportanceMixin,
    PerturbationMixin,
    PosteriorMixin,
    RefitMixin,
    TrainingMixin,
    LoadingMixin,
    PicklingMixin,
    SCVI,
):
    """Variational autoencoder whose latent dimensions are gene programs.

    ``log rate = intercept[batch] + covariates + z W``: each activity in ``z ~ N(0, I)`` changes only the genes of its
    program, up if the prior is positive and down if it is negative. Rates are normalised over genes (softmax) and
    scaled by the library size, and counts are negative binomial. At the start of training, the encoder estimates each
    program from its own genes. Saving and loading, query mapping, minified data and gene-level differential expression
    are inherited from scvi-tools.

    Parameters
    ----------
    adata
        AnnData with programs (see :func:`crystallin.pp.add_programs`), registered by :meth:`setup_anndata`.
    registry
        Registry of a datamodule, to train without an AnnData.
    prior
        DataFrame of genes x programs: 0 for genes that are not members, and the direction as the sign for members.
        ``None`` uses the programs in ``adata``.
    programs_key
        Key of the programs, which is the ``key_added`` of :func:`crystallin.pp.add_programs`.
    n_unannotated
        Number of free programs, for variation that no gene set explains, or ``"auto"``: as many (at most 20) as
        describe the residuals of held-out cells. They start, in the second stage of the training, from the leading
        directions of what the programs leave unexplained, have loadings with any sign on the genes that follow these
        directions, and are kept orthogonal to the programs that :func:`crystallin.pp.screen_programs` found awake, so
        that these keep their signal. Without a screening they are orthogonal to all programs. The default 0 assigns all
        variation to the programs.
    n_hidden
        Number of hidden units of the encoder's context network.
    context
        ``False`` leaves the context network out, so that the encoder estimates programs from their own genes only.
    dropout_rate
        Dropout rate of the context network.
    dispersion
        Inverse dispersion per gene (``"gene"``) or per gene and batch (``"gene-batch"``).
    gene_likelihood
        ``"nb"``, ``"poisson"`` or ``"zinb"`` (with a probability of a technical zero per gene). The default ``"nb"``
        suits counts of unique molecular identifiers.
    random_state
        Seed of initialisation, split, minibatches and training. Two models with the same seed on the same CPU are
        identical. Global random states are not changed.

    Raises
    ------
    KeyError
        If ``adata`` has no programs.
    ValueError
        If the genes have changed since the programs were added, or an argument is out of range.

    Notes
    -----
    Decoders masked by gene sets were introduced by VEGA (Seninge et al. 2021, Nat Commun 12:5684) and expiMap
    (Lotfollahi et al. 2023, Nat Cell Biol 25:337). The main differences from these are a KL weight of 1, without which
    standard deviations would not be those of a posterior; loadings whose signs are constrained; an encoder that starts
    from the gene sets; and the refined posterior (see :meth:`get_activity`).

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
        n_unannotated: int | Literal["auto"] = 0,
        n_hidden: int = 128,
        context: bool = True,
        dropout_rate: float = 0.1,
        dispersion: Literal["gene", "gene-batch"] = "gene",
        gene_likelihood: Literal["nb", "poisson", "zinb"] = "nb",
        random_state: int = 0,
    ) -> None:
        checks.check_choice(gene_likelihood, "gene_likelihood", ("nb", "poisson", "zinb"))
        checks.check_choice(dispersion, "dispersion", ("gene", "gene-batch"))
        check_free(n_unannotated)
        checks.check_int(n_hidden, "n_hidden", 1)
        checks.check_int(random_state, "random_state", 0)
        if prior is None:
            if adata is None:
                msg = "Without adata the model needs prior=, a DataFrame of genes x programs (0 for non-members)."
                raise ValueError(msg)
            prior = read_prior(adata, Keys(programs_key))
        if isinstance(prior, pd.DataFrame) and adata is not None and set(prior.index) == set(adata.var_names):
            # the same genes in another order
            rows = checks.check_aligned(prior, adata.var_names, "prior", "gene")
            prior = pd.DataFrame(rows, adata.var_names, prior.columns)
        self._prior = as_prior(prior)
        if adata is not None and adata.var_names.astype(str).tolist() != self._prior.genes.tolist():
            msg = "The rows of prior differ from adata.var_names. Give prior.reindex(adata.var_names, fill_value=0)."
            raise ValueError(msg)
        warn_if_not_identifiable(self._prior)
        # plain arrays from here on, so that a saved model contains no class of this package
        prior = self._prior.to_dict()
        self._random_state = random_state
        with seeded(random_state):
            super().__init__(
                adata,
                registry,
                n_hidden=n_hidden,
                n_latent=self._prior.n_programs + n_free_dimensions(n_unannotated),
                dropout_rate=dropout_rate,
                dispersion=dispersion,
                gene_likelihood=gene_likelihood,
                prior=prior,
                n_unannotated=n_unannotated,
                context=context,
            )
        self._model_summary_string = (
            f"{self.described()}; gene_likelihood: {gene_likelihood}, dispersion: {dispersion}, context: {context}"
        )
        self.init_params_ = self._get_init_params(locals())

    @classmethod
    def _forgotten_on_error(cls) -> AbstractContextManager[None]:
        """Remove registrations of data made in the block from scvi-tools if it raises an error."""
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
        """Check the data and register them with scvi-tools.

        Parameters
        ----------
        adata
            Annotated data with raw counts.
        layer
            Layer with the counts; ``None`` uses ``X``.
        batch_key
            Column of ``obs`` with batches, each of which gets its own gene intercepts. If batches are confounded with
            the biology of interest, these intercepts absorb its effect.
        labels_key
            Column of ``obs`` with labels, for scvi-tools only; the model does not use them.
        size_factor_key
            Column of ``obs`` with positive size factors. Rates are then ``size factor x exp(log rate)`` instead of
            shares of the library. Use this for gene panels, where the sum over the genes does not measure the depth.
        categorical_covariate_keys, continuous_covariate_keys
            Columns of ``obs`` with further covariates; each has unconstrained loadings on all genes. Continuous
            covariates may have any unit, because the model standardises them by the training cells.
        **kwargs
            Further arguments of :meth:`scvi.data.AnnDataManager.register_fields`.

        Raises
        ------
        KeyError
            If a layer or column does not exist.
        TypeError
            If a single name is given for a list of names, or a list for a single name.
        ValueError
            If the data are empty, are a view, have names that are not unique or cells without counts, or are not raw
            counts (the message names layers that look like counts); if a column has missing values, mixes text and
            numbers, or is a covariate with the same value in all cells. The data are then left unchanged.

        Examples
        --------
        >>> cr.ProgramVAE.setup_anndata(adata, layer="counts", batch_key="batch")  # doctest: +SKIP
        """
        checks.check_adata(adata)
        if adata.n_vars < 2:
            msg = "adata has a single gene, but the model needs at least two, because it describes relative expression."
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
            # a query may be a single donor, in which a covariate is constant
            if "source_registry" not in kwargs:
                checks.check_varies(adata, key, "continuous_covariate_keys")
        if size_factor_key is not None:
            checks.check_numeric(adata, size_factor_key, "size_factor_key", positive=True)
        # minified data contain no counts
        if MINIFY_TYPE_UNS_KEY not in adata.uns:
            checks.check_counts(adata, layer)
            checks.check_layout(adata, layer)

        def register(data: AnnData) -> None:
            # scvi-tools checks a random sample of the counts
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

        # first try on a private AnnData, so that an error in scvi-tools leaves nothing behind in the data
        rehearsal = private(adata, layer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            register(rehearsal)
        del cls._setup_adata_manager_store[rehearsal.uns[SCVI_UUID_KEY]]
        register(adata)
