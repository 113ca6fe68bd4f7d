"""The table of samples that a formula is about, and its design matrix."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import formulaic
import numpy as np
import pandas as pd
from formulaic.errors import FormulaicError
from formulaic.formula import SimpleFormula

from crystallin import _checks as checks
from crystallin.stats import estimable_basis

logger = logging.getLogger(__name__)

# a column of numbers with no more values than this in a sample divides its cells, as time points do
MAX_VALUES = 20
# rounding of a number that is the same in all cells of a sample
ROUNDING = 1e-6


@dataclass(frozen=True)
class Study:
    """Units of cells and what a formula says of them.

    Attributes
    ----------
    code
        Unit of each cell; negative for cells that are left out, because a column of the formula is missing.
    table
        ``stratum``, ``sample`` and ``kind`` of each unit; units of a kind have the same labels.
    columns
        Columns of the formula, one row a unit. Labels are categories of text.
    matrix
        Design matrix, units x coefficients, with names.
    dividing
        Columns that divide the cells of a donor, such as time points.
    factors
        Columns that the formula makes factors by ``C()``.
    """

    code: np.ndarray
    table: pd.DataFrame
    columns: pd.DataFrame
    matrix: pd.DataFrame
    dividing: tuple[str, ...] = ()
    factors: frozenset[str] = frozenset()

    def is_number(self, column: str) -> bool:
        """Whether a column enters the model as a number, unless the formula makes it a factor."""
        return _is_number(self.columns[column])

    def levels(self, column: str) -> list[str]:
        """Return the labels of a column, the first of which is the reference."""
        return list(self.columns[column].cat.categories)

    def held_at(self, column: str) -> tuple[str | float, list[str | float]]:
        """Return where a column is held if it is not named, and other values: the reference, or the mean of numbers."""
        values = self.columns[column]
        if not self.is_number(column):
            first, *others = self.levels(column)
        elif column in self.factors:
            first, *others = map(float, np.unique(values))
        else:
            first, others = float(values.mean()), [float(values.mean() + values.std())]
        return first, others

    def of_variables(self) -> dict[str, list[int]]:
        """Return the positions of each column's coefficients."""
        indices = {str(name): found for name, found in self.matrix.model_spec.variable_indices.items()}
        return {name: indices[name] for name in self.columns}

    def row(self, values: dict[str, str | float]) -> np.ndarray:
        """Return the row of the design matrix of a unit with these values.

        Columns that are not named are held where :meth:`held_at` says.
        """
        row = {}
        for name, column in self.columns.items():
            value = values[name] if name in values else self.held_at(name)[0]
            row[name] = [value] if self.is_number(name) else pd.Categorical([value], column.cat.categories)
        made = self.matrix.model_spec.get_model_matrix(pd.DataFrame(row), context={})
        return made.to_numpy(dtype=float)[0]


def read_formula(design: str, obs: pd.DataFrame) -> tuple[SimpleFormula, list[str]]:
    """Return a formula and the columns that it names, raising if it cannot be read or has a left-hand side."""
    if not isinstance(design, str):
        msg = f'design={design!r} must be a formula, such as "~ arm * time + sex", not {type(design).__name__}.'
        raise TypeError(msg)
    try:
        formula = formulaic.Formula(design)
        if not isinstance(formula, SimpleFormula):
            msg = (
                f"design={design!r} has a left-hand side or several parts, but activities are what is modelled. Begin "
                'it with "~", and join columns by "+", "*" or ":".'
            )
            raise ValueError(msg)
        required = set(map(str, formula.required_variables))
    except (FormulaicError, SyntaxError) as error:
        reason = str(error).splitlines()[0]
        msg = f'design={design!r} is no formula: {reason} An example is "~ arm * time + sex".'
        raise ValueError(msg) from error
    # formulaic 1.2 overlooks the arguments of some functions, such as poly(age, 2)
    words = set().union(*map(_words, _expressions(formula)))
    names = required | (words & set(obs.columns))
    return formula, sorted(names, key=lambda name: (design.find(name), name))


def _expressions(formula: SimpleFormula) -> set[str]:
    """Return the factors of a formula's terms, such as ``"arm"`` or ``"C(time)"``."""
    return {factor.expr for term in formula for factor in term.factors}


def _words(expression: str) -> set[str]:
    """Return the names in an expression; those with spaces, in backticks, are several."""
    return set(re.findall(r"[^\W\d]\w*", expression))


def make_study(
    obs: pd.DataFrame, design: str, sample: checks.Labels, stratum: checks.Labels | None, sample_key: str = ""
) -> Study:
    """Divide cells into units that are alike in all that the formula names, and make its design matrix.

    A unit holds the cells of one sample, stratum and label of each of the formula's columns. Columns of numbers divide
    cells as labels do if a sample has few different ones (time points). Otherwise all cells of a unit must have the
    same. Samples, ``sample_key``, are labels also if they are numbers.
    """
    formula, names = read_formula(design, obs)
    if not names:
        msg = f'design={design!r} names no column of adata.obs. An example is "~ condition".'
        raise ValueError(msg)
    for name in names:
        if name not in obs:
            msg = (
                f"design={design!r} names {name!r}, which is not a column of adata.obs. Its columns are "
                f"{checks.some(list(obs.columns))}. Names with spaces are written in backticks."
            )
            raise KeyError(msg)
    there = obs[names].notna().all(axis=1).to_numpy()
    _report_missing(obs, names, there, sample)
    cells = pd.DataFrame(
        {"stratum": "" if stratum is None else stratum.of_cells, "sample": sample.of_cells}, index=range(len(obs))
    )[there]
    values = _values(obs.loc[there, names].reset_index(drop=True), sample_key).set_axis(cells.index)
    dividing = [name for name in names if _divides(values[name], cells["sample"])]
    keys = pd.concat([cells, values[dividing]], axis=1)
    groups = keys.groupby(["stratum", "sample", *dividing], sort=True, observed=True)
    code = np.full(len(obs), -1)
    code[there] = groups.ngroup().to_numpy()
    first = keys.assign(code=code[there]).drop_duplicates("code").sort_values("code")
    columns = values.loc[first.index].reset_index(drop=True)
    for name in names:
        if name not in dividing:
            columns[name] = _mean_of_units(values[name], code[there], name)
    table = first[["stratum", "sample"]].reset_index(drop=True)
    # cells of the same labels are alike, but for their donors
    labels = [name for name in names if not _is_number(columns[name]) and not _names(columns[name], table["sample"])]
    table["kind"] = columns.groupby(labels, observed=True).ngroup() if labels else 0
    _check_vary(columns, design)
    inside = keys.groupby("sample")[dividing].nunique() > 1
    within_samples = [name for name in dividing if inside[name].any()]
    if within_samples:
        logger.info(
            "Samples are divided by %s: %d samples of %d donors.",
            ", ".join(map(repr, within_samples)),
            len(table[["sample"]].join(columns[within_samples]).drop_duplicates()),
            table["sample"].nunique(),
        )
    factors = frozenset(
        name
        for name in names
        if any(
            part.startswith("C(") and name in _words(part) | {part[2:-1].strip("`")} for part in _expressions(formula)
        )
    )
    return Study(code, table, columns, _matrix(formula, columns, design), tuple(within_samples), factors)


def _report_missing(obs: pd.DataFrame, names: list[str], there: np.ndarray, sample: checks.Labels) -> None:
    if there.all():
        return
    missing = {name: int(obs[name].isna().sum()) for name in names if obs[name].isna().any()}
    listed = ", ".join(f"{name!r} ({n:,} cells)" for name, n in missing.items())
    if not there.any():
        msg = f"All cells lack a value of some column of the design: {listed}. Fill them, or leave the columns out."
        raise ValueError(msg)
    lost = sorted(set(np.unique(sample.of_cells)) - set(np.unique(sample.of_cells[there])))
    logger.warning(
        "Left out %s cells with missing values of %s; samples without any other cells: %s.",
        f"{int((~there).sum()):,}",
        listed,
        ", ".join(lost) or "none",
    )


def _values(obs: pd.DataFrame, sample_key: str) -> pd.DataFrame:
    """Return columns as numbers, or as categories of text."""
    columns = {}
    for name, column in obs.items():
        is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if is_number and name != sample_key:
            # whole numbers stay whole, for the names of the coefficients of C(time)
            dtype = np.int64 if pd.api.types.is_integer_dtype(column) else np.float64
            columns[name] = column.to_numpy(dtype=dtype)
            if not np.isfinite(columns[name]).all():
                msg = f"Column {name!r} of the design has infinite values; leave these cells out."
                raise ValueError(msg)
        else:
            if pd.api.types.is_datetime64_any_dtype(column):
                logger.warning("%r holds dates, which enter as a factor; convert them to days for a slope.", name)
            labels = checks.name_labels(column, f"column {name!r} of the design")
            columns[name] = pd.Categorical.from_codes(labels.codes, labels.names)
    return pd.DataFrame(columns)


def _is_number(column: pd.Series) -> bool:
    return not isinstance(column.dtype, pd.CategoricalDtype)


def _divides(column: pd.Series, sample: pd.Series) -> bool:
    return not _is_number(column) or column.groupby(sample).nunique().max() <= MAX_VALUES


def _names(column: pd.Series, sample: pd.Series) -> bool:
    """Whether the labels of a column are those of the samples."""
    return (column.astype(str) == sample).all()


def _mean_of_units(values: pd.Series, code: np.ndarray, name: str) -> np.ndarray:
    """Return the number of each unit, raising if it is not the same in all of its cells."""
    of_units = values.groupby(code)
    spread = (of_units.max() - of_units.min()).max()
    if spread > ROUNDING * max(values.std(), np.finfo(float).tiny):
        msg = (
            f"Column {name!r} of the design differs between cells of the same sample, so it is no property of samples. "
            f"Adjust for it by covariates=[{name!r}], which uses its slope within samples, or divide it into groups "
            "with pandas.cut."
        )
        raise ValueError(msg)
    return of_units.mean().to_numpy()


def _check_vary(columns: pd.DataFrame, design: str) -> None:
    constant = [name for name in columns if columns[name].nunique() < 2]
    if constant:
        listed = ", ".join(f"{name!r} ({columns[name].iloc[0]!s})" for name in constant)
        msg = f"design={design!r}: {listed} has the same value in all samples, so it has no effect. Leave it out."
        raise ValueError(msg)


def _matrix(formula: formulaic.Formula, columns: pd.DataFrame, design: str) -> pd.DataFrame:
    for name, column in columns.items():
        if _is_number(column) and column.nunique() <= MAX_VALUES:
            logger.info(
                "%r enters the model as a number (%d values); C(%s) makes it a factor.", name, column.nunique(), name
            )
    try:
        matrix = formulaic.model_matrix(formula, columns, context={}, na_action="raise")
    except Exception as error:
        # formulas call functions such as log, so any error can come from them
        msg = f"design={design!r} cannot be computed: {str(error).splitlines()[0]}"
        raise ValueError(msg) from error
    values = matrix.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        msg = f"design={design!r} gives values that are not finite, in {_not_finite(matrix)}. Change the formula."
        raise ValueError(msg)
    one = np.eye(values.shape[1])
    others = [matrix.columns[i] for i in range(values.shape[1]) if _follows(values, one, i)]
    if others:
        logger.warning(
            "design=%r: %s follow(s) from the columns before; contrasts that need it cannot be estimated.",
            design,
            ", ".join(map(repr, others)),
        )
    return matrix


def _follows(values: np.ndarray, one: np.ndarray, i: int) -> bool:
    """Whether a column follows from those before it."""
    return estimable_basis(values[:, : i + 1], one[i, : i + 1]) is None


def _not_finite(matrix: pd.DataFrame) -> str:
    return ", ".join(repr(name) for name in matrix if not np.isfinite(matrix[name].to_numpy(dtype=float)).all())
