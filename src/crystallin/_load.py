"""Loading of exported models by name, from files or from the Hugging Face Hub."""

from __future__ import annotations

import re
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ._checks import some
from ._checks._words import did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from .model import ProgramVAE

HUB = "hf://"
OTHER_WAYS = (
    'give the path of a folder or .zip file that ProgramVAE.export wrote, or "hf://organisation/name" for a model on '
    "the Hugging Face Hub"
)


def load(source: str | Path) -> ProgramVAE:
    """Load an exported model by its name, from files or from the Hugging Face Hub.

    No code in the files is run. Models that ``ProgramVAE.save`` wrote are loaded with :meth:`ProgramVAE.load` instead.

    Parameters
    ----------
    source
        One of

        * the name of a model that comes with crystallin;
        * the path of a folder or ``.zip`` file that :meth:`ProgramVAE.export` wrote. A folder in the working directory
          with the name of a model that comes with crystallin is ``"./name"``;
        * ``"hf://organisation/name"``, a repository on the Hugging Face Hub, with ``@revision`` for a branch, tag or
          commit. This needs ``pip install 'crystallin[hub]'``, and downloads the model once.

    Returns
    -------
    The trained model, without data. Its genes' identifiers are in ``model.gene_ids_``, a summary of its training in
    ``model.training_summary_``, and its card in ``model.card_``.

    Raises
    ------
    ConnectionError
        If the Hub cannot be reached.
    FileNotFoundError
        If there is no such model, or files are missing.
    ImportError
        If the package for the Hub is not installed.
    TypeError, ValueError
        If ``source`` is not valid, or the files are changed, damaged, of another kind or of a newer version.

    Examples
    --------
    >>> model = cr.load("my_model.zip")  # doctest: +SKIP
    >>> model = cr.load("hf://organisation/name@v1")  # doctest: +SKIP
    """
    if not isinstance(source, str | Path) or not str(source):
        msg = f"source={source!r} is not the name of a model or a path; {OTHER_WAYS}."
        raise TypeError(msg)
    if isinstance(source, str) and source.startswith(HUB):
        return _read(_downloaded(source))
    if isinstance(source, str) and "://" in source:
        msg = f"source={source!r} is an address that cannot be read. Download the model first, and {OTHER_WAYS}."
        raise ValueError(msg)
    ours = _in_package()
    if isinstance(source, str) and source in ours:
        with resources.as_file(ours[source]) as path:
            return _read(path)
    path = Path(source).expanduser()
    if not path.exists():
        listed = f"Models that come with crystallin: {some(sorted(ours), 20) or 'none'}."
        msg = f"There is no model or file {str(source)!r}.{did_you_mean(source, ours, n=3)} {listed} Or {OTHER_WAYS}."
        raise FileNotFoundError(msg)
    return _read(path)


def _read(path: Path) -> ProgramVAE:
    # here, not above: torch and scvi-tools take seconds to import
    from .model import read_exported

    return read_exported(path)


def _models() -> Traversable:
    """Return the folder of the package with its models."""
    return resources.files(__package__).joinpath("models")


def _in_package() -> dict[str, Traversable]:
    """Return the models that come with the package by name: folders, and zip files without their suffix."""
    folder = _models()
    if not folder.is_dir():
        return {}
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "_"))]
    return {
        entry.name.removesuffix(".zip"): entry for entry in entries if entry.is_dir() or entry.name.endswith(".zip")
    }


def _downloaded(source: str) -> Path:
    """Return the folder with the files of a model on the Hub, which are downloaded unless they were before."""
    found = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", source)
    if found is None:
        msg = f'source={source!r} is not of the form "hf://organisation/name" or "hf://organisation/name@revision".'
        raise ValueError(msg)
    if find_spec("huggingface_hub") is None:
        msg = f"source={source!r} needs huggingface_hub, which is not installed: pip install 'crystallin[hub]'."
        raise ImportError(msg)
    import huggingface_hub
    from huggingface_hub.utils import RepositoryNotFoundError, RevisionNotFoundError

    from .model import MEMBERS

    name, revision = found.groups()
    try:
        # no other files are read, so no others are downloaded
        folder = huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=list(MEMBERS))
    except RevisionNotFoundError as error:
        msg = f"The repository {name!r} on the Hugging Face Hub has no revision {revision!r}."
        raise FileNotFoundError(msg) from error
    except RepositoryNotFoundError as error:
        msg = (
            f"There is no repository {name!r} on the Hugging Face Hub, or it is private. Check the name, or log in "
            "with `hf auth login`."
        )
        raise FileNotFoundError(msg) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        msg = (
            f"The model {name!r} could not be downloaded from the Hugging Face Hub ({type(error).__name__}: {reason}). "
            f"Without a connection, download https://huggingface.co/{name} on another computer (`hf download {name} "
            '--local-dir folder`), copy the folder, and call crystallin.load("folder").'
        )
        raise ConnectionError(msg) from error
    return Path(folder)
