"""Blood cells with and without interferon-beta, downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import anndata
from anndata import AnnData

FILE = "kang_2018.h5ad"
URL = f"https://exampledata.scverse.org/pertpy/{FILE}"
# environment variable that names a folder for downloads, or one with files that were downloaded before
FOLDER_VARIABLE = "CRYSTALLIN_DATA_DIR"
COLUMNS = {"label": "condition", "replicate": "donor"}


def kang18() -> AnnData:
    """Load 24,673 blood cells of eight patients, with and without six hours of interferon-beta; downloads 38 MB.

    These are the counts of Kang et al. (2018, Nat Biotechnol 36:89; GEO GSE96583, batch 2) as hosted by scverse's
    pertpy. The file is kept in the system's cache, or in the folder that the environment variable
    ``CRYSTALLIN_DATA_DIR`` names, and is not downloaded again. Its checksum is not published and therefore not checked.

    Returns
    -------
    New AnnData of cells x genes.

    * ``X`` and ``layers["counts"]``: counts, sparse float32;
    * ``obs``: ``condition`` (``"ctrl"``, ``"stim"``), ``donor``, ``cell_type``, and further columns of the file.

    Raises
    ------
    ConnectionError
        If the file does not exist and cannot be downloaded.
    NotADirectoryError
        If ``CRYSTALLIN_DATA_DIR`` is not a folder.
    ValueError
        If the file is damaged, or is not the expected one.

    Examples
    --------
    >>> adata = cr.datasets.kang18()  # doctest: +SKIP
    >>> adata.obs.groupby("condition", observed=True).size()  # doctest: +SKIP
    """
    path = _path()
    try:
        adata = anndata.read_h5ad(path)
    except Exception as error:
        msg = f"{str(path)!r} could not be read ({error}); if its download was interrupted, delete it and call again."
        raise ValueError(msg) from error
    if lost := [old for old, new in COLUMNS.items() if not {old, new} & set(adata.obs)]:
        msg = f"{str(path)!r} is another file: its obs has no {', '.join(lost)}. Delete it and call again."
        raise ValueError(msg)
    adata.obs = adata.obs.rename(columns=COLUMNS)
    adata.obs["donor"] = adata.obs["donor"].astype(str).str.removeprefix("patient_").astype("category")
    adata.layers["counts"] = adata.X.copy()
    return adata


def _path() -> Path:
    # pooch imports requests, which most sessions do not need
    import pooch

    given = os.environ.get(FOLDER_VARIABLE)
    if given and not Path(given).is_dir():
        msg = f"{FOLDER_VARIABLE}={given!r} is not a folder; create it, or unset the variable."
        raise NotADirectoryError(msg)
    folder = Path(given) if given else Path(pooch.os_cache("crystallin"))
    path = folder / FILE
    if path.is_file():
        return path
    try:
        return Path(pooch.retrieve(URL, known_hash=None, fname=FILE, path=folder, progressbar=False))
    except OSError as error:
        # requests' errors are OSErrors
        msg = (
            f"Could not download {URL} ({error}). Download it by other means to {str(path)!r}, or name the folder that "
            f"holds it by the environment variable {FOLDER_VARIABLE}."
        )
        raise ConnectionError(msg) from error
