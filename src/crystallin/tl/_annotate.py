"""Names for groups of cells, from programs that are cell types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import ANNOTATE, DEFAULT_KEY, PARAMS, SCORES, TABLE, Keys, given

from ._name import Needs, markers, name_groups, own_columns, own_labels, written_columns
from ._shared import origin_of, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# what is appended to the name of the column of cells' labels
PROBABILITY = "_probability"
COLUMNS = [
    "group",
    "label",
    "path",
    "finest",
    "n_cells",
    "score",
    "carried_by",
    "lower",
    "upper",
    "second",
    "second_score",
    "margin",
    "ambiguous",
    "specificity",
    "support",
    "breadth",
    "stability",
    "best",
    "reason",
    "genes",
    "programs",
]


def annotate(
    adata: AnnData,
    model: ProgramVAE,
    groupby: str,
    *,
    programs: Sequence[str] | None = None,
    parents: Mapping[str, str] | None = None,
    sample_key: str | None = None,
    min_score: float = 1.0,
    min_support: float = 2 / 3,
    min_margin: float = 0.5,
    min_cells: int = 3,
    label_added: str | None = None,
    cell_label_added: str | None = None,
    min_probability: float = 0.5,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Name groups of cells by programs that are cell types, or say that none fits.

    Activities are relative to the other cells of the data, and so are names: what all cells have in common (a data set
    of T cells only) cannot be told, and a single group cannot be named.

    Parameters
    ----------
    adata
        Data with activities of this model, from :func:`crystallin.tl.activity`.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells, clusters say.
    programs
        Programs that are labels. ``None`` takes those of category ``"cell type"`` if the collection has categories
        (``"immune"``), else all (PanglaoDB, say).
    parents
        For finer labels the next coarser one, ``{"CD8 T cell": "T cell"}``. ``None`` takes the collection's, if it has
        any.
    sample_key
        Column of ``obs`` with samples (donors): intervals and stability are then over samples, and each sample counts
        once. Without it they are over cells, and say nothing of further donors.
    min_score
        A label needs this score. 1 is the standard deviation between cells that the model expects beforehand.
    min_support
        … and this share of its genes, and of those of the coarser labels, has to speak for it; see Notes. Where the
        right label is missing from the collection, others that share some of its genes mostly fail here; a close
        relative, such as T cells for NK cells, can pass.
    min_margin
        A finer label is given if its score exceeds that of its best sibling by this much. The coarsest label needs no
        margin, as something has to come first, but is marked as ``ambiguous`` without it.
    min_cells
        Groups of fewer cells are not named, and are no reference for others.
    label_added
        Column of ``obs`` to which each cell's group's label is written. One that is there is replaced only if it was
        written by this function and not changed since.
    cell_label_added
        Column of ``obs`` to which each cell's own label is written, and, with ``"_probability"`` appended, its
        posterior probability.
    min_probability
        A cell's own label is the finest that is as probable, alone or together with its finer ones; if there is none,
        ``"unassigned"``, and the probability is that of the most probable label.
    random_state
        Seed of the draws for intervals.
    key
        Prefix of the programs' slots.
    key_added
        Slot of ``uns`` for the result; ``None`` takes ``"annotate"`` or, for programs under another
        ``key``, ``key + "_annotate"``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row per group:

        - ``group``, ``n_cells``; ``label``, or ``"unassigned"``; ``path``: the label and all coarser ones; ``finest``:
          the label that a ``min_margin`` of 0 would give, a guess where it is finer than ``label``;
        - ``score``: the largest of the label and all finer ones, which is that of ``carried_by``, and its interval
          ``lower``, ``upper`` (95 %; NaN for groups of one cell or sample); see Notes;
        - ``second``, ``second_score``, ``margin``: the best label that is neither coarser nor finer, and how far behind
          it is; ``ambiguous``: less than ``min_margin``;
        - ``specificity``: probability that a cell of the group has more of the label's program than a cell of groups
          with other labels;
        - ``support``: share of its genes that speak for the label, the mean of it and coarser ones, or that of finer
          ones if larger; ``breadth``: effective number of its genes that do;
        - ``stability``: how often the label comes out the same in other samples of as many cells (or samples), with
          the same model, groups and support;
        - ``best``: the label itself, or the one that came closest; ``reason`` it was not given;
        - ``genes``, ``programs``: those that say most, of the label's genes and of all programs, separated by
          semicolons.
    ``adata.uns[key_added]["scores"]`` : :class:`pandas.DataFrame`
        ``group``, ``label``, ``score``, ``support`` of all labels in all groups.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.
    ``adata.obs[label_added]``, ``adata.obs[cell_label_added]``, ``adata.obs[cell_label_added + "_probability"]``
        Only if asked for.

    Raises
    ------
    KeyError
        If a column, a program or the activities are not there.
    ValueError
        If there is one group only, the collection has no marker programs, thresholds are out of range, a column to be
        written is there and was not written by this function, the hierarchy goes in a circle, or activities are not
        those of the model as it is now.

    Notes
    -----
    The score of a label in a group is how far the group's mean activity lies above the level of the groups in which the
    program is off, freed from the pull of the prior and weighted by how well the counts tell the program, in standard
    deviations over the prior. The groups in which it is off are found for each program by the split with the largest
    variance between the parts (Otsu 1979, IEEE Trans Syst Man Cybern 9:62). The coarsest label is chosen by the largest
    score of itself and its finer labels, as these take what they explain from the coarser one; then finer ones step by
    step.

    A gene speaks for a label if its contribution to the program's activity in the group's average cell (see
    :func:`crystallin.tl.attributions`) is nearer to its contribution in the other groups in which the program is on
    than to that in the groups in which it is off; where there are no others, if it contributes more than in those in
    which it is off. A wrong label shares some genes with the right one, and these are up; its other genes are not.

    A cell's own label is a posterior in a linear discriminant over all programs whose classes are the groups: it takes
    the groups' labels as right for most of their cells, and tells which cells are more like those of another group. It
    knows nothing of groups with a wrong name, so it is no probability of being right.

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
    checks.check_fresh(adata, keys, model.digest)
    slot = checks.check_result_key(adata, key_added, keys, ANNOTATE)
    checks.check_groups(checks.ALL, checks.REST, checks.check_labels(adata, groupby, "groupby").names, groupby)
    if sample_key is not None:
        checks.check_labels(adata, sample_key, "sample_key")
    for argument, value, most in (("min_score", min_score, np.inf), ("min_margin", min_margin, np.inf)):
        checks.check_number(value, argument, 0, most)
    checks.check_number(min_support, "min_support", 0, 1)
    checks.check_number(min_probability, "min_probability", 0, 1)
    checks.check_int(min_cells, "min_cells", 1)
    checks.check_int(random_state, "random_state", 0)
    needs = Needs(min_score, min_support, min_margin, min_cells)
    own = own_columns(adata, slot)
    checks.check_new_columns(adata, _columns(label_added, cell_label_added), set(own) - {groupby, sample_key})
    known = markers(adata, model, programs, parents, key)

    rng = np.random.default_rng(random_state)
    named = name_groups(adata, model, known, needs, groupby, sample_key, keys, rng)
    columns: dict[str, Any] = {}
    if label_added is not None:
        columns[label_added] = known.categorical(np.array(named.labels)[named.of_cell])
    if cell_label_added is not None:
        activity = stored_activity(adata, keys)[0][:, ~model.is_decoy]
        labels, sure = own_labels(activity, named.of_cell, named.labels, known, min_probability, rng)
        columns |= {cell_label_added: known.categorical(labels), f"{cell_label_added}{PROBABILITY}": sure}
    params = {
        "groupby": groupby,
        "labels": known.names,
        "sample_key": sample_key,
        "min_score": min_score,
        "min_support": min_support,
        "min_margin": min_margin,
        "min_cells": min_cells,
        "label_added": label_added,
        "cell_label_added": cell_label_added,
        "min_probability": min_probability,
        "random_state": random_state,
    }
    params = given(params) | origin_of(ANNOTATE, adata, keys, model.digest)

    adata = adata.copy() if copy else adata
    for name, values in columns.items():
        adata.obs[name] = values
    params |= written_columns(adata, [*own, *columns])
    adata.uns[slot] = {PARAMS: params, TABLE: named.table[COLUMNS], SCORES: named.scores}
    return adata if copy else None


def _columns(label_added: str | None, cell_label_added: str | None) -> dict[str, str]:
    """Columns of ``obs`` by what asks for them."""
    columns = {"label_added": label_added, "cell_label_added": cell_label_added}
    found = {argument: column for argument, column in columns.items() if column is not None}
    if cell_label_added is not None:
        found["the probability for cell_label_added"] = f"{cell_label_added}{PROBABILITY}"
    return found
