"""Differences of programs between groups of cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, PARAMS, RANK_PROGRAMS_GROUPS, TABLE, TOTAL, UNIQUE, Keys, given

from ._differences import (
    CollinearError,
    Options,
    TooFewError,
    Totals,
    breadths,
    check_options,
    covariate_matrix,
    labels_of_units,
    make_units,
    measure,
    pairs,
    sides,
    similar_programs,
    table_of,
)
from ._shared import n_refits, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# smallest difference of interest between cells, in standard deviations between cells: a small effect (Cohen 1988)
CELL_DELTA = 0.2


@on_model_genes
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
    exact: bool = False,
    delta: float | None = None,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Rank programs by their difference between groups of cells, in both readings.

    The *unique* activity of a program is what it explains beside all others, the *total* activity is what the genes of
    its set do, whichever programs explain it (see :func:`crystallin.tl.activity`). Both are compared in the same way.

    With ``sample_key`` the unit of observation is the sample (donor, mouse, library): only then do error rates hold for
    further samples. Mean activities of each sample in each group are compared by a linear model with moderated
    variances. Without it the unit of observation is the cell: the result describes these cells, and gives the
    probability that the difference between the groups' means is larger than ``delta``. A difference that is due to a
    single donor is then reported like any other.

    Parameters
    ----------
    adata
        Data with activities of ``model``, from :func:`crystallin.tl.activity`.
    model
        The trained model. It is also used to find programs that are hard to tell apart.
    groupby
        Column of ``obs`` with the groups.
    groups
        Groups to compare with the reference; ``"all"`` compares each group that has enough samples or cells, and logs
        the others.
    reference
        Group to compare with; ``"rest"`` uses all other cells.
    sample_key
        Column of ``obs`` with the sample of each cell. At least two samples are needed on each side.
    covariates
        Columns of ``obs`` to adjust for, with numbers or labels. With ``sample_key``, a covariate that varies between
        the cells of a sample and group (a lane, a quality measure) is adjusted for by its slope within them; others
        (age, sex) enter the model of samples. In paired comparisons the latter have no effect and are left out.
    within
        Column of ``obs``. Groups are compared within each of its labels, for example conditions within cell types. If a
        label has too few samples or cells of a group, or a covariate is confounded with the group, that comparison is
        left out and logged.
    paired
        ``True`` compares the two sides within each sample: each sample has its own level in the model, and samples that
        are on one side only are left out. ``None`` does so if at least half of the samples, and at least two, are on
        both sides, or if too few samples are on one side only; otherwise samples on both sides are left out. ``False``
        treats all means as independent, even two of the same sample. Samples that are left out are logged.
    exact
        Also make a permutation test across samples: ``p_exact`` is the share of all rearrangements of samples (with
        pairs, of all exchanges of sides) whose statistic is at least as large. It holds however samples are
        distributed, but is never small with few (four against four: .029). NaN with covariates or more than 1,000
        rearrangements.
    delta
        Differences up to this size, in pooled standard deviations of activity between cells, are not of interest.
        ``None`` uses 0.2 without ``sample_key`` and 0 with it.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"rank_programs_groups"``, or ``key + "_rank_programs_groups"``
        for programs under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each comparison and program (no decoys). Tested programs come first, and within them the most
        certain differences (if there are decoys, by the standard errors of ``decoy_q``):

        - ``stratum`` (label of ``within``), ``group``, ``reference``, ``program``;
        - ``call``: the decision, ``"up"`` or ``"down"`` if the difference is called, else empty. It is called if all
          tests that were made of it agree at .05: ``q``, ``conditional_q`` and, with decoys, ``decoy_q``; of an
          ensemble also ``share_of_fits`` of at least .8 (see Notes). ``not_called``: the first of these that fails, in
          words;
        - ``effect``: difference of mean activity in prior standard deviations, corrected for shrinkage (see Notes);
          ``se``: its standard error; ``lower`` and ``upper``: its 95 % interval; ``effect_sd``: the difference in
          pooled standard deviations between cells; ``statistic``: effect divided by its standard error;
        - with ``sample_key``, ``p`` (moderated t; with ``delta``, TREAT; NaN for programs that are not tested) and
          ``q`` (Benjamini & Hochberg, over the programs of a comparison); without it, ``probability`` that the
          difference is larger than ``delta`` in the estimated direction, and ``q``: the expected share of false
          positives among all programs that are at least as probable. ``q_all``: ``q`` over the programs of all
          comparisons of the call. With ``exact=True`` also ``p_exact``;
        - ``decoy_q``: the same as ``q``, but with standard errors widened until they hold for the decoys (see Notes);
          NaN with fewer than ten decoys;
        - ``reliability``: share of the activity's variance that the counts determine, in the cells compared. Programs
          below .1 are not tested, and their ``q`` are NaN;
        - ``overlap``: probability that a random cell of the group is above a random cell of the reference, as VEGA and
          expiMap compare groups; .5 means no difference;
        - ``mean_group``, ``mean_reference``: means of the posterior activities as stored;
        - ``conditional_effect``, ``conditional_se``, ``conditional_q``: the difference that remains given all tested
          programs of higher reliability (see Notes); it is not significant if it has the opposite direction;
        - ``family``: name of the most typical among programs that share genes or are hard to tell apart in these data;
          ``lead``: whether the program is the most certain of its family in this comparison; ``nearest_twin`` and
          ``twin_similarity``: the most similar program, and its similarity (0 to 1); ``variance_inflation``: factor by
          which the variance of the activity increases because the activities of other programs are unknown;
        - ``coverage``: share of the gene set that is in the data;
        - ``breadth``: effective number of the program's genes that contribute to the difference (participation ratio of
          their contributions, in the average cells of the groups); near 1, the difference is due to a single gene.
          ``added_share``: how much of it is due to members that :func:`crystallin.complete` added, if there are any;
        - ``total_call``, ``total_not_called``, ``total_effect``, ``total_se``, ``total_lower``, ``total_upper``,
          ``total_effect_sd``, ``total_p`` or ``total_probability``, ``total_q``, ``total_decoy_q``,
          ``total_reliability``: the same as without ``total_``, but of the total activity;
        - ``total_breadth``: effective number of the set's genes that contribute to the difference of the total
          (participation ratio of their parts of the sum); near 1, the total is the change of a single gene;
        - ``opposed``: whether the two readings surely differ in opposite directions: both are tested, and both 95 %
          intervals exclude 0;
        - ``explained_by``: the other programs, decoys or free programs that account for the difference between
          the readings, separated by ``"; "`` (see Notes). Empty if the program's own part of its total is larger than
          that of all others, or if both intervals include 0;
        - with ``sample_key``, ``effect_min`` and ``effect_max``: range of the effect when each sample in turn is left
          out, and ``most_influential``: the sample whose removal changes it most; ``detectable``: the smallest
          difference that this comparison would have found (``q <= .05``) with a probability of .8; for
          :func:`crystallin.power`, ``sample_sd`` and ``cell_sd``: how much samples differ, and cells of a sample (its
          square divided by their number is a mean's sampling variance), and ``design_variance``: variance of the effect
          if that of each sample's mean were 1. All but the last also of the total;
        - of an ensemble (see :func:`crystallin.ensemble`) also ``fit_sd``: how much the effect differs between fits, as
          a standard deviation; ``share_of_fits``: share of all fits, the first included, in which ``q`` is at most
          .05 and the direction that of the first fit; ``sign_agreement``: share of the refits with the same direction;
          and these three of the total, with ``total_`` before their names. Activities of refits are corrected for
          shrinkage by the first fit's standard deviations;
        - ``unit``: the unit of observation, ``"sample"`` with ``sample_key`` and ``"cell"`` without. Cells are not
          replicates: if the unit is the cell, the row describes these cells and not other cells of their type;
        - ``n_group``, ``n_reference``: numbers of cells; ``n_samples_group``, ``n_samples_reference``: numbers of
          samples, and ``n_donors``: number of different samples; ``df``: degrees of freedom of the statistic, and
          ``df_residual``: those that are not borrowed from other programs.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, and the comparisons that were left out.

    Raises
    ------
    KeyError
        If a column, or the activities in one of the readings, do not exist.
    ValueError
        If groups are unknown, have too few samples or cells, or are the same as the reference; labels are missing;
        covariates are constant or confounded with the groups; activities were not computed by the model in its current
        state; or the data are minified.

    Notes
    -----
    ``q`` alone is not a list with 5 % false calls, because sets hold genes of other programs and differ where these do.
    In the benchmarks, with decoys and sets of which a fifth is wrong, 4 % of the calls were false at a depth of 500
    counts and 7 % at 2,000 (27 and 37 % by ``q`` alone); 85 and 76 % of the true differences that ``q`` finds were
    called. Without ``sample_key`` a call says that these cells differ by more than ``delta``, and not that other donors
    would. ``total_call`` says that the genes of the set change, and not that this program does.

    The less information the counts of a cell hold, the more its posterior mean is shrunk towards 0. The mean over a
    group is divided by the mean of one minus the posterior variance, which corrects for this shrinkage, so that groups
    of unequal depth can be compared. Cells with more information have more weight.

    The total activity is a weighted sum of the activities of all programs (see
    :meth:`crystallin.ProgramVAE.get_total_weights`), so a difference of totals is the program's own part plus the parts
    of the others. ``explained_by`` is not empty if the others' parts together are larger than the program's own. It
    names up to three programs with the largest parts in the direction of this sum, each of at least a tenth of the
    absolute sum of the others' parts. Parts and ``total_breadth`` are of the means as stored, without covariates.

    Means of totals are also divided by one minus their mean posterior variance. Because a total has a prior variance of
    1, this is the slope of its posterior mean on the true total, on average over the prior. In simulations with twelve
    donors the slope of ``total_effect`` on the true difference was .91 at a depth of 500 counts and .96 at 2,000 (.64
    and .81 without correction), and 95 % intervals held 97 and 96 % of the true differences. A correction by the
    inverse of the whole posterior covariance was no better.

    Gene sets are incomplete and have spurious members. A program's activity therefore also depends on genes of other
    programs, and it differs where they do. The conditional effect subtracts what the differences of programs of higher
    reliability predict for it. The prediction uses how the program varies with them from cell to cell within groups,
    samples and strata, after correction for the mixing of overlapping programs. If a program differs by itself but not
    conditionally, other programs also show its difference; where programs are truly regulated together, this does not
    mean that the program's own difference is false.

    Decoys differ between groups by more than their standard errors, as any random set does when other genes change.
    This excess, as a variance of the mean posterior activity, is added to the variance of every program (Efron 2004, J
    Am Stat Assoc 99:96). It matters for programs of low reliability, and little for others.

    The statistics are those of Smyth (2004, Stat Appl Genet Mol Biol 3:3), samples weighted by the inverse of their
    variances, and those of McCarthy & Smyth (2009, Bioinformatics 25:765) with ``delta``. Programs are few and
    correlated, unlike genes, and tell less about each other's variances: degrees of freedom are borrowed from the
    effective number of independent programs only, ``P² / sum r²`` with the correlations r of their residuals, and as if
    their variances differed by one standard error more than they seem to.

    Computing time is linear in the number of cells, and memory beside the activities does not depend on it. Counts are
    read only for ``breadth`` and similarity of programs, from 200 cells of each group and stratum, and 1,000 of all.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=12, n_decoys=4, n_donors=3, conditions=("ctrl", "stim"))
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
    checks.check_activity(adata, keys, TOTAL)
    slot = checks.check_result_key(adata, key_added, keys, RANK_PROGRAMS_GROUPS)
    labels = labels_of_units(adata, groupby, within, sample_key)
    wanted, reference = checks.check_groups(groups, reference, labels["group"].names, groupby)
    taken = {"groupby": groupby, "sample_key": sample_key, "within": within}
    covariates = checks.check_covariates(adata, covariates, taken)
    check_options(sample_key, paired=paired, exact=exact, delta=delta)

    units = make_units(**labels)
    columns, owner = covariate_matrix(adata.obs, covariates)
    reading = model.reading(adata)
    about, correlation = similar_programs(model, adata, reading, key)
    measured = partial(measure, adata, keys, units.code, len(units.table), columns, correlation, model.is_decoy)
    options = Options(owner, sample_key is not None, paired, exact)
    n_cells = np.bincount(units.code, minlength=len(units.table))
    asked = pairs(units.table, n_cells, wanted, reference, (groupby, within), options)
    # if one of many comparisons is not possible, the others are still made
    skip: tuple[type[ValueError], ...] = ()
    if within or (isinstance(groups, str) and groups == checks.ALL):
        skip = (TooFewError, CollinearError) if within else (TooFewError,)
    delta = delta if delta is not None else 0.0 if sample_key else CELL_DELTA
    # a kind is a stratum and group, whatever the sample
    kind = units.table.groupby(["stratum", "group"], sort=False).ngroup().to_numpy()
    table, skipped = table_of(
        asked,
        measured,
        about,
        totals=Totals.of(model),
        genes=partial(breadths, reading, model, units.code, kind),
        more=lambda _, answer: sides(answer[UNIQUE], about),
        delta=delta,
        n_refits=n_refits(adata, keys),
        skip=skip,
    )

    adata = adata.copy() if copy else adata
    params = {
        "groupby": groupby,
        "groups": wanted,
        "reference": reference,
        "sample_key": sample_key,
        "covariates": covariates,
        "within": within,
        "paired": paired,
        "exact": exact,
        "delta": delta,
        "left_out": skipped,
    }
    params = given(params) | origin_of(RANK_PROGRAMS_GROUPS, adata, keys, model.digest)
    adata.uns[slot] = {PARAMS: params, TABLE: table}
    return adata if copy else None
