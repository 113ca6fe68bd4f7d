"""The table of free programs."""

from __future__ import annotations

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, FREE, Keys


def free_programs_df(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the table of free programs, with their most typical genes.

    Free programs stand for variation that no gene set explains (see ``n_unannotated`` of
    :class:`crystallin.ProgramVAE`).

    Parameters
    ----------
    adata
        Data with activities of a model with free programs, from :func:`crystallin.tl.activity`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.

    Returns
    -------
    New DataFrame indexed by name, with columns

    - ``genes``: the most typical genes, with a minus if they fall when the activity rises;
    - ``n_genes``: the number of genes with a loading;
    - ``hint``: the sleeping program (see :func:`crystallin.pp.screen_programs`) whose genes are most enriched among the
      most typical genes, empty if there is none; ``hint_q``: the q value of the enrichment.

    Raises
    ------
    KeyError
        If there are no programs, or no free programs.

    Examples
    --------
    >>> cr.get.free_programs_df(adata)["genes"]  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_table(adata, keys)
    entry = adata.uns[keys.uns]
    if FREE not in entry:
        msg = (
            f"There are no free programs under {key!r}. crystallin.tl.activity(adata, model) writes them if the model "
            'has any: create it with crystallin.ProgramVAE(adata, n_unannotated="auto"), or with their number. With '
            '"auto" there are none if nothing that the programs leave over is found again in other cells.'
        )
        raise KeyError(msg)
    return entry[FREE].set_index("name")
