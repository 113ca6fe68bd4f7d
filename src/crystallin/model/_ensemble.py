"""Several fits of the same programs, which are used like one model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from crystallin._keys import UNIQUE

from ._filled import N_WRITTEN
from ._model import ProgramVAE
from ._saved_ensemble import SavedMixin, is_query
from ._session import Reading

if TYPE_CHECKING:
    from anndata import AnnData

# what would change the first fit and leave the others as they are
NOT_OF_ENSEMBLES = ("minify_adata", "refitted")


class ProgramEnsemble(SavedMixin):
    """A model and refits of it to parts of its cells, used like a single model.

    :func:`crystallin.ensemble` makes one, and every tool that takes a :class:`ProgramVAE` takes an ensemble as well.
    Means, loadings and attributions are those of the first fit, which has seen all cells. Standard deviations of
    activities also contain the differences between the fits. All attributes and methods that are not described here are
    those of the first fit.

    Parameters
    ----------
    fits
        The model of all cells first, then its refits, which must have the same programs and genes.
    resample
        What the refits were fitted to, see :func:`crystallin.ensemble`.
    failed
        Reasons why further refits were left out, by their numbers.

    Raises
    ------
    ValueError
        If there are fewer than two fits, they differ in programs or genes, or one is not trained.

    Examples
    --------
    >>> ensemble = cr.ensemble(adata, model)  # doctest: +SKIP
    >>> cr.tl.rank_programs_groups(adata, ensemble, "condition", sample_key="donor")  # doctest: +SKIP
    """

    def __init__(
        self, fits: Sequence[ProgramVAE], resample: str = "cells", failed: Mapping[int, str] | None = None
    ) -> None:
        check_fits(fits)
        self.fits, self.resample, self.failed = tuple(fits), resample, dict(failed or {})

    def __getattr__(self, name: str) -> Any:
        # names with underscores are asked for before __init__, for example by pickle
        if name.startswith("__") or "fits" not in self.__dict__:
            raise AttributeError(name)
        if name in NOT_OF_ENSEMBLES:
            msg = f"An ensemble has no {name}, which would change one of its fits only. Use {name} of its model."
            raise AttributeError(msg)
        return getattr(self.fits[0], name)

    def __repr__(self) -> str:
        left_out = f", {len(self.failed)} left out" if self.failed else ""
        return f"ProgramEnsemble of {len(self.fits)} fits (resample={self.resample!r}{left_out}): {self.fits[0]!r}"

    @property
    def model(self) -> ProgramVAE:
        """The first fit, to all cells."""
        return self.fits[0]

    @property
    def refits(self) -> tuple[ProgramVAE, ...]:
        """The other fits."""
        return self.fits[1:]

    @property
    def digest(self) -> str:
        """Short hash of the weights of all fits, to check whether results were computed by this ensemble."""
        return hashlib.sha256("".join(fit.digest for fit in self.fits).encode()).hexdigest()[:16]

    def get_activities(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        batch_size: int | None = None,
        out: Mapping[str, tuple[Any, Any]] | None = None,
        out_refits: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return posterior means and standard deviations of activities in all readings.

        Parameters
        ----------
        adata, indices, refine, batch_size, out
            As in :meth:`ProgramVAE.get_activities`.
        out_refits
            Arrays to fill with the means of each refit, cells x refits x programs, by ``kind``.

        Returns
        -------
        Dictionary of ``kind`` to mean and standard deviation. The mean is that of the first fit. The variance is the
        posterior variance of the first fit plus the mean squared difference of the refits' means from it.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`ProgramVAE.get_activities`.

        Notes
        -----
        The two variances are those within and between fits of Rubin (1987, Multiple Imputation for Nonresponse in
        Surveys). An estimate from half of the cells differs from that of all cells by as much as the latter differs
        from the truth (half-samples, McCarthy 1969, Int Stat Rev 37:239; delete-d jackknife, Shao & Wu 1989, Ann Stat
        17:1176), so squared differences are not rescaled.

        Examples
        --------
        >>> mean, sd = ensemble.get_activities()["total"]  # doctest: +SKIP
        """
        options = {"refine": refine, "batch_size": batch_size}
        first = self.model.get_activities(adata, indices, out=out, **options)
        again = self.get_refit_activities(adata, indices, out=out_refits, **options)
        for kind, (mean, sd) in first.items():
            for start in range(0, mean.shape[0], N_WRITTEN):
                part = slice(start, start + N_WRITTEN)
                sd[part] = with_between(mean[part], sd[part], again[kind][part])
        return first

    def get_activity(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        kind: str = UNIQUE,
        refine: bool = True,
        return_sd: bool = False,
        batch_size: int | None = None,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the posterior mean of each cell's program activities, as :meth:`ProgramVAE.get_activity` does.

        Parameters
        ----------
        adata, indices, kind, refine, return_sd, batch_size
            As in :meth:`ProgramVAE.get_activity`.

        Returns
        -------
        Array of cells x programs; with ``return_sd`` also the standard deviations, see :meth:`get_activities`.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`ProgramVAE.get_activity`.

        Examples
        --------
        >>> activity, sd = ensemble.get_activity(return_sd=True)  # doctest: +SKIP
        """
        options = {"kind": kind, "refine": refine, "batch_size": batch_size}
        found = self.model.get_activity(adata, indices, return_sd=return_sd, **options)
        if not return_sd:
            return found
        mean, sd = found
        again = np.stack([fit.get_activity(_data_of(adata), indices, **options) for fit in self.refits], axis=1)
        return mean, with_between(mean, sd, again)

    @torch.inference_mode()
    def get_refit_activities(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        refine: bool = True,
        batch_size: int | None = None,
        out: Mapping[str, Any] | None = None,
    ) -> dict[str, np.ndarray]:
        """Return the posterior means of activities by each refit, in all readings.

        Parameters
        ----------
        adata, indices, refine, batch_size
            As in :meth:`ProgramVAE.get_activities`.
        out
            Arrays to fill instead of new ones, cells x refits x programs, by ``kind``.

        Returns
        -------
        Dictionary of ``kind`` to an array of cells x refits x programs, float32.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`ProgramVAE.get_activities`.

        Examples
        --------
        >>> ensemble.get_refit_activities()["unique"].std(axis=1)  # doctest: +SKIP
        """
        found = []
        for number, fit in enumerate(self.refits):
            views = None if out is None else {kind: (OfRefit(array, number),) for kind, array in out.items()}
            read = fit._read(
                fit.kinds,
                _data_of(adata),
                indices,
                None,
                refine=refine,
                return_sd=False,
                batch_size=batch_size,
                out=views,
            )
            found.append({kind: mean for kind, (mean, _) in read.items()})
        if out is not None:
            return dict(out)
        return {kind: np.stack([means[kind] for means in found], axis=1) for kind in found[0]}

    def get_loadings_sd(self) -> pd.DataFrame:
        """Return the standard deviations of loadings, from the differences of the refits from the first fit.

        Returns
        -------
        DataFrame as that of :meth:`ProgramVAE.get_loadings`.

        Examples
        --------
        >>> ensemble.get_loadings_sd()["B cell"].nlargest(5)  # doctest: +SKIP
        """
        first = self.model.get_loadings()
        again = [fit.get_loadings().to_numpy() for fit in self.refits]
        return np.sqrt(sum((loadings - first) ** 2 for loadings in again) / len(again))


class OfRefit:
    """The part of one refit of an array of cells x refits x programs, as an array to fill.

    Parameters
    ----------
    array
        The array, in memory or on disk.
    number
        Position of the refit.
    """

    def __init__(self, array: Any, number: int) -> None:
        self.array, self.number = array, number
        self.shape = (array.shape[0], array.shape[2])

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        self.array[rows, self.number] = values


def with_between(mean: np.ndarray, sd: np.ndarray, refits: np.ndarray) -> np.ndarray:
    """Return standard deviations that contain the differences between fits.

    Parameters
    ----------
    mean, sd
        Means and standard deviations of the first fit, cells x programs.
    refits
        Means of the refits, cells x refits x programs.
    """
    return np.sqrt(sd**2 + np.square(refits - mean[:, None]).mean(axis=1))


def check_fits(fits: Sequence[ProgramVAE]) -> None:
    """Raise unless these are at least two trained models of the same programs and genes."""
    if len(fits) < 2:
        msg = f"An ensemble needs at least two fits, but got {len(fits)}."
        raise ValueError(msg)
    for number, fit in enumerate(fits):
        if not isinstance(fit, ProgramVAE):
            msg = f"fits[{number}] is a {type(fit).__name__}, not a ProgramVAE."
            raise TypeError(msg)
        if not is_query(fit):
            fit._check_if_trained(warn=False)
        if fit.prior_digest != fits[0].prior_digest:
            msg = f"fits[{number}] has other programs, members or genes than the first. Fit all to the same programs."
            raise ValueError(msg)
        if fit.kinds != fits[0].kinds:
            msg = f"fits[{number}] differs from the first in whether it has free programs."
            raise ValueError(msg)


def _data_of(adata: AnnData | Reading | None) -> AnnData | None:
    """Return data that every fit can read: a reading belongs to one model."""
    return adata.adata if isinstance(adata, Reading) else adata
