"""What a trained model says about cells and genes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin.nn import marginal_sd, sample_posterior, shared_genes

from ._compat import MODULE_KEYS
from ._seeding import seeded

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.programs import Prior

    from ._module import ProgramModule


class PosteriorMixin:
    """Activities, their uncertainty, and loadings, as arrays."""

    module: ProgramModule
    _prior: Prior
    _random_state: int

    @property
    def program_names(self) -> np.ndarray:
        """Names of the programs, decoys included, in the order of the first latent dimensions."""
        return self._prior.programs.copy()

    @property
    def is_decoy(self) -> np.ndarray:
        """Which of :attr:`program_names` are decoys."""
        return self._prior.is_decoy.copy()

    @property
    def prior_digest(self) -> str:
        """Short hash of the prior, to tell whether results and model belong together."""
        return self._prior.digest

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
        """Posterior mean of each cell's program activities.

        The mean is that of the Laplace approximation, which is the posterior's mode.

        Activities are in units of their prior's standard deviation: ``z ~ N(0, 1)``, 0 is the average cell.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order; ``None`` takes the data of the model.
        indices
            Positions of the cells wanted; ``None`` for all.
        refine
            ``True`` takes damped Fisher-Newton steps from the encoder's mean to the mode of the exact posterior, where
            the covariance is the inverse of the information (Laplace approximation; Tierney & Kadane 1986, J Am Stat
            Assoc 81:82). Activities then follow from the decoder alone; the encoder is only where the steps
            begin. ``False`` returns the encoder's diagonal Gaussian.
        return_sd
            Return the posterior standard deviations as well.
        batch_size
            Cells per minibatch; ``None`` is ``scvi.settings.batch_size``.
        dataloader
            Minibatches to use instead of ``adata``, for models trained from a datamodule.

        Returns
        -------
        Array of cells x programs, float32; with ``return_sd`` a tuple of two. Unannotated dimensions are left out (see
        :meth:`get_latent_representation`).

        Raises
        ------
        RuntimeError
            If the model is not trained.
        ValueError
            If the genes differ from the model's, or the data are minified and ``refine=True``.

        Examples
        --------
        >>> activity, sd = model.get_activity(return_sd=True)  # doctest: +SKIP
        """
        n_programs = self._prior.n_programs
        means, sds = [], []
        # torch's data loaders draw from the global generator
        with seeded(self._random_state):
            for mean, spread in self._posterior(adata, indices, refine, batch_size, dataloader):
                means.append(mean[:, :n_programs].cpu())
                if return_sd:
                    sd = marginal_sd(spread) if refine else spread
                    sds.append(sd[:, :n_programs].cpu())
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
        """Samples from the posterior of the activities, correlated between programs as the data leave them.

        Parameters
        ----------
        n_samples
            Number of samples for each cell.
        adata, indices, refine, batch_size, dataloader
            As in :meth:`get_activity`. With ``refine=False`` programs are independent given the cell.
        random_state
            Seed; the same seed gives the same samples.

        Returns
        -------
        Array of samples x cells x programs, float32.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`get_activity`.

        Examples
        --------
        >>> samples = model.sample_activity(50, indices=range(10))  # doctest: +SKIP
        """
        checks.check_int(n_samples, "n_samples", 1)
        checks.check_int(random_state, "random_state", 0)
        generator = torch.Generator().manual_seed(random_state)
        samples = []
        with seeded(random_state):
            for mean, spread in self._posterior(adata, indices, refine, batch_size, dataloader):
                noise = torch.randn(n_samples, *mean.shape, generator=generator).to(mean.device)
                drawn = sample_posterior(mean, spread, noise) if refine else mean + spread * noise
                samples.append(drawn[..., : self._prior.n_programs].cpu())
        return torch.cat(samples, dim=1).numpy()

    @torch.inference_mode()
    def get_loadings(self) -> pd.DataFrame:
        """Loadings of the decoder.

        The loading of a gene on a program is the change of the gene's log rate (natural logarithm) when the program's
        activity rises by one; 0 where the prior has no edge.

        Returns
        -------
        DataFrame of genes x programs, float32; unannotated dimensions are the last columns.

        Examples
        --------
        >>> model.get_loadings()["B cell"].nlargest(5)  # doctest: +SKIP
        """
        names = [*self._prior.programs]
        names += [f"unannotated {i + 1}" for i in range(self.module.n_latent - len(names))]
        weight = self.module.decoder.weight().T.cpu().numpy()
        return pd.DataFrame(weight, index=self._prior.genes, columns=names)

    @torch.inference_mode()
    def _posterior(
        self,
        adata: AnnData | None,
        indices: Sequence[int] | None,
        refine: bool,
        batch_size: int | None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Mean and spread of chunks of cells: Cholesky factor of the precision if refined, else the sd."""
        self._check_if_trained(warn=False)
        if refine and self.module.minified_data_type is not None:
            msg = (
                "The refined posterior needs the counts, and this model's data were minified. Use refine=False for the "
                "posterior that was stored, or the AnnData with counts."
            )
            raise ValueError(msg)
        if dataloader is None:
            adata = self.adata if adata is None else adata
            if adata is None:
                msg = "The model holds no data; give adata (or dataloader)."
                raise ValueError(msg)
            # the model's own data too: people normalise X between training and reading activities
            checks.check_same_genes(adata.var_names, self._prior.genes)
            if self.module.minified_data_type is None:
                checks.check_counts(adata, self.registry["setup_args"]["layer"], warn_of_empty_genes=False)
            adata = self._validate_anndata(adata)
            indices = None if indices is None else np.asarray(indices)
            dataloader = self._make_data_loader(adata=adata, indices=indices, batch_size=batch_size)
        self.module.eval()
        if not refine:
            for tensors in dataloader:
                q = self.module.inference(**self.module._get_inference_input(tensors))[MODULE_KEYS.QZ_KEY]
                yield q.loc, q.scale
            return
        shared = shared_genes(self.module.decoder.weight())
        for tensors in dataloader:
            yield from self.module.refined_posterior(tensors, shared)
