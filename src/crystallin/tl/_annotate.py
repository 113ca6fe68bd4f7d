"""Cell-type labels for groups of cells, from programs that are cell types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import ANNOTATE, DEFAULT_KEY, KIND, PARAMS, SCORES, SHARE_OF_FITS, TABLE, UNASSIGNED, Keys, given

from ._name import Needs, markers, name_groups, own_columns, own_labels, warn_of_dropped, written_columns
from ._shared import on_model_genes, origin_of, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# suffix of the column with the probabilities of the cells' own labels
PROBABILITY = "_probability"
COLUMNS = [
    *("group", "label", "path", "finest", "n_cells", "score", "carried_by", "lower", "upper", "second", "second_score"),
    *("margin", "ambiguous", "likeness", "agreement", "specificity", "support", "breadth", "stability", SHARE_OF_FITS),
    *("best", "reason", "genes", "programs"),
]


@on_model_genes
def annotate(
    adata: AnnData,
    model: ProgramVAE,
    groupby: str,
    *,
    kind: Literal["unique", "total"] = "unique",
    programs: Sequence[str] | None = None,
    parents: Mapping[str, str] | None = None,
    profiles: Literal["blood"] | pd.DataFrame | None = "blood",
    sample_key: str | None = None,
    min_score: float = 1.0,
    min_support: float = 2 / 3,
    min_breadth: float = 2.0,
    min_margin: float = 0.5,
    min_cells: int = 3,
    label_added: str | None = None,
    mark_ambiguous: bool = False,
    cell_label_added: str | None = None,
    min_probability: float = 0.5,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Label groups of cells by programs that are cell types, or report that no label fits.

    Two things speak for a label. *Likeness* compares the group's counts with mean profiles of known types of cells: it
    does not depend on the other cells of the data, and decides the lineage (T cell, monocyte) wherever the collection
    has labels with the names of profiles, as ``"immune"`` does. The *score* compares activities with those of the other
    groups. It decides everything finer, and the lineage of collections without profiles.

    Parameters
    ----------
    adata
        Data with activities of this model, from :func:`crystallin.tl.activity`.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells, for example clusters.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    programs
        Programs to use as labels. ``None`` uses those of category ``"cell type"`` if the collection has categories (as
        ``"immune"`` does), and all programs otherwise (for example PanglaoDB).
    parents
        The next coarser label of each finer one, for example ``{"CD8 T cell": "T cell"}``. ``None`` uses the hierarchy
        of the collection, if it has one.
    profiles
        Mean profiles of known types of cells, by which lineages are told. ``"blood"`` are nine types of human blood
        cells that come with the package. A table of your own has genes in rows, types in columns (with names of labels)
        and mean counts on any scale. With ``None``, or with fewer than 200 genes in common, groups are compared with
        each other only.
    sample_key
        Column of ``obs`` with samples (donors). Intervals and stability then refer to samples, and each sample counts
        once. Without it they refer to cells and do not hold for further donors.
    min_score
        Smallest score of a label. 1 is the standard deviation between cells under the model's prior. Lineages that are
        told by likeness need no score.
    min_support
        Smallest share of genes of a label, and of its coarser labels, that agree with it; see Notes.
    min_breadth
        Smallest effective number of genes that a label rests on, so that a single gene does not make a name. Labels of
        fewer than four genes need half of them.
    min_margin
        A finer label is given if its score exceeds that of its best sibling by at least this much. The coarsest label
        needs no margin, but is marked as ``ambiguous`` without it.
    min_cells
        Groups of fewer cells are not labelled, and do not serve as a reference for other groups.
    label_added
        Column of ``obs`` in which to write, for each cell, the label of its group. An existing column is replaced only
        if this function wrote it and it has not been changed since.
    mark_ambiguous
        Whether to add a question mark to ambiguous labels in this column, as in ``"Monocyte?"``.
    cell_label_added
        Column of ``obs`` in which to write each cell's own label. Its posterior probability is written to the column
        with ``"_probability"`` appended to this name.
    min_probability
        A cell's own label is the finest one that has at least this probability, alone or together with its finer
        labels. If there is none, the cell is ``"unassigned"`` and the probability is that of the most probable label.
    random_state
        Seed of the random draws.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"annotate"``, or ``key + "_annotate"`` for programs under
        another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row per group:

        - ``group``, ``n_cells``; ``label``, or ``"unassigned"``; ``path``: the label and all coarser ones; ``finest``:
          the label for a ``min_margin`` of 0, which is a guess if it is finer than ``label``;
        - ``score``: the largest score of the label and all finer ones; ``carried_by``: the label that has this score;
          ``lower``, ``upper``: its 95 % interval (NaN for groups of one cell or sample); see Notes;
        - ``likeness`` (only with profiles): how much the genes of the label's lineage look as in such cells, from 0 (as
          low as in other cells) to 1; ``agreement``: share of these genes that are closer to such cells than to others;
        - ``second``, ``second_score``: the best label that is neither coarser nor finer, and its score; ``margin``: the
          difference of the two scores, to which likeness adds 10 times its difference where both lineages are possible
          by it; ``ambiguous``: whether the margin is smaller than ``min_margin`` (with profiles, only if another
          lineage is possible by likeness);
        - ``specificity``: probability that a cell of the group has a higher activity of the label's program than a cell
          of groups with other labels;
        - ``support``: share of genes that agree with the label, averaged over the label and its coarser labels (but not
          a coarsest one that likeness decides), or that of a finer label if larger; ``breadth``: effective number of
          the label's genes that agree with it;
        - ``stability``: how often the same label results in other samples of as many cells (or samples), with the same
          model, groups, likeness and support; of an ensemble (see :func:`crystallin.ensemble`) also ``share_of_fits``:
          share of the fits that give the same label;
        - ``best``: the label, or the one that came closest if none was given; ``reason``: why it was not given;
        - ``genes``, ``programs``: the most informative of the label's genes and of all programs, separated by
          semicolons.
    ``adata.uns[key_added]["scores"]`` : :class:`pandas.DataFrame`
        ``group``, ``label``, ``score``, ``support`` and, with profiles, ``likeness`` of all labels in all groups.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.
    ``adata.obs[label_added]``, ``adata.obs[cell_label_added]``, ``adata.obs[cell_label_added + "_probability"]``
        Labels of the cells' groups, the cells' own labels and their probabilities, only if ``label_added`` or
        ``cell_label_added`` is given.

    Raises
    ------
    KeyError
        If a column, a program or the activities (in this reading) do not exist.
    ValueError
        If there is only one group and nothing but other groups to compare it with, the collection has no marker
        programs, thresholds are out of range, ``kind`` is not a reading, profiles are not a table of counts or have no
        label's name, a column to be written exists and was not written by this function, the hierarchy has a cycle, or
        activities were not computed by the model in its current state.

    Notes
    -----
    *Likeness.* Of each gene of a label the logarithm of its share in the group's counts is placed between its mean in
    other types (0) and its level in the label's own type (1), and clipped there. Likeness is the mean over genes,
    weighted by the distance between the two. A lineage is possible if enough genes are above one half: a quarter, which
    genes of other tissues reach, and two standard errors of a binomial share with the effective number of genes. If
    none of the profiles is a label's own, as of plasma cells, its genes have to be higher than in all profiles, by a
    factor of 10 for a place of 1. Among possible lineages the one with the largest sum of 10 times the likeness and the
    score is taken. If a group is more like a type of the profiles for which the collection has no label, it is
    unassigned.

    *Score.* The score of a label in a group is the distance of the group's mean activity above the level of the groups
    in which the program is off. It is corrected for shrinkage by the prior, weighted by the reliability of the program,
    and given in standard deviations under the prior. The groups in which a program is off are found by the split with
    the largest variance between the parts (Otsu 1979, IEEE Trans Syst Man Cybern 9:62). Without profiles, the coarsest
    label is chosen by the largest score of itself and its finer labels, because a finer program takes over part of the
    signal of the coarser one. Finer labels are chosen step by step.

    *Support.* A gene agrees with a label if its contribution to the program's activity in the group's average cell (see
    :func:`crystallin.tl.attributions`) is closer to its contribution in the other groups in which the program is on
    than to that in the groups in which it is off. If there are no other groups in which the program is on, the
    contribution has to be larger than in the groups in which it is off. A wrong label shares some genes with the right
    one; these contribute, but its other genes do not.

    *Single cells.* A cell's own label comes from a linear discriminant over all programs, whose classes are the groups.
    It assumes that the groups' labels are right for most of their cells, and finds the cells that are more like those
    of another group. It cannot detect a wrong label of a whole group, so its probability is not the probability that
    the label is right.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", min_genes=3)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.annotate(adata, model, "bulk_labels", label_added="label")
    >>> cr.get.annotation_df(adata).set_index("group").loc["CD19+ B", "path"]
    'B cell'
    """
    keys = Keys(key)
    checks.check_adata(adata, copy=copy)
    checks.check_fresh(adata, keys, model.digest, kind)
    slot = checks.check_result_key(adata, key_added, keys, ANNOTATE)
    groups = checks.check_labels(adata, groupby, "groupby").names
    if profiles is None:
        # groups are compared with each other only
        checks.check_groups(checks.ALL, checks.REST, groups, groupby)
    checks.check_types(profiles)
    if sample_key is not None:
        checks.check_labels(adata, sample_key, "sample_key")
    needs = Needs(min_score, min_support, min_breadth, min_margin, min_cells)
    needs.check()
    checks.check_number(min_probability, "min_probability", 0, 1)
    checks.check_int(random_state, "random_state", 0)
    own = own_columns(adata, slot)
    checks.check_new_columns(adata, _columns(label_added, cell_label_added), set(own) - {groupby, sample_key})
    known = markers(adata, model, programs, parents, key)

    rng = np.random.default_rng(random_state)
    named = name_groups(adata, model, known, needs, groupby, sample_key, profiles, keys, kind, rng)
    if programs is None and UNASSIGNED in named.labels:
        warn_of_dropped(adata, key)
    columns: dict[str, Any] = {}
    if label_added is not None:
        shown = named.marked if mark_ambiguous else named.labels
        columns[label_added] = known.categorical(np.array(shown)[named.of_cell])
    if cell_label_added is not None:
        activity = stored_activity(adata, keys, kind)[0][:, ~model.is_decoy]
        labels, sure = own_labels(activity, named.of_cell, named.labels, known, min_probability, rng)
        columns |= {cell_label_added: known.categorical(labels), f"{cell_label_added}{PROBABILITY}": sure}
    params = {
        "groupby": groupby,
        KIND: kind,
        "labels": known.names,
        "profiles": profiles if profiles is None or isinstance(profiles, str) else [str(name) for name in profiles],
        "sample_key": sample_key,
        "min_score": min_score,
        "min_support": min_support,
        "min_breadth": min_breadth,
        "min_margin": min_margin,
        "min_cells": min_cells,
        "label_added": label_added,
        "mark_ambiguous": mark_ambiguous,
        "cell_label_added": cell_label_added,
        "min_probability": min_probability,
        "random_state": random_state,
    }
    params = given(params) | origin_of(ANNOTATE, adata, keys, model.digest)

    # only an ensemble says what other fits say
    table = named.table[[name for name in COLUMNS if name in named.table]]

    adata = adata.copy() if copy else adata
    for name, values in columns.items():
        adata.obs[name] = values
    params |= written_columns(adata, [*own, *columns])
    adata.uns[slot] = {PARAMS: params, TABLE: table, SCORES: named.scores}
    return adata if copy else None


def _columns(label_added: str | None, cell_label_added: str | None) -> dict[str, str]:
    """Return the columns of ``obs`` to write, by the argument that names them."""
    columns = {"label_added": label_added, "cell_label_added": cell_label_added}
    found = {argument: column for argument, column in columns.items() if column is not None}
    if cell_label_added is not None:
        found["the probability for cell_label_added"] = f"{cell_label_added}{PROBABILITY}"
    return found
