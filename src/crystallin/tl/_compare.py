"""Contrasts of samples under a design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import COMPARE, DEFAULT_KEY, PARAMS, TABLE, TOTAL, UNIQUE, Keys, given

from ._differences import (
    BLOCK,
    RANDOM,
    CollinearError,
    TooFewError,
    Totals,
    asked_of,
    breadths,
    covariate_matrix,
    make_contrasts,
    make_study,
    measure,
    similar_programs,
    table_of,
)
from ._shared import n_refits, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

    from ._differences import Asked, Compared

# cells of a unit from which its average cell is taken; there are many more units than groups
MAX_CELLS = 50

Spec = str | Mapping[str, Any]


@on_model_genes
def compare(
    adata: AnnData,
    model: ProgramVAE,
    design: str,
    *,
    contrast: Spec | Sequence[Spec],
    sample_key: str,
    within: str | None = None,
    covariates: Sequence[str] | None = None,
    repeated: Literal["block", "random"] | None = None,
    delta: float = 0.0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Compare programs between samples by a linear model: several factors, time points, interactions.

    A study with two arms and two time points asks whether the response differs between the arms:

    >>> design, contrast = "~ arm * time", {"arm": ("placebo", "drug"), "time": ("before", "after")}

    This is the difference of two differences. :func:`crystallin.tl.rank_programs_groups` with a ``sample_key`` is the
    simplest case of the same model: ``"~ condition"`` and ``{"condition": ("ctrl", "stim")}`` give the same numbers if
    each donor is in one condition, or all are in both.

    Parameters
    ----------
    adata
        Data with activities of ``model``, from :func:`crystallin.tl.activity`.
    model
        The trained model. It is also used to find programs that are hard to tell apart.
    design
        Formula of columns of ``obs``, as in R or :mod:`formulaic`: ``"~ arm * time + sex"``. Text, categories and
        Booleans are factors, whose first category (or first in the alphabet) is the reference. Numbers, also whole
        ones, enter as numbers, which is logged if they have few values; ``C(time)`` makes them a factor. Names with
        spaces are written in backticks. Cells with a missing value in a column are left out and logged.
    contrast
        What to estimate; one, or a list of several.

        - A dictionary of columns and levels. A pair is compared, from the first to the second: ``{"time": ("before",
          "after")}`` is after minus before. Two pairs are a difference of differences. A single level is held:
          ``{"time": ("before", "after"), "arm": "drug"}`` is the change in that arm. Other columns are at their first
          category, or at the mean of their numbers; this matters only if they interact with the columns compared,
          and the name of the contrast then says so.
        - The name of a coefficient, such as ``"age"`` (the effect of one year), or a sum of names in backticks.
    sample_key
        Column of ``obs`` with the donor, mouse or patient of each cell: what is independent. Samples of the same donor
        at two time points have the same label here.
    within
        Column of ``obs``, for example cell types. The model is estimated within each of its labels. Labels in which it
        cannot be are left out and logged.
    covariates
        Columns of ``obs`` to adjust for that vary between the cells of a sample (a quality measure), by their slope
        within samples. Properties of samples belong into the formula.
    repeated
        How donors with several samples enter. ``"block"`` gives each donor its own level, so that only differences
        within donors count; donors with one sample are left out and logged. ``"random"`` gives donors a random
        intercept, which is needed for differences between donors. ``None`` takes blocks if the contrast can be
        estimated within donors and at least half of them have several samples, and random intercepts otherwise.
        Ignored if the formula has the donors itself.
    delta
        Differences up to this size, in pooled standard deviations of activity between cells, are not of interest.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"compare"``, or ``key + "_compare"`` for programs under another
        ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each stratum, contrast and program (no decoys), in the order of
        :func:`crystallin.tl.rank_programs_groups`, whose columns it has, the decision ``call`` among them, but for
        those of two groups (``group``, ``reference``, ``overlap``, ``mean_group``, ``mean_reference`` and their
        numbers). In their place are

        - ``contrast``: its name, such as ``"arm: drug - placebo, time: after - before"``;
        - ``n_cells``, ``n_samples``, ``n_donors``: what the model was estimated from; ``repeated``: ``"block"``,
          ``"random"``, or empty if each donor has one sample.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, the names of the design's coefficients, and what was left out.

    Raises
    ------
    KeyError
        If a column, or the activities in one of the readings, do not exist.
    TypeError
        If ``design`` is not text, or a contrast neither text nor a dictionary.
    ValueError
        If the formula cannot be read, a column of it is constant, differs between the cells of a sample, or is
        confounded with the contrast; a level does not exist; the contrast cannot be estimated in any stratum; or no
        samples are left to estimate variances from.

    Notes
    -----
    The unit of observation is the mean activity of the cells of one sample, one stratum and one label of each column of
    the formula, corrected for shrinkage and weighted by its certainty (number of cells, their spread, and the variance
    between samples). :func:`crystallin.get.pseudobulk` returns these means. Variances are moderated by those of other
    programs (Smyth 2004, Stat Appl Genet Mol Biol 3:3). How many degrees of freedom can be borrowed is limited by how
    many independent programs there are (see :func:`crystallin.tl.rank_programs_groups`).

    With random intercepts, the variance of the estimate is taken from the contributions of donors, with Satterthwaite's
    degrees of freedom (Bell & McCaffrey 2002, Surv Methodol 28:169), which holds for contrasts between donors, within
    them, and mixtures of both.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(
    ...     800, 300, n_programs=12, n_decoys=4, n_donors=6, conditions=("before", "after"), arms=("placebo", "drug")
    ... )
    >>> cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    >>> cr.ProgramVAE.setup_anndata(adata)
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(adata, model)
    >>> response = {"arm": ("placebo", "drug"), "condition": ("before", "after")}
    >>> cr.tl.compare(adata, model, "~ arm * condition", contrast=response, sample_key="donor")
    >>> cr.get.compare_df(adata)["contrast"].unique().tolist()
    ['arm: drug - placebo, condition: after - before']
    """
    keys = Keys(key)
    checks.check_adata(adata, copy=copy)
    checks.check_fresh(adata, keys, model.digest)
    checks.check_activity(adata, keys, TOTAL)
    slot = checks.check_result_key(adata, key_added, keys, COMPARE)
    sample = checks.check_labels(adata, sample_key, "sample_key")
    stratum = None if within is None else checks.check_labels(adata, within, "within")
    checks.check_choice(repeated, "repeated", (BLOCK, RANDOM, None))
    checks.check_number(delta, "delta", 0)
    covariates = checks.check_covariates(adata, covariates, {"sample_key": sample_key, "within": within})
    study = make_study(adata.obs, design, sample, stratum, sample_key)
    contrasts = make_contrasts(study, contrast)
    columns, owner = covariate_matrix(adata.obs, covariates)
    asked = list(
        asked_of(study, contrasts, owner, within=within, repeated=repeated, is_modelled=sample_key in study.columns)
    )
    for question in asked if within is None else ():
        # raises before anything is computed
        _ = question.prepared

    reading = model.reading(adata)
    about, correlation = similar_programs(model, adata, reading, key)
    n_units = len(study.table)
    measured = partial(measure, adata, keys, study.code, n_units, columns, correlation, model.is_decoy)
    table, skipped = table_of(
        asked,
        measured,
        about,
        totals=Totals.of(model),
        genes=partial(breadths, reading, model, study.code, np.arange(n_units), max_cells=MAX_CELLS),
        more=lambda question, answer: _numbers(question, answer[UNIQUE]),
        delta=delta,
        n_refits=n_refits(adata, keys),
        skip=() if within is None else (TooFewError, CollinearError),
    )

    adata = adata.copy() if copy else adata
    params = {
        "design": design,
        "contrasts": [one.name for one in contrasts],
        "compared": [name for one in contrasts for name in one.compared],
        # the position of the contrast that each of these belongs to
        "compared_by": [number for number, one in enumerate(contrasts) for _ in one.compared],
        "dividing": list(study.dividing),
        "coefficients": list(map(str, study.matrix.columns)),
        "sample_key": sample_key,
        "covariates": covariates,
        "within": within,
        "repeated": repeated,
        "delta": delta,
        "left_out": skipped,
    }
    params = given(params) | origin_of(COMPARE, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table}
    return adata if copy else None


def _numbers(question: Asked, compared: Compared) -> dict[str, int | str]:
    """Return what a contrast was estimated from."""
    return {
        "n_cells": int(compared.n_cells.sum()),
        "n_samples": int(sum(compared.n_samples)),
        "n_donors": compared.n_donors,
        "repeated": question.how,
    }
