"""Activities of cells and their uncertainty, in each reading of the programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from crystallin import _checks as checks
from crystallin._keys import FREE, KINDS, UNIQUE
from crystallin.nn import (
    AverageCell,
    Point,
    SharedGenes,
    TotalReading,
    UniqueReading,
    exact_posteriors,
    refine,
    shared_genes,
)

from ._compat import MODULE_KEYS
from ._filled import Filled
from ._seeding import seeded
from ._session import Reading, Stream
from ._total import TotalMixin

if TYPE_CHECKING:
    from anndata import AnnData


# largest number of latent dimensions with exact standard deviations; above it, a fast approximation is used
MAX_EXACT_SD = 64


class ActivityMixin(TotalMixin):
    """``get_activity``, and the passes over cells by which posteriors are computed."""

    _random_state: int

    @torch.inference_mode()
    def get_activity(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        kind: Literal["unique", "total", "free"] = "unique",
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
            programs explain it, which is what people mean by the activity of a pathway (the page on the model has the
            formula). Both are in prior standard deviations, and equal for sets that share no genes. ``"free"``:
            the activities of the free programs, see :attr:`free_names`.
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
        Array of cells x programs, float32; with ``return_sd`` a tuple of two arrays. Programs are NaN if most of their
        weight is on genes that are not measured in the data (no count in any cell, although the model expects 30 or
        more); a warning names them.

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
        checks.check_choice(kind, "kind", (*KINDS, FREE))
        if kind == FREE and not self.module.decoder.n_free:
            msg = 'The model has no free programs; train one with n_unannotated="auto", or a number of them.'
            raise ValueError(msg)
        read = self._read(
            (kind,), adata, indices, dataloader, refine=refine, return_sd=return_sd, batch_size=batch_size
        )
        mean, sd = read[kind]
        return mean if sd is None else (mean, sd)

    @torch.inference_mode()
    def get_activities(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        batch_size: int | None = None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None = None,
        out: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return posterior means and standard deviations of activities in all readings, reading each cell once.

        Parameters
        ----------
        adata, indices, refine, batch_size, dataloader
            As in :meth:`get_activity`.
        out
            Arrays to fill instead of new ones, for results that are larger than the memory: a dictionary of ``kind`` to
            mean and standard deviation, each an array of cells x programs in memory, in an HDF5 file or in a zarr
            store. About 8,000 cells are written at a time.

        Returns
        -------
        Dictionary of ``kind`` (``"unique"``, ``"total"`` and, if the model has free programs, ``"free"``) to mean and
        standard deviation, as :meth:`get_activity` returns them with ``return_sd``; the arrays of ``out``, if given.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`get_activity`; also if ``out`` lacks a reading, or an array has another shape.

        Examples
        --------
        >>> total, total_sd = model.get_activities()["total"]  # doctest: +SKIP
        """
        return self._read(
            self.kinds, adata, indices, dataloader, refine=refine, return_sd=True, batch_size=batch_size, out=out
        )

    def _read(
        self,
        kinds: Sequence[str],
        adata: AnnData | Reading | None,
        indices: Sequence[int] | None,
        dataloader: Iterable[dict[str, torch.Tensor]] | None,
        *,
        refine: bool,
        return_sd: bool,
        batch_size: int | None,
        out: Mapping[str, tuple[Any, ...]] | None = None,
    ) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Return posterior means and, with ``return_sd``, standard deviations, by kind."""
        check_batch_size(batch_size)
        readouts = {kind: self._readout(kind) for kind in kinds}
        exact = return_sd and refine and self.module.n_latent <= MAX_EXACT_SD
        shared = self._shared_genes() if exact else None
        reading, positions = self._cells(adata, indices, dataloader)
        n_cells = None if positions is None else len(positions)
        check_out(out, {kind: (n_cells, len(self.names_of(kind))) for kind in kinds}, 2 if return_sd else 1)
        withheld = reading.withheld(positions)

        def to_fill(which: int) -> dict[str, Filled]:
            return {
                kind: Filled(n_cells, None if kind == FREE else withheld, None if out is None else out[kind][which])
                for kind in kinds
            }

        means, sds = to_fill(0), to_fill(1) if return_sd else {}
        # torch's data loaders draw from the global generator
        with seeded(self._random_state):
            if refine:
                for point, average in self._refined(reading, positions, batch_size):
                    for kind, mean in means.items():
                        mean.add(_rows(readouts[kind].of(point.z).T))
                    for kind, sd in sds.items() if not exact else ():
                        sd.add(_rows(readouts[kind].approximate_sd(average, point.information).T))
                    for _, factor in exact_posteriors(point, shared) if exact else ():
                        for kind, sd in sds.items():
                            sd.add(_rows(readouts[kind].exact_sd(factor)))
            else:
                for of_latent, sd_of_latent in self._encoded(reading, positions, batch_size):
                    for kind, mean in means.items():
                        mean.add(_rows(readouts[kind].of(of_latent.T).T))
                    for kind, sd in sds.items():
                        sd.add(_rows(readouts[kind].independent_sd(sd_of_latent.T).T))
        return {kind: (means[kind].finish(), sds[kind].finish() if return_sd else None) for kind in kinds}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Readings of activities that the model has: ``"unique"``, ``"total"`` and, with free programs, ``"free"``."""
        return (*KINDS, FREE) if self.module.decoder.n_free else KINDS

    def names_of(self, kind: str) -> np.ndarray:
        """Return the names of the columns of activities in a reading."""
        return self.free_names if kind == FREE else self.program_names

    def _readout(self, kind: str) -> UniqueReading | TotalReading:
        """Return how programs are read from the latent variables."""
        n_programs = self._prior.n_programs
        if kind == UNIQUE:
            return UniqueReading(slice(n_programs))
        if kind == FREE:
            return UniqueReading(slice(n_programs, n_programs + self.module.decoder.n_free))
        return TotalReading(self._total_matrix())

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


def _rows(values: torch.Tensor) -> np.ndarray:
    return values.cpu().numpy()


def check_out(
    out: Mapping[str, tuple[Any, ...]] | None, shapes: Mapping[str, tuple[int | None, int]], n_arrays: int
) -> None:
    """Raise unless there are arrays of these shapes to fill with means and standard deviations, or none at all."""
    for kind, shape in shapes.items() if out is not None else ():
        given = [tuple(getattr(array, "shape", ())) for array in out.get(kind, ())]
        if given != [shape] * n_arrays:
            what = ("one array, the mean", "two arrays, mean and standard deviation")[n_arrays - 1]
            msg = f"out[{kind!r}] must be {what}, of {shape[0]} x {shape[1]}."
            raise ValueError(msg)


def check_batch_size(batch_size: int | None) -> None:
    """Raise unless this is a number of cells per minibatch, or ``None``."""
    if batch_size is not None:
        checks.check_int(batch_size, "batch_size", 1)
