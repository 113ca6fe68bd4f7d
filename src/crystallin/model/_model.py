"""The model people use."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin.nn import marginal_sd, sample_posterior, shared_genes
from crystallin.programs import as_prior

from ._compat import MINIFY_TYPE_UNS_KEY, MODULE_KEYS, REGISTRY_KEYS, SCVI
from ._files import read_saved_model
from ._module import ProgramModule
from ._prior import read_prior, warn_if_not_identifiable
from ._seeding import seeded
from ._split import split_cells
from ._surgery import count_categories, start_new_rows, train_new_rows_only
from ._trainingplan import KeepBestWeights, ProgramTrainingPlan

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

# gradient steps of a default run, and bounds of the epochs they make (see benchmarks)
DEFAULT_STEPS = 3_000
MIN_EPOCHS, MAX_EPOCHS = 10, 200


class ProgramVAE(SCVI):
    def __init__(
        self,
        adata: AnnData | None = None,
        registry: dict[str, Any] | None = None,
        prior: Any = None,
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
        if prior is None:
            if adata is None:
                msg = "Without adata the model needs prior=, a DataFrame of genes x programs (0 = not a member)."
                raise ValueError(msg)
            prior = read_prior(adata, Keys(programs_key))
        prior = as_prior(prior)
        if adata is not None:
            checks.check_same_genes(adata.var_names, prior.genes)
        warn_if_not_identifiable(prior)
        self._prior = prior
        # plain arrays, so that a saved model holds no class of ours
        prior = prior.to_dict()
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
        self._random_state = random_state
        self._model_summary_string = (
            f"ProgramVAE of {self._prior.n_programs} programs ({int(self._prior.is_decoy.sum())} decoys) and "
            f"{n_unannotated} unannotated dimensions on {self._prior.n_genes} genes, gene_likelihood: {gene_likelihood}, "
            f"dispersion: {dispersion}, context: {context}"
        )
        self.init_params_ = self._get_init_params(locals())

    _module_cls = ProgramModule
    _training_plan_cls = ProgramTrainingPlan

    @property
    def program_names(self) -> np.ndarray:
        return self._prior.programs.copy()

    @property
    def is_decoy(self) -> np.ndarray:
        return self._prior.is_decoy.copy()

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
        datamodule: Any = None,
        **kwargs: Any,
    ) -> None:
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            msg = (
                "Nothing is left to train: the query brings no new batches or categories. "
                "Use the model as it is (get_activity, crystallin.tl.activity)."
            )
            raise ValueError(msg)
        checks.check_int(batch_size, "batch_size", 1)
        n_obs = self.adata.n_obs if datamodule is None else getattr(datamodule, "n_obs", None)
        if max_epochs is None and n_obs is not None:
            max_epochs = default_epochs(n_obs, batch_size)
        if datamodule is None:
            datasplitter_kwargs = dict(datasplitter_kwargs or {})
            rng = np.random.default_rng(self._random_state)
            parts = split_cells(n_obs, train_size, validation_size, shuffle=shuffle_set_split, rng=rng)
            parts = datasplitter_kwargs.setdefault("external_indexing", parts)
            n_validation = len(parts[1])
        else:
            n_validation = getattr(datamodule, "n_val", 0)
        if early_stopping and not n_validation:
            logger.info("No validation cells: training runs for all %s epochs and keeps the last weights.", max_epochs)
            early_stopping = False
        if early_stopping:
            kwargs.setdefault("early_stopping_patience", max(10, (max_epochs or 0) // 4))
        if n_validation:
            kwargs.setdefault("check_val_every_n_epoch", 1)
            kwargs["callbacks"] = [*kwargs.get("callbacks", []), KeepBestWeights()]
        with seeded(self._random_state):
            super().train(
                max_epochs=max_epochs,
                accelerator=accelerator,
                devices=devices,
                train_size=train_size,
                validation_size=validation_size,
                shuffle_set_split=shuffle_set_split,
                batch_size=batch_size,
                early_stopping=early_stopping,
                datasplitter_kwargs=datasplitter_kwargs,
                datamodule=datamodule,
                **kwargs,
            )

    def get_activity(
        self,
        adata: AnnData | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        return_sd: bool = False,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        means, sds = [], []
        for mean, spread in self._posterior(adata, indices, refine=refine, batch_size=batch_size, dataloader=dataloader):
            means.append(mean[:, : self._prior.n_programs].cpu())
            if return_sd:
                sd = marginal_sd(spread) if refine else spread
                sds.append(sd[:, : self._prior.n_programs].cpu())
        activity = torch.cat(means).numpy()
        return (activity, torch.cat(sds).numpy()) if return_sd else activity

    def sample_activity(
        self,
        n_samples: int = 100,
        adata: AnnData | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
        random_state: int = 0,
    ) -> np.ndarray:
        checks.check_int(n_samples, "n_samples", 1)
        generator = torch.Generator().manual_seed(random_state)
        samples = []
        for mean, spread in self._posterior(adata, indices, refine=refine, batch_size=batch_size, dataloader=dataloader):
            noise = torch.randn(n_samples, *mean.shape, generator=generator).to(mean.device)
            drawn = sample_posterior(mean, spread, noise) if refine else mean + spread * noise
            samples.append(drawn[..., : self._prior.n_programs].cpu())
        return torch.cat(samples, dim=1).numpy()

    @torch.inference_mode()
    def _posterior(
        self,
        adata: AnnData | None,
        indices: Sequence[int] | None,
        *,
        refine: bool,
        batch_size: int | None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Mean and spread of chunks of cells: Cholesky factor of the precision if refined, else the sd."""
        self._check_if_trained(warn=False)
        if dataloader is None:
            if adata is not None and adata is not self.adata:
                checks.check_same_genes(adata.var_names, self._prior.genes)
            adata = self._validate_anndata(adata)
            dataloader = self._make_data_loader(adata=adata, indices=indices, batch_size=batch_size)
        if not refine:
            for tensors in dataloader:
                q = self.module.inference(**self.module._get_inference_input(tensors))[MODULE_KEYS.QZ_KEY]
                yield q.loc, q.scale
            return
        if self.module.minified_data_type is not None:
            msg = (
                "The refined posterior needs the counts, and this model's data were minified. Use refine=False for the "
                "posterior that was stored, or the AnnData with counts."
            )
            raise ValueError(msg)
        shared = shared_genes(self.module.decoder.weight())
        for tensors in dataloader:
            yield from self.module.refined_posterior(tensors, shared)

    @torch.inference_mode()
    def get_loadings(self) -> pd.DataFrame:
        names = [*self._prior.programs]
        names += [f"unannotated {i + 1}" for i in range(self.module.n_latent - len(names))]
        return pd.DataFrame(self.module.decoder.weight().T.cpu().numpy(), index=self._prior.genes, columns=names)

    @classmethod
    def load(cls, dir_path: str | Path, adata: AnnData | None = None, *, prefix: str | None = None, **kwargs: Any):
        saved = read_saved_model(dir_path, prefix, class_name=cls.__name__)
        if adata:
            checks.check_same_genes(adata.var_names, saved["var_names"])
        return super().load(str(dir_path), adata, prefix=prefix, **kwargs)

    @classmethod
    def load_query_data(
        cls,
        adata: AnnData,
        reference_model: str | Path | ProgramVAE,
        inplace_subset_query_vars: bool = False,
        unfrozen: bool = False,
        **kwargs: Any,
    ) -> ProgramVAE:
        if isinstance(reference_model, str | Path):
            state = read_saved_model(reference_model, class_name=cls.__name__)["model_state_dict"]
            reference_model = str(reference_model)
        else:
            state = reference_model.module.state_dict()
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
            any_new = train_new_rows_only(model.module, n_reference)
            model.is_trained_ = not any_new
        return model


def default_epochs(n_obs: int, batch_size: int) -> int:
    steps_per_epoch = max(1, math.ceil(0.9 * n_obs / batch_size))
    return min(max(round(DEFAULT_STEPS / steps_per_epoch), MIN_EPOCHS), MAX_EPOCHS)
