"""Activities of cells and loadings of genes from a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin.nn import (
    AverageCell,
    Point,
    SharedGenes,
    TotalReading,
    UniqueReading,
    exact_posteriors,
    refine,
    sample_posterior,
    shared_genes,
    total_matrix,
)

from ._compat import MODULE_KEYS
from ._reading import ReadingMixin
from ._seeding import seeded
from ._session import Reading, Stream
from ._unmeasured import typical_information

if TYPE_CHECKING:
    from anndata import AnnData


# largest number of latent dimensions with exact standard deviations; above it, a fast approximation is used
MAX_EXACT_SD = 64
# readings of a program
KINDS = ("unique", "total")


class PosteriorMixin(ReadingMixin):
    """Activities, their uncertainty, and loadings, as arrays and tables."""

    _random_state: int

    @torch.inference_mode()
    def get_activity(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        kind: Literal["unique", "total"] = "unique",
        refine: bool = True,
        return_sd: bool = False,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the posterior mean of each cell's program activities.

        The mean is that of the Laplace approximation, which is the posterior mode.

        Activities are in units of the prior standard deviation, ``z ~ N(0, 1)``; the average cell has an activity of 0.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order, or a :meth:`reading` of them; ``None`` uses the data of
            the model. The data are not changed.
        indices
            Cells to use, as positions from 0, names, or a Boolean mask; ``None`` uses all.
        kind
            ``"unique"``: what a program explains beside all other programs, its latent variable; it tells which of
            several overlapping programs a signal belongs to. ``"total"``: what the genes of the set do, whichever
            programs explain it, which is what people mean by the activity of a pathway (see ``crystallin.nn._total``
            for the formula). Both are in prior standard deviations, and equal for sets that share no genes.
        refine
            ``True`` finds the mode of the exact posterior by damped Fisher-Newton steps, and takes the inverse of the
            information at the mode as its covariance (Laplace approximation; Tierney & Kadane 1986, J Am Stat Assoc
            81:82). Activities then depend on the decoder alone; the encoder's mean is only the starting point.
            ``False`` returns the encoder's diagonal Gaussian.
        return_sd
            Return the posterior standard deviations as well. Up to 64 latent dimensions they come from the exact
            diagonal of each cell's inverse information. Above that, the diagonal is approximated from that of the
            average cell (the benchmarks show the errors; :meth:`sample_activity` is exact for any number).
        batch_size
            Number of cells per minibatch; ``None`` uses ``scvi.settings.batch_size``.
        dataloader
            Minibatches to use instead of ``adata``, for models that were trained with a datamodule.

        Returns
        -------
        Array of cells x programs, float32; with ``return_sd`` a tuple of two arrays. Unannotated dimensions are left
        out (see :meth:`get_latent_representation`). Programs are NaN if most of their weight is on genes that are not
        measured in the data (no count in any cell, although the model expects 30 or more); a warning names them.

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
        checks.check_choice(kind, "kind", KINDS)
        _check_batch_size(batch_size)
        readout = self._readout(kind)
        exact = return_sd and refine and self.module.n_latent <= MAX_EXACT_SD
        shared = self._shared_genes() if exact else None
        reading, positions = self._cells(adata, indices, dataloader)
        means, sds = [], []
        # torch's data loaders draw from the global generator
        with seeded(self._random_state):
            if refine:
                for point, average in self._refined(reading, positions, batch_size):
                    means.append(readout.of(point.z).T.cpu())
                    if exact:
                        sds += [readout.exact_sd(factor).cpu() for _, factor in exact_posteriors(point, shared)]
                    elif return_sd:
                        sds.append(readout.approximate_sd(average, point.information).T.cpu())
            else:
                for mean, sd in self._encoded(reading, positions, batch_size):
                    means.append(readout.of(mean.T).T.cpu())
                    sds.append(readout.independent_sd(sd.T).T.cpu())
        results = [torch.cat(parts).numpy() for parts in ((means, sds) if return_sd else (means,))]
        withheld = reading.withheld(positions)
        for result in results:
            if withheld is not None:
                result[withheld] = np.nan
        return tuple(results) if return_sd else results[0]

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
        _check_batch_size(batch_size)
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
        DataFrame of programs x programs, including decoys, float32; unannotated dimensions are integrated out.

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
        DataFrame of genes x programs, float32; unannotated dimensions are the last columns.

        Examples
        --------
        >>> model.get_loadings()["B cell"].nlargest(5)  # doctest: +SKIP
        """
        names = [*self._prior.programs]
        names += [f"unannotated {i + 1}" for i in range(self.module.n_latent - len(names))]
        weight = self.module.decoder.weight().dense().T.cpu().numpy()
        return pd.DataFrame(weight, index=self._prior.genes, columns=names)

    def _readout(self, kind: str) -> UniqueReading | TotalReading:
        """Return how programs are read from the latent variables."""
        if kind == "unique":
            return UniqueReading(self._prior.n_programs)
        information = torch.as_tensor(typical_information(self.module), dtype=torch.float32, device=self.device)
        return TotalReading(total_matrix(self.module.decoder.weight().detach(), information))

    def _shared_genes(self) -> SharedGenes:
        return shared_genes(self.module.decoder.weight().dense())

    def _refined(
        self, reading: Reading | Stream, positions: np.ndarray | None, batch_size: int | None
    ) -> Iterator[tuple[Point, AverageCell]]:
        """Yield the modes of the exact posterior of successive minibatches, and the average cell."""
        self._check_counts_are_there()
        average, weight = self.module.average_cell(reading.sample(positions)), self.module.decoder.weight()
        for tensors in reading.minibatches(positions, batch_size):
            cells, mean = self.module.posterior_start(tensors)
            yield refine(cells, mean, weight, average.covariance), average

    def _encoded(
        self, reading: Reading | Stream, positions: np.ndarray | None, batch_size: int | None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield mean and standard deviation of the encoder's Gaussian for successive minibatches, cells x latent."""
        if self.module.minified_data_type is None:
            for tensors in reading.minibatches(positions, batch_size):
                mean, log_var = self.module.encoded(tensors)
                yield mean.T, (0.5 * log_var.T).exp()
            return
        if isinstance(reading, Stream):
            minibatches = reading.minibatches()
        else:
            minibatches = self._make_data_loader(adata=reading.adata, indices=positions, batch_size=batch_size)
        for tensors in minibatches:
            q = self.module.inference(**self.module._get_inference_input(tensors))[MODULE_KEYS.QZ_KEY]
            yield q.loc, q.scale


def _check_batch_size(batch_size: int | None) -> None:
    if batch_size is not None:
        checks.check_int(batch_size, "batch_size", 1)
