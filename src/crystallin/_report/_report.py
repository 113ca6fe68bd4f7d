"""All results of an AnnData as one page."""

from __future__ import annotations

import os
import warnings
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY

from ._clusters import clusters_section
from ._differences import differences_section
from ._found import Source, common_groupby
from ._genes import genes_section
from ._page import render
from ._programs import coverage_section, programs_section
from ._run import run_section
from ._trust import trust_section
from ._values import count


def report(
    adata: AnnData,
    path: str | os.PathLike[str],
    *,
    groupby: str | None = None,
    title: str | None = None,
    n_genes: int = 10,
    key: str = DEFAULT_KEY,
) -> Path:
    """Write all results as one HTML file that can be sent to others.

    The file needs nothing else: no network, no other files, no Python. Tables can be sorted and filtered, and each
    table and figure has its data as CSV. Every result of crystallin's tools on the programs under ``key`` is in it,
    whatever ``key_added`` it was stored with; of what was not computed the page says so. Nothing is computed anew but
    simple summaries of activities, and ``adata`` is not changed.

    Parameters
    ----------
    adata
        Data with results of crystallin's tools, all or some of them, or none.
    path
        File to write, ending in ``.html``; one that is there is replaced. Its folder has to be there.
    groupby
        Column of ``obs`` with the clusters to show. ``None``: the one that results were computed by, if they agree.
    title
        Title of the page; ``None`` makes one of ``groupby``.
    n_genes
        Number of genes of each program and group that are shown of attributions and loadings. Ten can be read at a
        glance.
    key
        Prefix of the programs' slots.

    Returns
    -------
    The path of the file.

    Raises
    ------
    TypeError
        If ``adata`` is no AnnData.
    KeyError
        If there is no such column.
    ValueError
        If the path does not end in ``.html``, or labels of ``groupby`` are missing or are numbers.
    FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError
        If nothing can be written at ``path``, before any work is done.

    Notes
    -----
    What would make the page too large is limited, and the page says where: tables to 30,000 rows; attributions to
    ``n_genes`` genes of at most 100 programs and 30 groups; figures to the 30 largest clusters, and embeddings to 5,000
    random cells. Numbers are kept to six digits. Tables need JavaScript to be sorted; without it their first rows show.

    Examples
    --------
    >>> cr.report(adata, "kang.html", groupby="cell_type", title="Interferon response")  # doctest: +SKIP
    """
    if not isinstance(adata, AnnData):
        msg = f"adata is a {type(adata).__name__}; give an AnnData."
        raise TypeError(msg)
    path = _check_path(path)
    checks.check_slot_name(key, "key")
    checks.check_int(n_genes, "n_genes", 1)
    named: list[str] = []
    if groupby is not None:
        checks.check_labels(adata, groupby, "groupby")
    else:
        groupby, named = common_groupby(adata, key)
    source = Source(adata, key, groupby, n_genes)
    with warnings.catch_warnings():
        # the page itself says so, where they stand
        warnings.filterwarnings("ignore", message=".*were computed with another model")
        sections = [run_section(source), clusters_section(source, named), differences_section(source)]
        sections += [programs_section(source), genes_section(source), trust_section(source), coverage_section(source)]
    now = datetime.now().astimezone()
    size = f"{count(adata.n_obs, 'cell')}, {count(adata.n_vars, 'gene')}"
    page = render(
        title or (f"Gene programs by {groupby}" if groupby else "Gene programs"),
        f"{size} · {now:%Y-%m-%d}",
        sections,
        footer=f"Written by crystallin {version('crystallin')} on {now:%Y-%m-%d at %H:%M %Z}.",
        name=path.stem,
    )
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _check_path(path: str | os.PathLike[str]) -> Path:
    """Return the path, raising unless an HTML file can be written there."""
    path = Path(path)
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder; name a file in it, e.g. {str(path / 'report.html')!r}."
        raise IsADirectoryError(msg)
    if path.suffix.lower() not in (".html", ".htm"):
        msg = f"path={str(path)!r} has to end in .html, which browsers open and which no data are kept in."
        raise ValueError(msg)
    folder = path.parent
    if not folder.exists():
        msg = f"path={str(path)!r}: there is no folder {str(folder)!r}; make it first (pathlib.Path(…).mkdir())."
        raise FileNotFoundError(msg)
    if not folder.is_dir():
        msg = f"path={str(path)!r}: {str(folder)!r} is a file, not a folder."
        raise NotADirectoryError(msg)
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        msg = f"path={str(path)!r} cannot be written: no permission for {str(target)!r}; name another place."
        raise PermissionError(msg)
    return path
