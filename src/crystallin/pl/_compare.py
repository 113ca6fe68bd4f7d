"""Samples behind a comparison: one dot for each sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import COMPARE, DEFAULT_KEY, KEY, LABELS, PARAMS

from ._chosen import named
from ._ranking import comparisons, q_words
from ._reading import titled
from ._samples import Layout, draw_samples, keys_of_samples, name_sample
from ._style import finish, panels, shorten, wrap

# inches: width and height of a panel, width of a level beyond the first two
WIDTH, HEIGHT, LEVEL = 3.1, 3.0, 0.45
# inches: depth of the legend below all panels
DEPTH = 0.6
# the most influential donor is named if the effect without it is less than this share of the whole
SHRUNK = 0.5
# columns that are told apart by place and colour
MAX_FACTORS = 2


def compare(
    adata: AnnData,
    programs: str | Sequence[str],
    *,
    contrast: str | None = None,
    group: str | None = None,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_cols: int = 3,
    key: str = COMPARE,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw the samples behind a comparison, one dot for each, with one panel for each program and stratum.

    A dot is the mean activity of a sample's cells, corrected for shrinkage, and the thin bar its standard error from
    the sampling of cells, as :func:`crystallin.get.pseudobulk` returns them. Dots of the same sample under several
    conditions (``sample_key`` names the same donor) are joined by a line. The short black line is the plain mean of the
    dots. Below each panel are the difference (``effect``) with its 95 % interval, ``q``, and whether it is called
    (``call``). They are from the model of the result, which weighs samples and adjusts for the other columns of the
    design, so the difference can differ from the distance between the black lines.

    The levels of the first column that the contrast compares are side by side, and those of the second have different
    colours. If one of the columns has numbers, it is the horizontal axis. The most influential donor is named beside
    its dot if leaving out single donors can change the direction of the effect or reduce it to less than half. All
    samples that have activities are drawn, including those that the comparison left out.

    Parameters
    ----------
    adata
        Data with activities, and results of :func:`crystallin.tl.compare`, or of
        :func:`crystallin.tl.rank_programs_groups` with ``sample_key``.
    programs
        Names of programs.
    contrast, group
        The comparison to show; not needed if there is only one. ``contrast`` is for results of
        :func:`crystallin.tl.compare`, ``group`` for those of :func:`crystallin.tl.rank_programs_groups`.
    stratum
        Labels of ``within`` to show; ``None`` shows all in which the comparison was made.
    kind
        Reading of the programs: ``"unique"`` shows what each explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    n_cols
        Number of panels in a row.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read. With
        ``group``, the default is ``"rank_programs_groups"``.
    ax
        Axes to draw on; only for a single panel, which then has no legend of the marks.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single panel, else a list of Axes.

    Raises
    ------
    KeyError
        If there are no results or activities, or no program or column of that name.
    ValueError
        If a contrast, group or stratum is not among the results, there are several comparisons to choose from, the
        result is one of cells, or ``ax`` is given for several panels.

    Examples
    --------
    >>> cr.pl.compare(adata, "Type I interferon response", stratum="B cells")  # doctest: +SKIP
    >>> cr.pl.compare(adata, ["Hypoxia", "Glycolysis"], contrast="condition: stim - ctrl")  # doctest: +SKIP
    """
    checks.check_int(n_cols, "n_cols", 1)
    names = named(programs, "programs")
    tool, key = checks.check_comparison(adata, key, group, contrast, COMPARE)
    parts = comparisons(adata, group, stratum, "all", key, kind, contrast=contrast, tool=tool)
    table = pd.concat(parts.values())
    what = _only_one(table)
    names = checks.check_program_names(names, list(table["program"].unique()))
    params = _params(adata, key, tool)
    source = _Source.of(adata, params, table, kind)
    rows = [row for name in names for _, row in table[table["program"] == name].iterrows()]
    if ax is not None and len(rows) > 1:
        msg = (
            f"ax has room for one panel, but there are {len(rows)} (programs x strata). Name a single program and "
            "stratum, or leave ax out."
        )
        raise ValueError(msg)
    size = (WIDTH + LEVEL * max(source.layout.n_places - 2, 0), HEIGHT)
    axes = [ax] if ax is not None else panels(len(rows), n_cols, size, (0, DEPTH))
    drawn = []
    for panel, row in zip(axes, rows, strict=True):
        samples = source.samples(row["program"], str(row["stratum"]))
        drawn.append((panel, draw_samples(panel, samples, source.layout, _influential(row)), _influential(row)))
        lines = [wrap(titled(row["program"], kind), 34), *([shorten(str(row["stratum"]))] if row["stratum"] else [])]
        panel.set_title("\n".join(lines), fontsize=9)
        below = dict.fromkeys([*source.layout.axis_name, wrap(what, 46), _result(row)])
        panel.set_xlabel("\n".join(below), fontsize=8)
        panel.set_ylabel(f"mean {LABELS[kind]} of each {params['sample_key']} (prior sd)", fontsize=8)
    if ax is None:
        keys = keys_of_samples(drawn[0][1], source.layout, params["sample_key"], circle=any(name for *_, name in drawn))
        style = {"loc": "outside lower center", "fontsize": 7.5, "frameon": False}
        axes[0].figure.legend(list(keys.values()), list(keys), ncols=1 if len(axes) == 1 else len(keys), **style)
    for panel, places, name in drawn:
        name_sample(panel, places, name)
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _only_one(table: pd.DataFrame) -> str:
    """Return the words of the comparison; raise if there are several."""
    if "contrast" in table:
        argument, whats = "contrast", table["contrast"].astype(str)
    else:
        argument, whats = "group", table["group"].astype(str) + " against " + table["reference"].astype(str)
    every = list(whats.unique())
    if len(every) > 1:
        msg = (
            f"The figure shows one comparison, but there are {len(every)}: {'; '.join(every[:4])}. Choose one with "
            f"{argument}=."
        )
        raise ValueError(msg)
    return every[0]


def _params(adata: AnnData, key: str, tool: str) -> dict[str, Any]:
    """Return the parameters of a result; raise if it is not one of samples."""
    slot = checks.check_result(adata, key, tool)
    params = dict(adata.uns[slot][PARAMS])
    if not params.get("sample_key"):
        msg = (
            f"The results under {slot!r} compare cells and not samples, but the figure shows one dot for each sample. "
            f"Call crystallin.tl.{tool} with sample_key=, or draw cells with crystallin.pl.violin."
        )
        raise ValueError(msg)
    return params


@dataclass(frozen=True)
class _Source:
    """Means of samples.

    Attributes
    ----------
    units
        Means of units, from :func:`crystallin.get.pseudobulk`.
    within
        Column with the strata, if any.
    sample_key
        Column with the samples.
    layout
        Horizontal places and colours of units.
    """

    units: AnnData
    within: str | None
    sample_key: str
    layout: Layout

    @classmethod
    def of(cls, adata: AnnData, params: dict[str, Any], table: pd.DataFrame, kind: str) -> _Source:
        """Compute the means of the units that a result compares."""
        sample_key, within = str(params["sample_key"]), params.get("within") or None
        compared, dividing = _columns(params, table)
        labels = [*compared, *dividing, *([within] if within else [])]
        labels = [name for name in dict.fromkeys(labels) if name != sample_key]
        for name in labels:
            checks.check_key(name, adata.obs, "obs", optional=False)
        # the tool left out these cells as well
        there = adata.obs[labels].notna().all(axis=1)
        adata = adata if there.all() else adata[there]
        # a number that each sample has once, such as the age, divides no sample
        groupby = [name for name in labels if not _is_of_samples(adata.obs, name, sample_key)]
        units = get.pseudobulk(adata, sample_key, groupby=groupby, kind=kind, key=str(params.get(KEY) or DEFAULT_KEY))
        numeric = [name for name in compared if _is_number(units.obs[name])][:1]
        others = [name for name in compared if not _is_number(units.obs[name])]
        # time points that are not compared themselves are told apart by colour, if there is none yet
        others += [name for name in dividing if not _is_number(units.obs[name])][: max(MAX_FACTORS - len(others), 0)]
        shown = None
        if "reference" in table and params.get("reference") != checks.REST:
            shown = [str(params["reference"]), *table["group"].astype(str).unique()]
        return cls(units, within, sample_key, Layout.of(units.obs, numeric, others, shown))

    def samples(self, program: str, stratum: str) -> pd.DataFrame:
        """Return mean, standard error, sample and place of each unit of a stratum."""
        column = self.units.var_names.get_loc(program)
        frame = pd.DataFrame(
            {
                "mean": np.asarray(self.units.X)[:, column],
                "se": self.units.layers["se"][:, column],
                "sample": [checks.label_name(value) for value in self.units.obs[self.sample_key]],
            },
            index=self.units.obs_names,
        ).join(self.layout.places)
        if self.within is not None:
            frame = frame[[checks.label_name(value) == stratum for value in self.units.obs[self.within]]]
        return frame[frame["place"].notna() & frame["mean"].notna()]


def _columns(params: dict[str, Any], table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the columns whose levels the contrast compares, and others that divide the samples of a donor."""
    if "compared_by" not in params:
        return [str(params["groupby"])], []
    number = list(map(str, params["contrasts"])).index(str(table["contrast"].iloc[0]))
    of = np.atleast_1d(params["compared_by"])
    compared = [str(name) for name, one in zip(np.atleast_1d(params["compared"]), of, strict=True) if one == number]
    return compared, [str(name) for name in np.atleast_1d(params.get("dividing", [])) if str(name) not in compared]


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _is_of_samples(obs: pd.DataFrame, name: str, sample_key: str) -> bool:
    """Whether a column of numbers has one value in each sample."""
    return _is_number(obs[name]) and obs.groupby(sample_key, observed=True)[name].nunique().max() <= 1


def _influential(row: pd.Series) -> str | None:
    """Return the most influential donor if the effect without it, or another, is reversed or less than half."""
    if "most_influential" not in row or not row["most_influential"]:
        return None
    ends = np.array([row["effect_min"], row["effect_max"]], dtype=float) * np.sign(row["effect"])
    return str(row["most_influential"]) if ends.min() < SHRUNK * abs(row["effect"]) else None


def _result(row: pd.Series) -> str:
    values = row[["effect", "lower", "upper"]].to_numpy(dtype=float)
    # effects per unit of a number, such as a year, are small
    largest = max(np.nanmax(np.abs(values), initial=0), 1e-9)
    digits = max(2, 1 - math.floor(math.log10(largest)))
    # without the sign of a negative 0
    effect, lower, upper = (f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−") for value in values)
    decision = "called" if row["call"] else "not called"
    return f"difference {effect} [{lower}, {upper}]\n{q_words(row['q'])}, {decision}"
