"""Units of cells that are compared, and the linear model of these units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._checks import Labels
from crystallin.stats import independent

if TYPE_CHECKING:
    from anndata import AnnData


class CollinearError(ValueError):
    """Raised if a covariate is confounded with the groups in one comparison; in others it may not be."""


@dataclass(frozen=True)
class Units:
    """Cells of the same stratum, group and sample.

    Attributes
    ----------
    code
        Unit of each cell.
    table
        ``stratum``, ``group`` and ``sample`` of each unit, as strings; empty where there is no such column.
    """

    code: np.ndarray
    table: pd.DataFrame


def check_options(sample_key: str | None, *, paired: bool | None, exact: bool, delta: float | None) -> None:
    """Raise if options of a comparison of groups are out of range or contradict each other."""
    if delta is not None:
        checks.check_number(delta, "delta", 0)
    if paired is not None and sample_key is None:
        msg = f"paired={paired} needs sample_key=, because pairs are pairs of samples. Name one, or leave paired out."
        raise ValueError(msg)
    checks.check_choice(paired, "paired", (True, False, None))
    checks.check_choice(exact, "exact", (True, False))
    if exact and (sample_key is None or delta):
        msg = (
            "exact=True rearranges samples to test whether there is any difference, so it needs sample_key= and no "
            "delta=. Name the column of the samples, or leave exact out."
        )
        raise ValueError(msg)


def labels_of_units(
    adata: AnnData, groupby: str, within: str | None, sample_key: str | None
) -> dict[str, Labels | None]:
    """Check and return the group, stratum and sample of each cell."""
    labels = {"group": checks.check_labels(adata, groupby, "groupby"), "stratum": None, "sample": None}
    for argument, kind, column in (("sample_key", "sample", sample_key), ("within", "stratum", within)):
        if column is not None:
            labels[kind] = checks.check_labels(adata, column, argument)
            if column == groupby:
                msg = f"{argument}={column!r} is the same column as groupby. Name another one, or leave {argument} out."
                raise ValueError(msg)
    return labels


def make_units(group: Labels, stratum: Labels | None, sample: Labels | None) -> Units:
    """Return the units of cells with these labels."""
    labels = {"stratum": stratum, "group": group, "sample": sample}
    columns = {name: "" if given is None else given.of_cells for name, given in labels.items()}
    cells = pd.DataFrame(columns, index=range(len(group.codes)))
    code = cells.groupby(list(labels), sort=True).ngroup().to_numpy()
    return Units(code, cells.drop_duplicates().sort_values(list(labels)).reset_index(drop=True))


def covariate_matrix(obs: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return covariates as numbers, cells x columns, with indicators for labels, and the covariate of each column."""
    columns, owner = [np.empty((len(obs), 0))], []
    for name in names:
        values = obs[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            number = values.to_numpy(dtype=float)
            part = ((number - number.mean()) / number.std())[:, None]
        else:
            part = pd.get_dummies(checks.name_labels(values).of_cells, drop_first=True).to_numpy(dtype=float)
        columns.append(part)
        owner += [name] * part.shape[1]
    return np.concatenate(columns, axis=1), owner


def check_estimable(
    base: np.ndarray, contrast: np.ndarray, columns: np.ndarray, owner: Sequence[str], where: str
) -> np.ndarray:
    """Return the columns of covariates to adjust for; raise an error if they explain what is to be estimated.

    Parameters
    ----------
    base
        Other columns of the model, units x columns, such as the intercept and the group.
    contrast
        Weight of each of their coefficients in what is to be estimated.
    columns
        Units x covariates.
    owner
        Covariate of each column.
    where
        The comparison, for the message.
    """
    if not len(owner):
        return np.array([], dtype=int)
    # the direction of interest, and what is left of the model without it
    nuisance = base @ _orthogonal(contrast)
    direction = base @ contrast
    kept = independent(nuisance, columns)
    for i, column in enumerate(kept):
        before = np.column_stack([nuisance, columns[:, kept[: i + 1]]])
        if not len(independent(before, direction[:, None])):
            msg = (
                f"Covariate {owner[column]!r} is confounded with the groups in {where}"
                f"{' (together with the covariates before it)' if i else ''}, so their effects cannot be separated. "
                "Leave the covariate out, or compare groups in which it varies."
            )
            raise CollinearError(msg)
    return kept


def _orthogonal(contrast: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the coefficients that are orthogonal to the contrast."""
    return np.linalg.svd(contrast[None, :])[2][1:].T
