"""Table of a reference's programs and of those that are added to them for a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE
    from crystallin.programs import AlignedPrograms


def joined_table(model: ProgramVAE, genes: np.ndarray, added: AlignedPrograms | None) -> pd.DataFrame:
    """Return a table of the model's programs, then of those to add; sizes and coverage refer to some genes.

    Parameters
    ----------
    model
        A trained model.
    genes
        Positions of the genes in the model.
    added
        Programs to add, aligned to these genes.
    """
    matrix = (model.prior != 0).astype(int).tocsc()
    known = model.programs_table
    if known is None:
        # a model that was saved by version 0.1.0
        sizes, signed = matrix.sum(axis=0).A1, np.asarray(model.prior.min(axis=0).todense()).ravel() < 0
        known = pd.DataFrame({"name": model.program_names, "n_genes": sizes, "missing": "", "signed": signed})
        known = known.assign(kept=True, reason="", decoy=model.is_decoy)
    # members that crystallin.complete added are not among those of the set
    given = (matrix - (model.added_members != 0).astype(int)).tocsc()
    given.eliminate_zeros()
    is_here = np.isin(np.arange(matrix.shape[0]), genes)
    present, missing = [], []
    for column, before in enumerate(known["missing"]):
        members = given.indices[given.indptr[column] : given.indptr[column + 1]]
        present.append(int(is_here[members].sum()))
        missing.append(";".join([*filter(None, [str(before)]), *model.genes[members[~is_here[members]]]]))
    known = known.assign(
        n_present=present,
        coverage=np.asarray(present) / known["n_genes"].to_numpy(),
        missing=np.array(missing, dtype=object),
        of_reference=True,
    )
    return known if added is None else _stacked(known, added.table.assign(of_reference=False))


def _stacked(known: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return rows of both tables; what only one of them says is empty text, NaN or true in the other."""
    columns = {}
    for name in dict.fromkeys([*known, *new]):
        dtype = (known if name in known else new)[name].dtype
        # Boolean columns that new programs lack come from a screening: a program that was not screened is not asleep
        fill = True if dtype.kind == "b" else np.nan if dtype.kind in "iuf" else ""
        parts = [part[name].to_numpy() if name in part else np.full(len(part), fill) for part in (known, new)]
        values = np.concatenate([part if dtype.kind in "biuf" else part.astype(object) for part in parts])
        columns[name] = values
    return pd.DataFrame(columns)
