"""Activities of cells and loadings of genes from a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin.nn import exact_posteriors, sample_posterior

from ._activity import ActivityMixin, check_batch_size
from ._evidence import EvidenceMixin
from ._seeding import seeded
from ._session import Reading

if TYPE_CHECKING:
    from anndata import AnnData


class PosteriorMixin(ActivityMixin, EvidenceMixin):
    """Activities, their uncertainty, and loadings, as arrays and tables."""

    @torch.inference_mode()
    def sample_activity(
        self,
        n_samples: int = 100,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
        random_state: int = 0,
    ) -> np.ndarray:
        """Draw samples from the posterior of the activities, including correlations between programs.

        Parameters
        ----------
        n_samples
            Number of samples for each cell.
        adata, indices, refine, batch_size, dataloader
            As in :meth:`get_activity`. With ``refine=False``, programs are independent within a cell.
        random_state
            Seed; the same seed gives the same samples.

        Returns
        -------
        Array of samples x cells x programs, float32, with NaN as in :meth:`get_activity`.

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
        check_batch_size(batch_size)
        generator = torch.Generator().manual_seed(random_state)
        n_programs, samples = self._prior.n_programs, []
        shared = self._shared_genes() if refine else None
        reading, positions = self._cells(adata, indices, dataloader)

        def noise_like(mean: torch.Tensor) -> torch.Tensor:
            return torch.randn(n_samples, *mean.shape, generator=generator).to(mean.device)

        with seeded(random_state):
            if refine:
                for point, _ in self._refined(reading, positions, batch_size):
                    for mean, cholesky in exact_posteriors(point, shared):
                        drawn = sample_posterior(mean, cholesky, noise_like(mean))
                        samples.append(drawn[..., :n_programs].cpu())
            else:
                for mean, sd in self._encoded(reading, positions, batch_size):
                    samples.append((mean + sd * noise_like(mean))[..., :n_programs].cpu())
        samples = torch.cat(samples, dim=1).numpy()
        withheld = reading.withheld(positions)
        if withheld is not None:
            samples[:, withheld] = np.nan
        return samples

    @torch.inference_mode()
    def get_posterior_covariance(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
    ) -> pd.DataFrame:
        """Return the posterior covariance of the programs' activities in the average cell.

        The covariance shows what the counts of a cell do not determine: if the correlation of two programs is near ±1,
        they are hard to tell apart. It is the inverse of the information, averaged over at most 1,000 of the cells at
        the encoder's mean.

        Parameters
        ----------
        adata, indices, batch_size, dataloader
            As in :meth:`get_activity`.

        Returns
        -------
        DataFrame of programs x programs, including decoys, float32; free programs are integrated out.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`get_activity`.

        Examples
        --------
        >>> model.get_posterior_covariance().loc["B cell", "Plasma cell"]  # doctest: +SKIP
        """
        self._check_counts_are_there()
        with seeded(self._random_state):
            reading, positions = self._cells(adata, indices, dataloader)
            covariance = self.module.average_cell(reading.sample(positions)).covariance
        names = self._prior.programs
        return pd.DataFrame(covariance[: len(names), : len(names)].cpu().numpy(), index=names, columns=names)

    @torch.inference_mode()
    def get_loadings(self) -> pd.DataFrame:
        """Return the loadings of the decoder.

        The loading of a gene on a program is the change of the gene's log rate (natural logarithm) when the program's
        activity rises by one. It is 0 for genes that are not members.

        Returns
        -------
        DataFrame of genes x programs, float32; free programs are the last columns, see :attr:`free_names`.

        Examples
        --------
        >>> model.get_loadings()["B cell"].nlargest(5)  # doctest: +SKIP
        """
        names = self._dimension_names()
        # dimensions for free programs that are not used come last
        weight = self.module.decoder.weight().dense()[: len(names)].T.cpu().numpy()
        return pd.DataFrame(weight, index=self._prior.genes, columns=names)
