"""Which programs differ between groups of cells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import DEFAULT_KEY, PARAMS, RANK_PROGRAMS_GROUPS, TABLE, Keys, given

from ._compare import (
    CollinearError,
    Compared,
    Comparison,
    Coupling,
    Pair,
    TooFewError,
    breadths,
    covariate_matrix,
    make_units,
    rows,
    similar_programs,
)
from ._shared import origin_of, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin._checks import Labels
    from crystallin.model import ProgramVAE
    from crystallin.stats import Moments

logger = logging.getLogger(__name__)

# beyond which a difference between cells counts, in standard deviations between cells: a small effect (Cohen 1988)
CELL_DELTA = 0.2


def rank_programs_groups(
    adata: AnnData,
    model: ProgramVAE,
    groupby: str,
    *,
    groups: str | Sequence[str] = "all",
    reference: str = "rest",
    sample_key: str | None = None,
    covariates: Sequence[str] | None = None,
    within: str | None = None,
    paired: bool | None = None,
    delta: float | None = None,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Rank programs by their difference between groups of cells.

    With ``sample_key`` the unit of observation is the sample (donor, mouse, library): only then do error rates hold
    for further samples. Mean activities of each sample in each group are compared by a linear model with moderated
    variances. Without it the cells are the sample: the result describes these cells, and says how probable it is that
    the difference between the groups' means is larger than ``delta``. A difference that is due to one donor is then
    reported as readily as any other.

    Parameters
    ----------
    adata
        Data with activities of ``model``, from :func:`crystallin.tl.activity`.
    model
        The trained model; it says which programs can be told apart.
    groupby
        Column of ``obs`` with the groups.
    groups
        Groups to compare with the reference; ``"all"`` for each that has enough samples or cells, others are logged.
    reference
        Group to compare with; ``"rest"`` for all other cells.
    sample_key
        Column of ``obs`` with the sample each cell is from. At least two samples on each side.
    covariates
        Columns of ``obs`` to adjust for, numbers or labels. With ``sample_key``, one that varies between the cells of a
        sample and group (a lane, a quality measure) is adjusted for by its slope there; others (age, sex) enter the
        model of samples. In paired comparisons the latter make no difference and drop out.
    within
        Column of ``obs``: compare within each of its labels, e.g. conditions within cell types. Where a label has too
        few samples or cells of a group, or a covariate goes with the group, that comparison is left out and logged.
    paired
        ``True`` compares samples with themselves: each has its own level in the model, and samples on one side only are
        left out. ``None`` does so if at least half of the samples, and at least two, are on both sides, or if too few
        are on one side only; otherwise samples on both sides are left out. ``False`` takes all means as independent,
        also two of the same sample. What is left out is logged.
    delta
        Differences up to this size, in pooled standard deviations of activity between cells, are not of interest.
        ``None``: .2 without ``sample_key``; 0 with it.
    key
        Prefix of the programs' slots.
    key_added
        Slot of ``uns`` for the result; ``None`` takes ``"rank_programs_groups"`` or, for programs under another
        ``key``, ``key + "_rank_programs_groups"``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each comparison and program (no decoys), those tested before the others, the surest first (where
        there are decoys, by the standard errors of ``decoy_q``):

        - ``stratum`` (label of ``within``), ``group``, ``reference``, ``program``;
        - ``effect``: difference of mean activity in prior standard deviations, freed from the shrinkage of uncertain
          cells (see Notes); ``se``, and ``lower`` and ``upper`` of its 95 % interval; ``effect_sd``: in pooled standard
          deviations between cells; ``statistic``: effect over its standard error;
        - with ``sample_key``, ``p`` (moderated t; with ``delta``, TREAT) and ``q`` (Benjamini & Hochberg, over the
          programs of a comparison); without, ``probability`` that the difference is beyond ``delta`` on its side, and
          ``q``: the expected share of false ones among all programs as probable;
        - ``decoy_q``: the same with standard errors widened until they hold for the decoys, which answer a little to
          changes that no program explains (see Notes); NaN with fewer than ten decoys;
        - ``reliability``: share of the activity's variance that the counts tell, in the cells compared. Below .1 a
          program is not tested, its ``q`` are NaN;
        - ``overlap``: probability that a random cell of the group is above one of the reference, which is how VEGA and
          expiMap compare groups; .5: no difference;
        - ``mean_group``, ``mean_reference``: means of the posterior activities as stored;
        - ``conditional_effect``, ``conditional_se``, ``conditional_q``: what remains of the difference given all tested
          programs of larger reliability (see Notes); what goes the other way is not significant;
        - ``family``: programs that share genes or that the data hardly tell apart, by the name of the most typical;
          ``lead``: the surest of its family in this comparison; ``nearest_twin`` and ``twin_similarity``
          (0 to 1); ``variance_inflation``: of the activity, by not knowing those of other programs;
        - ``coverage``: share of the program's genes that the data have;
        - ``breadth``: effective number of the program's genes that carry the difference (participation ratio of their
          contributions, in the average cells of the groups); near 1, one gene speaks and not a program;
        - ``unit``: the unit of observation, ``"sample"`` with ``sample_key`` and ``"cell"`` without. Cells are not
          replicates: a row whose unit is the cell describes these cells, and not others of their kind;
        - ``n_group``, ``n_reference``: cells; ``n_samples_group``, ``n_samples_reference``; ``df``: degrees of freedom
          of the statistic.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, and what was left out.

    Raises
    ------
    KeyError
        If a column or the activities are not there.
    ValueError
        If groups are unknown, of too few samples or cells, or equal to the reference; labels are missing; covariates
        are constant or go with the groups; activities are not those of the model as it is now; the data are minified.

    Notes
    -----
    A cell's posterior mean is pulled to 0 the more, the less its counts say. The mean over a group is divided by the
    mean of one minus the posterior variance, which undoes it, so that groups of unequal depth can be compared; cells
    count the more, the more is known of them.

    Sets lack members and hold spurious ones, so a program also answers to genes of others and differs where they do.
    The conditional effect subtracts what the differences of better known programs predict for it, by how it goes along
    with them from cell to cell within groups, samples and strata, after undoing the mixing of programs that overlap. A
    difference that holds by itself only is told by
    others as well; where programs are truly regulated together, that is no mistake.

    Decoys differ between groups by more than their standard errors say, as any random set does when other genes
    change. The excess, as variance of the mean posterior activity, is added to that of every program (Efron 2004, J Am
    Stat Assoc 99:96): it matters for programs that are hardly read from the counts, and little for others.

    The statistics are those of Smyth (2004, Stat Appl Genet Mol Biol 3:3) with samples weighted by the inverse of
    their variances; McCarthy & Smyth (2009, Bioinformatics 25:765) where ``delta`` is given.

    Time is linear in the number of cells; beyond the activities themselves, memory does not depend on it. Counts are
    read for ``breadth`` and for what programs have in common only, from at most 200 cells of each group and stratum and
    1,000 of all.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=8, n_decoys=8, n_donors=3, conditions=("ctrl", "stim"))
    >>> cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    >>> cr.ProgramVAE.setup_anndata(adata)
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.rank_programs_groups(adata, model, "condition", reference="ctrl", sample_key="donor")
    >>> cr.get.rank_programs_groups_df(adata, "stim").shape[0]
    16
    """
    keys = Keys(key)
    checks.check_adata(adata, copy=copy)
    checks.check_fresh(adata, keys, model.digest)
    slot = checks.check_result_key(adata, key_added, keys, RANK_PROGRAMS_GROUPS)
    labels = _labels_of_units(adata, groupby, within, sample_key)
    wanted, reference = checks.check_groups(groups, reference, labels["group"].names, groupby)
    taken = {"groupby": groupby, "sample_key": sample_key, "within": within}
    covariates = checks.check_covariates(adata, covariates, taken)
    if delta is not None:
        checks.check_number(delta, "delta", 0)
    if paired is not None and sample_key is None:
        msg = f"paired={paired} needs a sample_key: cells have no pairs."
        raise ValueError(msg)
    checks.check_choice(paired, "paired", (True, False, None))

    units = make_units(**labels)
    columns, owner = covariate_matrix(adata.obs, covariates)
    mean, sd = stored_activity(adata, keys)
    moments, covariance = stats.collect_moments(mean, sd, units.code, len(units.table), covariates=columns)
    reading = model.reading(adata)
    about, correlation = similar_programs(model, adata, reading, key)
    coupling = _coupling(moments, covariance, correlation, model.is_decoy)
    comparison = Comparison(moments, units.table, coupling, owner, sample_key is not None, paired)
    pairs = comparison.pairs(wanted, reference, groupby, within)
    # what one of many comparisons lacks does not stop the others
    skip: tuple[type[ValueError], ...] = ()
    if within or (isinstance(groups, str) and groups == checks.ALL):
        skip = (TooFewError, CollinearError) if within else (TooFewError,)
    results, skipped = comparison.run(pairs, skip=skip)
    delta = delta if delta is not None else 0.0 if sample_key else CELL_DELTA
    n_genes = breadths(reading, model, units, [pair for pair, _ in results])
    parts = [
        rows(compared, delta, about.assign(breadth=breadth[about.index])).assign(**pair.labels)
        for (pair, compared), breadth in zip(results, n_genes, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    _warn_of_what_is_left_out(results, skipped)

    adata = adata.copy() if copy else adata
    params = {
        "groupby": groupby,
        "groups": wanted,
        "reference": reference,
        "sample_key": sample_key,
        "covariates": covariates,
        "within": within,
        "paired": paired,
        "delta": delta,
        "left_out": skipped,
    }
    first = [*results[0][0].labels, "program"]
    params = given(params) | origin_of(RANK_PROGRAMS_GROUPS, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table[[*first, *table.columns.difference(first, sort=False)]]}
    return adata if copy else None


def _labels_of_units(
    adata: AnnData, groupby: str, within: str | None, sample_key: str | None
) -> dict[str, Labels | None]:
    """Group, stratum and sample of each cell, checked."""
    labels = {"group": checks.check_labels(adata, groupby, "groupby"), "stratum": None, "sample": None}
    for argument, kind, column in (("sample_key", "sample", sample_key), ("within", "stratum", within)):
        if column is not None:
            labels[kind] = checks.check_labels(adata, column, argument)
            if column == groupby:
                msg = f"{argument}={column!r} is groupby already; a group of cells would be compared with nothing."
                raise ValueError(msg)
    return labels


def _coupling(moments: Moments, covariance: np.ndarray, correlation: np.ndarray, is_decoy: np.ndarray) -> Coupling:
    uncertainty = moments.uncertainty.sum(axis=0) / moments.n.sum()
    sd = np.sqrt(uncertainty)
    return Coupling(covariance, correlation * np.outer(sd, sd), stats.reliability(uncertainty), is_decoy)


def _warn_of_what_is_left_out(results: list[tuple[Pair, Compared]], skipped: list[str]) -> None:
    for pair, compared in results:
        if compared.left_out:
            names = ", ".join(compared.left_out)
            how = "on one side only" if compared.paired else "on both sides while most are not"
            logger.warning("%s: left out the samples %s, which are %s.", pair.where, names, how)
    for reason in skipped:
        logger.warning("Left out %s", reason)
