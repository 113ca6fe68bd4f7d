"""Activities as an AnnData of cells x programs."""

from __future__ import annotations

from typing import Literal

from anndata import AnnData
from pandas.api.types import is_numeric_dtype

from crystallin._keys import DEFAULT_KEY, Keys

from ._columns import activity_values
from ._programs_df import programs_df


def activity(
    adata: AnnData,
    *,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    decoys: bool = False,
    free: bool = False,
) -> AnnData:
    """Return activities as a new AnnData of cells x programs, for use with ``scanpy.pl`` and ``scanpy.tl``.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    kind
        ``"unique"`` is what a program explains beside all other programs; it tells which of several overlapping
        programs a signal belongs to. ``"total"`` is what the genes of the program do, whichever programs explain it,
        which is what people mean by the activity of a pathway. The page on the model explains both ("Two readings of a
        program").
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        Include decoy programs.
    free
        Include free programs (see ``n_unannotated`` of :class:`crystallin.ProgramVAE`), which have a single reading.

    Returns
    -------
    New AnnData. ``X`` holds the activities (posterior means), ``layers["sd"]`` their standard deviations, and ``var``
    the table of programs, indexed by name. ``obs`` (without columns that have the name of a program), the embeddings in
    ``obsm`` and the colours in ``uns`` are copied from ``adata``.

    Raises
    ------
    KeyError
        If there are no activities in this reading.
    ValueError
        If ``kind`` is not a reading.

    Examples
    --------
    >>> acts = cr.get.activity(adata)  # doctest: +SKIP
    >>> sc.pl.matrixplot(acts, acts.var_names[:5], groupby="bulk_labels")  # doctest: +SKIP
    """
    keys = Keys(key)
    names, mean, sd = activity_values(adata, keys, kind, decoys=decoys, free=free)
    var = (
        programs_df(adata, key=key, decoys=decoys, columns="all")
        .drop(columns=["kept", "reason"], errors="ignore")
        .reindex(names)
    )
    # free programs are not in the table
    var["decoy"] = var["decoy"].eq(True)
    # scanpy's plots would convert these columns on first use, and log a message
    text = [column for column in var if not is_numeric_dtype(var[column])]
    var = var.astype(dict.fromkeys(text, "category"))
    own = keys.of_cells
    return AnnData(
        X=mean,
        # scanpy refuses to plot a name that is both a column of obs and a program
        obs=adata.obs.drop(columns=[name for name in names if name in adata.obs]),
        var=var,
        obsm={name: value.copy() for name, value in adata.obsm.items() if name not in own},
        layers={"sd": sd},
        uns={name: value.copy() for name, value in adata.uns.items() if name.endswith("_colors")},
    )
