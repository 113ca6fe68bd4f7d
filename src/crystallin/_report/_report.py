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

from ._audit import audit_section
from ._clusters import clusters_section
from ._differences import differences_section
from ._findings import findings_section
from ._found import Source
from ._free import free_sections
from ._genes import genes_section
from ._map import map_sections
from ._order import gathered
from ._page import render
from ._plain import Chosen, plain_groupby
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

    The page opens with the findings in sentences: which cells were compared, what changed, by how much and how surely,
    which clusters are what, and what limits this. Figures follow, then tables, and the arguments of all calls with the
    hashes of model and gene sets at the end. It is a single file that needs no network, no other files and no Python.
    Tables can be sorted and filtered,
    and the data of each table and figure can be saved as CSV. The page contains every result of crystallin's tools on
    the programs under ``key``, whatever ``key_added`` it was stored with, and says which results were not computed.
    Only simple summaries of activities are computed, and ``adata`` is not changed.

    Parameters
    ----------
    adata
        Data with results of crystallin's tools; any of them may be missing.
    path
        File to write, ending in ``.html``. An existing file is replaced. The folder must exist.
    groupby
        Column of ``obs`` with the clusters to show. ``None`` uses the column that results were computed by (that of
        the annotation if there are several), or else the only column of ``obs`` with a usual name, such as
        ``"leiden"`` or ``"cell_type"``.
    title
        Title of the page; ``None`` makes one from ``groupby``.
    n_genes
        Number of genes to show for each program and group in attributions and loadings. The default of ten can be read
        at a glance.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.

    Returns
    -------
    The path of the file.

    Raises
    ------
    TypeError
        If ``adata`` is not an AnnData.
    KeyError
        If there is no such column.
    ValueError
        If the path does not end in ``.html``, or labels of ``groupby`` are missing or are numbers.
    FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError
        If ``path`` cannot be written, before any work is done.

    Notes
    -----
    To keep the page small, tables are limited to 30,000 rows; attributions to ``n_genes`` genes of at most 100 programs
    and 30 groups; figures to the 30 largest clusters, and embeddings to 5,000 random cells. The page says where this
    applies. Numbers are stored with six digits. Without JavaScript, tables show their first rows and cannot be sorted.

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
    if groupby is not None:
        checks.check_labels(adata, groupby, "groupby")
    chosen = plain_groupby(adata, key) if groupby is None else Chosen(groupby)
    groupby = chosen.column
    source = Source(adata, key, groupby, n_genes)
    with warnings.catch_warnings():
        # the page itself warns of this beside each result
        warnings.filterwarnings("ignore", message=".*were computed with another model")
        main = [*map_sections(source), clusters_section(source, chosen.why), differences_section(source)]
        figures, main = gathered(main)
        sections = [findings_section(source), *figures, *main]
        sections += [programs_section(source), *free_sections(source), genes_section(source), audit_section(source)]
        sections += [trust_section(source), coverage_section(source), run_section(source)]
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
        msg = f"path={str(path)!r} must end in .html, so that browsers open it and no data file is overwritten."
        raise ValueError(msg)
    folder = path.parent
    if not folder.exists():
        msg = f"path={str(path)!r}: the folder {str(folder)!r} does not exist; create it (pathlib.Path(…).mkdir())."
        raise FileNotFoundError(msg)
    if not folder.is_dir():
        msg = f"path={str(path)!r}: {str(folder)!r} is a file, not a folder."
        raise NotADirectoryError(msg)
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        msg = f"path={str(path)!r} cannot be written: no permission for {str(target)!r}; choose another path."
        raise PermissionError(msg)
    return path
