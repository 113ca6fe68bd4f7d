"""Mean activities of samples as an AnnData of units x programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.utils import make_index_unique
from pandas.api.types import is_float_dtype

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import DEFAULT_KEY, Keys
from crystallin._store import activity_rows
from crystallin.stats import Moments

from ._columns import program_columns
from ._programs_df import programs_df

# between the labels in the name of a unit
SEPARATOR = "|"
N_CELLS = "n_cells"
# numbers with more values are measurements and not labels
MAX_NUMBERS = 100


def pseudobulk(
    adata: AnnData,
    sample_key: str,
    *,
    groupby: str | Sequence[str] = (),
    key: str = DEFAULT_KEY,
    kind: Literal["unique", "total"] = "unique",
    min_cells: int = 1,
    decoys: bool = False,
) -> AnnData:
    """Return mean activities of samples as a new AnnData, for linear models and figures of samples.

    A unit is the cells of one sample that have the same labels in all columns of ``groupby``, for example the B cells
    of a donor before treatment. Its mean activity is corrected for shrinkage, and comes with its standard error. These
    are the values that :func:`crystallin.tl.rank_programs_groups` compares.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`. Activities on disk are read in chunks.
    sample_key
        Column of ``obs`` with the sample (donor, mouse, library) of each cell.
    groupby
        Further columns of ``obs`` with labels that divide the cells of a sample, such as cell types and conditions.
        Numbers with up to 100 values, such as doses or days, are labels as well.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity`.
    min_cells
        Leave out units of fewer cells. Their cells still count for the variance between cells.
    decoys
        Include decoy programs.

    Returns
    -------
    New AnnData of units x programs:

    - ``X``: mean activity, corrected for shrinkage, in prior standard deviations;
    - ``layers["se"]``: standard error of this mean from the sampling of cells. It does not contain the differences
      between samples. NaN if no unit with these labels of ``groupby`` has two cells;
    - ``layers["stored"]``: mean of the posterior activities as stored, without correction;
    - ``layers["reliability"]``: share of the activity's variance that the counts of the unit's cells determine, at
      least .001. Where it is below .1, the activity depends mostly on the prior, and ``X`` is very uncertain;
    - ``obs``: ``sample_key``, ``groupby``, ``n_cells`` (number of cells), and all other columns that have a single
      value in each unit, such as the sex of a donor. Columns with the name of a program are left out. Its index has
      names such as ``"donor 1|B cells"``;
    - ``var``: the table of programs, indexed by name;
    - ``uns``: the colours of ``adata``.

    Programs whose genes were not measured in a unit are NaN.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no column of that name.
    ValueError
        If labels are missing, a column holds more numbers than labels can be or is named twice, no unit has
        ``min_cells`` cells, or ``kind`` is not a reading.

    See Also
    --------
    crystallin.tl.compare : Compares samples by a linear model of these means.

    Notes
    -----
    The mean of a unit's posterior means is divided by one minus the mean of its posterior variances (see the notes of
    :func:`crystallin.tl.rank_programs_groups`). The standard error is the standard deviation between cells of a unit,
    pooled over the units that have the same labels of ``groupby`` (sums of squares divided by degrees of freedom),
    divided by the root of the number of cells and by the same factor as the mean.

    **Further analysis in R.** For limma, write the means and the standard errors, and give programs as rows and the
    inverse of the squared standard errors as weights::

        pb = cr.get.pseudobulk(adata, "donor", groupby="condition")
        pb = pb[:, (pb.layers["reliability"] >= 0.1).all(axis=0)]
        pb.to_df().to_csv("mean.csv")
        pb.to_df("se").to_csv("se.csv")
        pb.obs.to_csv("samples.csv")

        # in R
        x  <- t(as.matrix(read.csv("mean.csv", row.names = 1, check.names = FALSE)))
        se <- t(as.matrix(read.csv("se.csv", row.names = 1, check.names = FALSE)))
        samples <- read.csv("samples.csv", row.names = 1)
        # the first level is the reference; donors with numbers for names are no slope
        samples$condition <- factor(samples$condition, levels = c("ctrl", "stim"))
        samples$donor <- factor(samples$donor)
        design <- model.matrix(~ condition + donor, samples)
        fit <- limma::eBayes(limma::lmFit(x, design, weights = 1 / se^2))
        limma::topTable(fit, coef = 2)

    These weights assume that means differ only because few cells were sampled. If samples also differ by themselves,
    add the variance between samples to ``se^2``, or leave the weights out if all units have many cells.

    **Programs are not counts.** Activities are continuous and can be negative, so that DESeq2 and edgeR, which model
    counts, do not apply to them. To test genes with PyDESeq2 for the same units, sum the counts with
    ``decoupler.pp.pseudobulk(adata, sample_col="donor", groups_col="condition", layer="counts", mode="sum")``, with the
    same columns of samples and groups.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=12, n_decoys=4, n_donors=3, conditions=("ctrl", "stim"))
    >>> cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    >>> cr.ProgramVAE.setup_anndata(adata)
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(adata, model)
    >>> cr.get.pseudobulk(adata, "donor", groupby="condition").shape
    (6, 16)
    """
    keys = Keys(key)
    checks.check_activity(adata, keys, kind)
    checks.check_int(min_cells, "min_cells", 1)
    units = _units(adata, sample_key, [groupby] if isinstance(groupby, str) else list(groupby))
    kept = np.flatnonzero(np.bincount(units.code) >= min_cells)
    if not len(kept):
        largest = np.bincount(units.code).max()
        msg = (
            f"min_cells={min_cells} leaves no unit, because the largest has {largest} cell(s). Choose a smaller number."
        )
        raise ValueError(msg)
    columns, names = program_columns(adata, keys, [], decoys=decoys)
    moments, _ = stats.collect_moments(
        *activity_rows(adata, keys, kind), units.code, len(units.names), with_covariance=False
    )
    values = {name: value[kept][:, columns] for name, value in _values(moments, units.pool).items()}
    table = programs_df(adata, key=key, decoys=decoys, columns="all").drop(columns=["kept", "reason"], errors="ignore")
    return AnnData(
        X=values.pop("mean"),
        obs=_obs(adata, units, names).iloc[kept],
        var=table.reindex(names),
        layers=values,
        uns={name: value.copy() for name, value in adata.uns.items() if name.endswith("_colors")},
    )


@dataclass(frozen=True)
class Units:
    """Units of cells.

    Attributes
    ----------
    code
        Unit of each cell.
    first
        Position of a cell of each unit.
    pool
        Set of units with the same labels of ``groupby``, of each unit.
    names
        Name of each unit.
    columns
        The columns of ``obs`` that define units.
    """

    code: np.ndarray
    first: np.ndarray
    pool: np.ndarray
    names: list[str]
    columns: list[str]


def _units(adata: AnnData, sample_key: str, groupby: list[str]) -> Units:
    """Return the units in the order of samples, then of the labels of ``groupby``."""
    labels = [checks.check_labels(adata, sample_key, "sample_key")]
    labels += [_labels(adata, column) for column in groupby]
    columns = [sample_key, *groupby]
    repeated = [column for column in dict.fromkeys(columns) if columns.count(column) > 1]
    if repeated:
        msg = (
            f"groupby={groupby!r} names {repeated[0]!r} again (sample_key={sample_key!r}). Name each column once; "
            "samples are units in any case."
        )
        raise ValueError(msg)
    shape = [len(of.names) for of in labels]
    found, first, code = np.unique(
        np.ravel_multi_index([of.codes for of in labels], shape), return_index=True, return_inverse=True
    )
    of_unit = np.stack(np.unravel_index(found, shape))
    pool = np.unique(of_unit[1:].T, axis=0, return_inverse=True)[1].ravel() if groupby else np.zeros(len(found), int)
    words = [np.array(of.names, dtype=object)[codes] for of, codes in zip(labels, of_unit, strict=True)]
    return Units(code.ravel(), first, pool, [SEPARATOR.join(unit) for unit in zip(*words, strict=True)], columns)


def _labels(adata: AnnData, column: str) -> checks.Labels:
    """Return the labels of a column of ``groupby``; numbers with few values, such as doses, are labels."""
    values = adata.obs[column] if isinstance(column, str) and column in adata.obs else None
    if values is not None and is_float_dtype(values) and values.notna().all() and values.nunique() <= MAX_NUMBERS:
        return checks.name_labels(values, f"groupby={column!r}")
    return checks.check_labels(adata, column, "groupby")


def _values(moments: Moments, pool: np.ndarray) -> dict[str, np.ndarray]:
    """Return means and layers, units x programs."""
    pooled = moments.pooled(pool, pool.max() + 1)
    membership = np.equal.outer(np.arange(len(pooled.n)), pool).astype(float)
    degrees = (membership @ (moments.n - 1))[:, None]
    scatter = membership @ np.maximum(moments.scatter(), 0)
    within = np.divide(scatter, degrees, out=np.full_like(scatter, np.nan), where=degrees > 0)[pool]
    means = stats.unshrunk_means(moments, within)
    # activities of programs that were not measured are read as those of the prior
    unknown = (moments.mean_uncertainty == 1) & (moments.squares == 0)
    values = {"mean": means.mean, "se": np.sqrt(means.variance), "stored": moments.mean}
    values = {name: np.where(unknown, np.nan, value) for name, value in values.items()}
    return values | {"reliability": stats.reliability(moments.mean_uncertainty)}


def _obs(adata: AnnData, units: Units, programs: list[str]) -> pd.DataFrame:
    """Return the columns that have a single value in each unit; those that define units come first."""
    others = [name for name in adata.obs if name not in (N_CELLS, *units.columns, *programs)]
    constant = [name for name in others if _is_constant(adata.obs[name], units)]
    obs = adata.obs[[*units.columns, *constant]].iloc[units.first]
    # labels may contain the separator
    obs = obs.set_axis(make_index_unique(pd.Index(units.names)))
    for name in obs.select_dtypes("category"):
        obs[name] = obs[name].cat.remove_unused_categories()
    obs.insert(len(units.columns), N_CELLS, np.bincount(units.code))
    return obs


def _is_constant(column: pd.Series, units: Units) -> bool:
    codes = pd.factorize(column, use_na_sentinel=False)[0]
    return bool((codes == codes[units.first][units.code]).all())
