"""Ensembles on disk, and ensembles of queries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crystallin import _checks as checks

from ._model import ProgramVAE

if TYPE_CHECKING:
    from anndata import AnnData

# file that describes a saved ensemble, and its version
DESCRIPTION, VERSION = "ensemble.json", 1


class SavedMixin:
    """``save``, ``load`` and ``load_query_data`` of an ensemble."""

    fits: tuple[ProgramVAE, ...]
    resample: str
    failed: Mapping[int, str]
    digest: str

    def save(self, dir_path: str | Path, *, overwrite: bool = False, save_anndata: bool = False, **kwargs: Any) -> None:
        """Save all fits in a folder, each in a folder of its own.

        Parameters
        ----------
        dir_path
            Folder to write.
        overwrite
            Overwrite fits that are there.
        save_anndata
            Save the data with the first fit.
        **kwargs
            Further arguments of :meth:`scvi.model.SCVI.save`.

        Raises
        ------
        ValueError
            If the folder has fits already, and ``overwrite`` is ``False``.

        Examples
        --------
        >>> ensemble.save("my_ensemble")  # doctest: +SKIP
        """
        folder = Path(dir_path)
        if (folder / DESCRIPTION).exists() and not overwrite:
            msg = f"There is an ensemble at {str(folder)!r} already. Give another folder, or overwrite=True."
            raise ValueError(msg)
        for number, fit in enumerate(self.fits):
            path = str(folder / fit_folder(number))
            fit.save(path, overwrite=overwrite, save_anndata=save_anndata and not number, **kwargs)
        described = {"version": VERSION, "n_fits": len(self.fits), "resample": self.resample, "failed": self.failed}
        (folder / DESCRIPTION).write_text(json.dumps(described | {"digest": self.digest}), encoding="utf-8")

    def export(self, path: str | Path, **kwargs: Any) -> None:
        """Refuse to export several fits; ``ensemble.model.export`` exports the first one.

        Parameters
        ----------
        path, **kwargs
            As in :meth:`ProgramVAE.export`.

        Raises
        ------
        TypeError
            Always.

        Examples
        --------
        >>> ensemble.model.export("my_model")  # doctest: +SKIP
        """
        msg = (
            "An ensemble has no export: an exported model is a single fit. ensemble.model.export(…) exports the first "
            "fit, to all cells, without the differences between fits; ensemble.save(…) keeps all fits."
        )
        raise TypeError(msg)

    @classmethod
    def load(cls, dir_path: str | Path, adata: AnnData | None = None, **kwargs: Any) -> Self:
        """Load a saved ensemble.

        Parameters
        ----------
        dir_path
            Folder written by :meth:`save`.
        adata
            Data to attach, with the model's genes. ``None`` uses the AnnData saved with the ensemble, if any.
        **kwargs
            Further arguments of :meth:`ProgramVAE.load`.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder contains no ensemble or an incomplete one, or if the genes differ.

        Examples
        --------
        >>> ensemble = cr.ProgramEnsemble.load("my_ensemble", adata)  # doctest: +SKIP
        """
        folder = Path(dir_path)
        described = _described(folder)
        first = ProgramVAE.load(folder / fit_folder(0), adata, **kwargs)
        adata = first.adata if adata is None else adata
        others = [
            # False means without data
            ProgramVAE.load(folder / fit_folder(number), False if adata is None else adata, **kwargs)
            for number in range(1, described["n_fits"])
        ]
        failed = {int(number): reason for number, reason in described["failed"].items()}
        ensemble = cls([first, *others], described["resample"], failed)
        if ensemble.digest != described["digest"]:
            msg = f"The fits in {str(folder)!r} are not those that were saved together. Save the ensemble again."
            raise ValueError(msg)
        return ensemble

    @classmethod
    def load_query_data(cls, adata: AnnData, reference_model: str | Path | Self, **kwargs: Any) -> Self:
        """Map a query onto all fits, see :meth:`ProgramVAE.load_query_data`.

        Parameters
        ----------
        adata
            Query with the reference's genes in the same order.
        reference_model
            The ensemble, or the folder in which it was saved.
        **kwargs
            Further arguments of :meth:`ProgramVAE.load_query_data`.

        Returns
        -------
        An ensemble for the query. If it has batches or categories that the reference does not have, :meth:`train` it.

        Raises
        ------
        ValueError
            As in :meth:`ProgramVAE.load_query_data`.

        Examples
        --------
        >>> query_ensemble = cr.ProgramEnsemble.load_query_data(query, ensemble)  # doctest: +SKIP
        """
        if isinstance(reference_model, str | Path):
            reference_model = cls.load(reference_model, False)
        fits = [ProgramVAE.load_query_data(adata, fit, **kwargs) for fit in reference_model.fits]
        return cls(fits, reference_model.resample, reference_model.failed)

    def train(self, **kwargs: Any) -> None:
        """Train the new batches and categories of a query in each fit.

        Parameters
        ----------
        **kwargs
            Arguments of :meth:`ProgramVAE.train`.

        Raises
        ------
        ValueError
            If this is not the ensemble of a query.

        Examples
        --------
        >>> query_ensemble.train()  # doctest: +SKIP
        """
        if not all(map(is_query, self.fits)):
            msg = "The fits of an ensemble are trained already. Call crystallin.ensemble for fits of another length."
            raise ValueError(msg)
        for fit in self.fits:
            fit.train(**kwargs)


def is_query(fit: ProgramVAE) -> bool:
    """Whether the programs of a model are those of its reference."""
    return getattr(fit, "n_reference_", None) is not None


def fit_folder(number: int) -> str:
    """Return the name of the folder of a fit."""
    return f"fit_{number}"


def _described(folder: Path) -> dict[str, Any]:
    """Return the description of a saved ensemble; raise an error unless it is complete."""
    path = folder / DESCRIPTION
    if not path.is_file():
        msg = f"There is no saved ensemble at {str(folder)!r}. Give the folder that ProgramEnsemble.save wrote."
        raise FileNotFoundError(msg)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        complete = described["version"] == VERSION and {"n_fits", "resample", "failed", "digest"} <= set(described)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        msg = f"{str(path)!r} is damaged ({type(error).__name__}: {error}). Copy or save the ensemble again."
        raise ValueError(msg) from error
    if not complete:
        msg = f"{str(path)!r} was written by another version of crystallin. Save the ensemble again."
        raise ValueError(msg)
    missing = [fit_folder(n) for n in range(described["n_fits"]) if not (folder / fit_folder(n)).is_dir()]
    if missing:
        msg = f"The ensemble at {str(folder)!r} is incomplete, without {checks.some(missing)}. Copy or save it again."
        raise FileNotFoundError(msg)
    return described
