"""Simulated cells with known programs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin._keys import Simulation

from . import _simulation as parts


def simulate(
    n_obs: int = 10_000,
    n_vars: int = 2_000,
    *,
    arm: Literal["log-additive", "additive-rate"] = "log-additive",
    n_programs: int = 100,
    n_decoys: int = 100,
    n_missing: int = 0,
    program_size: tuple[int, int] = (20, 100),
    twins: Sequence[float] = (),
    n_signed: int = 0,
    n_gated: int = 0,
    n_two_dimensional: int = 0,
    effect: float = 0.5,
    n_cell_types: int = 8,
    rare_fraction: float = 0.01,
    held_out_cell_type: bool = False,
    conditions: Sequence[str] = ("ctrl",),
    arms: Sequence[str] = (),
    n_shifted: int = 10,
    n_arm_shifted: int = 0,
    n_interacting: int = 0,
    shift: float | tuple[float, float] = 0.5,
    shifted_types_fraction: float = 0.5,
    n_donors: int = 1,
    paired: bool = True,
    donor_sd: float = 0.2,
    sample_sd: float = 0.0,
    donor_correlation: float = 0.0,
    n_outlier_donors: int = 0,
    outlier_factor: float = 5.0,
    cells_sd: float = 0.0,
    n_batches: int = 1,
    batch_effect: float = 0.2,
    confounding: float = 0.0,
    depth: float = 500,
    depth_sd: float = 0.4,
    dispersion: float = 5.0,
    ambient: float = 0.0,
    dropped: float = 0.2,
    added: float = 0.2,
    random_state: int = 0,
) -> AnnData:
    """Simulate cells with known gene programs, to test models and to plan studies.

    The result holds counts of cells in which programs act on genes, the gene sets of these programs as an imperfect
    annotation would list them, and the truth about both. The two values of ``arm`` differ in how programs combine, so
    that no model is right in both.

    Each starts from a latent z per cell and program: a mean of the cell type (a type turns about a third of the
    programs up or down), effects of the donor, the sample, the condition and the arm of the study, and variation within
    the type, independent between programs and larger than that between types.
    z has mean 0 and variance 1 over the ordinary cells before these effects, so ``donor_sd``, ``sample_sd`` and
    ``shift`` are in standard deviations of activity. Then, before the rates are scaled to a sum of one,

    * ``"log-additive"``: ``log rate = base + batch + sum_p z_p W_p``; the activity is z;
    * ``"additive-rate"``: ``rate = exp(base + batch) (1 + sum_p a_p V_p)`` with usage ``a = softplus(z)``, at least
      5 % of ``exp(base + batch)``; the activity is a. ``V`` is 8 times the log-additive loading, with which a gene
      of one program varies about as much in both arms; a gene of many varies less in this one, as parts of a sum even
      out, so it is the harder of the two.

    Counts are negative binomial around ``depth`` times these rates.

    Parameters
    ----------
    n_obs, n_vars
        Numbers of cells (10 or more) and genes.
    arm
        How programs combine, see above. This has nothing to do with the arms of a study, which are ``arms``.
    n_programs
        Number of true programs, including those of special kinds and the missing ones.
    n_decoys
        Number of annotated sets without any effect. Each has the size of an annotated true set and consists of genes of
        similar abundance outside it, with hubs as often as in true sets.
    n_missing
        Number of (plain) true programs that the annotation lacks.
    program_size
        Smallest and largest number of genes; sizes are log-uniform in between. Some genes are hubs, in many sets.
    twins
        Jaccard indices of the true sets of additional pairs of similar programs, one number for each pair, e.g.
        ``(0.3, 0.6, 0.9)``. Twins have independent activities and loadings.
    n_signed
        Number of programs that lower the expression of a third of their members.
    n_gated
        Number of programs that act only in cells in which another, plain program has z above 0. Their activity is 0 in
        other cells.
    n_two_dimensional
        Number of sets that hold two programs of independent activities, each on 60 % of the genes.
    effect
        Mean absolute loading, in log rate per standard deviation of activity. Loadings are gamma distributed (shape
        2): at .5, half of them are between .24 and .67.
    n_cell_types
        Number of ordinary cell types.
    rare_fraction
        Share of the last of these types among ordinary cells, below 1; with 0, no type is rare. Ignored if there is
        only one type.
    held_out_cell_type
        Add one more type, marked in ``obs["held_out"]``, to be left out of training.
    conditions
        Names of the conditions, the reference first. The others shift activities. In a study with arms and
        ``paired=True`` these are what all donors go through, such as time points.
    arms
        Names of the arms of a study, the reference first; empty if there are none. Each donor is in one arm, in turn.
    n_shifted
        Number of dimensions that each condition but the first shifts, in all arms. These are neither gated nor gates,
        so that nothing else changes.
    n_arm_shifted
        Number of dimensions that each arm but the first shifts in all conditions, the first one included.
    n_interacting
        Number of dimensions that each arm but the first shifts in each condition but the first: differences in
        differences. Like the dimensions of ``n_shifted`` and ``n_arm_shifted``, they are drawn independently of the
        others; where several shifts meet, they add up.
    shift
        Size of all these shifts in z, or the smallest and the largest size; the direction is random.
    shifted_types_fraction
        Share of the cell types in which a dimension is shifted; at least one type unless it is 0.
    n_donors
        Number of donors, over all conditions and arms.
    paired
        Whether every donor is in every condition. Otherwise each donor is in one condition, in turn, so that arms,
        conditions and their combinations have equal numbers of donors, as far as ``n_donors`` allows.
    donor_sd
        Standard deviation of the effect of a donor on z, drawn for each cell type and dimension, and the same in all
        conditions. Ignored if there is only one donor.
    sample_sd
        Standard deviation of the effect of a sample (a donor in a condition) on z, drawn for each cell type and
        dimension, and added to that of the donor. With 0, samples of a donor differ by the condition and by chance
        only. Ignored if there is only one sample.
    donor_correlation
        Share, from 0 to 1, of the variance of the effects of donors and of samples that lies on one axis, common to all
        dimensions, with random signs. Each donor and each sample has a place on it for each cell type. Within a type,
        the effects on two dimensions have this correlation or its negative.
    n_outlier_donors
        Number of outliers among donors, which are the last ones.
    outlier_factor
        Factor by which the effects of these donors and of their samples are multiplied.
    cells_sd
        Standard deviation of the log number of cells between samples, each of which has one cell at least. With 0,
        cells are divided evenly among samples.
    n_batches
        Number of technical batches.
    batch_effect
        Standard deviation of the effect of a batch on log rate, drawn for each gene. Ignored if there is only one
        batch.
    confounding
        Expected Cramér's V between halves of the batches and two conditions. Cells are assigned to batches like lanes
        of a multiplexed run: to the half of their condition with probability ``(1 + confounding) / 2``. With 0 they are
        assigned evenly.
    depth
        Median of a cell's expected counts over the simulated genes. A panel of 2,000 variable genes captures about a
        quarter of the 2,000 or more counts that a cell has over all genes. At a depth of 500 about 15 % of the entries
        are not 0, at 2,000 over a third.
    depth_sd
        Standard deviation of log depth between cells.
    dispersion
        Median over genes of theta, where the variance is ``mean + mean² / theta``; log theta has a standard deviation
        of .5 between genes.
    ambient
        Share of a cell's counts that comes from the mean profile of its batch, below 1.
    dropped
        Share of each true set that the annotation lacks. Twins lack the same genes, so that their similarity does not
        change.
    added
        Number of genes that the annotation adds to each set, relative to its true size.
    random_state
        Seed. The same seed gives the same programs, annotation and effects whatever the number of cells.

    Returns
    -------
    New AnnData. Names are values such as ``program_001``, ``decoy_001``, ``gene_00001``, ``type_01``.

    * ``X``: counts, sparse float32; every cell has at least one count.
    * ``obs``: ``cell_type``, ``condition``, ``arm`` (only if there are ``arms``), ``donor``, ``batch``, ``sample``
      (donor and condition), ``depth`` (true expected counts) and ``held_out``.
    * ``var``: ``true_theta`` and ``true_log_base``.
    * ``obsm["true_activity"]``: float32, cells x dimensions.
    * ``varm["true_loadings"]``: float32, genes x dimensions, W or V.
    * ``varm["true_batch_effect"]``, and with ambient RNA ``varm["true_ambient"]`` (shares): float32, genes x batches.
    * ``uns["simulation"]``: a dictionary of

      - ``params``: the arguments;
      - ``dimensions``: one row per column of the above, with ``name``, ``program``, ``kind`` (``plain``, ``twin``,
        ``signed``, ``gated``, ``two-dimensional``), ``twin_of``, ``gate``, ``size`` and ``missing``;
      - ``annotation``: ``source`` and ``target``, and ``weight`` (+1 or -1) if programs are signed, ready for
        :func:`crystallin.pp.add_programs`;
      - ``sets``: one row per annotated set, with ``name``, ``is_decoy``, ``size_true``, ``size``, ``n_dropped``,
        ``n_added`` and, for decoys, the ``template``;
      - ``edges``: one row per ``source`` and ``target``, whether membership is ``true`` and whether it is
        ``annotated``;
      - ``shifts``: the changes by conditions and arms: ``condition`` (empty for shifts of an arm in all conditions),
        ``arm`` (empty for shifts in all arms), ``cell_type``, ``program``, ``dimension``, ``shift``;
      - ``batches``: names, in the order of the columns of genes x batches.

    Raises
    ------
    ValueError
        If an argument is out of range or contradicts others: more members than genes, a fraction outside 0 to 1, no
        cell types, more special programs than programs, fewer cells than samples, shifts of arms without arms.

    Notes
    -----
    10,000 cells x 2,000 genes take about two seconds on one core; 200,000 took a minute and 1.4 GB, of which .6 GB are
    the result, because counts are drawn for a chunk of cells at a time.

    :func:`oracle_activity` computes how well activities can be inferred at best.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(300, 500, n_programs=20, n_decoys=20, conditions=("ctrl", "stim"), n_donors=4)
    >>> cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    >>> adata.varm["programs"].shape
    (500, 40)

    A study of two arms, with samples of each donor before and after treatment. The drug changes two programs:

    >>> design = {"arms": ("placebo", "drug"), "conditions": ("before", "after"), "n_donors": 6, "n_interacting": 2}
    >>> study = cr.datasets.simulate(600, 500, n_programs=20, n_decoys=20, sample_sd=0.1, **design)
    >>> study.obs.groupby("arm", observed=True)["donor"].nunique().to_dict()
    {'placebo': 3, 'drug': 3}
    >>> shifts = study.uns["simulation"]["shifts"]
    >>> shifts.loc[shifts["arm"] == "drug", "dimension"].nunique()
    2
    """
    options = parts.Options(**locals())
    # a generator for each part, so that, e.g., more cells do not change genes, programs, annotation and effects
    gene_rng, program_rng, annotation_rng, batch_rng, effect_rng, cell_rng, activity_rng, count_rng = (
        np.random.default_rng(random_state).spawn(8)
    )
    genes = parts.draw_genes(n_vars, dispersion, gene_rng)
    programs = parts.draw_programs(options, genes.log_propensity, program_rng)
    names = parts.entity_names(options)
    tables = parts.annotate(options, programs, genes, names["gene"], annotation_rng)
    # the effect of a single batch cannot be distinguished from the base rate
    batch_sd = batch_effect if n_batches > 1 else 0.0
    batch_effects = batch_sd * batch_rng.standard_normal((n_batches, n_vars)).T
    effects = parts.draw_effects(options, programs.gate, effect_rng)
    cells = parts.draw_cells(options, effects.type_share, cell_rng)
    activity = parts.draw_activity(effects, cells, programs.gate, arm, activity_rng)

    log_base = programs.log_base(genes.log_mean, arm)
    offset = (log_base[:, None] + batch_effects).T
    rates = parts.Rates(arm, programs.loadings.astype(np.float32), offset.astype(np.float32))
    rates = parts.with_ambient(rates, activity, cells.batch, ambient)
    counts = parts.draw_counts(rates, activity, cells.batch, cells.depth, genes.theta, count_rng)

    var = pd.DataFrame({Simulation.THETA: genes.theta, Simulation.LOG_BASE: log_base}, index=names["gene"])
    adata = AnnData(counts, obs=parts.cell_table(cells, names), var=var)
    adata.obsm[Simulation.ACTIVITY] = activity
    adata.varm[Simulation.LOADINGS] = programs.loadings.astype(np.float32)
    adata.varm[Simulation.BATCH_EFFECT] = batch_effects.astype(np.float32)
    if ambient:
        adata.varm[Simulation.AMBIENT] = rates.ambient_profile.T.copy()
    adata.uns[Simulation.UNS] = {
        "params": {**options.as_params(), "crystallin": version("crystallin")},
        "dimensions": programs.dimensions,
        "annotation": tables.annotation,
        "sets": tables.sets,
        "edges": tables.edges,
        "shifts": parts.shift_table(options, effects.shifts, names["cell_type"], programs.dimensions),
        "batches": names["batch"],
    }
    return adata
