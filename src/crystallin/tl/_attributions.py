"""Attributions of activities to genes, written into AnnData."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import (
    ATTRIBUTIONS,
    CELLS,
    DEFAULT_KEY,
    GENES,
    GROUPS,
    KIND,
    PARAMS,
    PROGRAMS,
    VALUES,
    Keys,
    given,
    se_of,
)

from ._explain import baseline_arguments
from ._shared import choose_cells, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


@on_model_genes
def attributions(
    adata: AnnData,
    model: ProgramVAE,
    *,
    kind: Literal["unique", "total"] = "unique",
    groupby: str | None = None,
    method: str = "integrated_gradients",
    baseline: str | Sequence[float] | np.ndarray = "mean",
    target: Literal["activity", "encoder"] = "activity",
    level: Literal["group", "global", "cell"] | None = None,
    programs: str | Sequence[str] | None = None,
    genes: str | Sequence[str] | None = None,
    cells: Any = None,
    n_baselines: int = 20,
    exact: bool = False,
    tolerance: float = 0.02,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Attribute each program's activity to genes.

    An attribution says by how much the counts of a gene, compared with a baseline, raise or lower the activity of a
    program, in units of activity. The attributions of *complete* methods sum over genes to the activity, minus the
    activity of the baseline.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    kind
        ``"unique"`` attributes what each program explains beside all others, ``"total"`` what the genes of its set do,
        whichever programs explain it (see :meth:`crystallin.ProgramVAE.get_activity`). All methods can attribute both.
    groupby
        Column of ``obs`` with groups of cells.
    method
        Attribution method. Available for both targets:

        - ``"integrated_gradients"``: gradient along the straight path from the baseline; complete. It is computed in
          closed form for the encoder, and from the implicit derivative of the posterior mode at several points of the
          path for the activity;
        - ``"expected_gradients"``: the same, averaged over random cells as baselines; complete;
        - ``"gradient_input"``: gradient at the cell times the difference from the baseline. Because the refined
          activity saturates, this exaggerates attributions of the activity.

        For ``target="activity"`` only:

        - ``"contributions"``: the activity as a weighted sum over genes, from the last step of weighted least squares;
          complete, without a baseline, and the fastest method. It was less faithful in our benchmarks, because genes
          with many counts have much of the weight. :func:`crystallin.tl.contrast` uses this method.

        For ``target="encoder"`` only:

        - ``"deeplift"``: the rescale rule of DeepLIFT, which equals integrated gradients here; complete;
        - ``"ablation"``: one gene at a time is set to its baseline;
        - ``"permutation"``: one gene at a time is set to its value in other cells;
        - ``"kernel_shap"``, ``"lime"``, ``"lrp"``, ``"smoothgrad"``: computed by captum, and only for given ``cells``
          (``pip install "crystallin[captum]"``).
    baseline
        What to compare each cell with:

        - ``"mean"``: for the activity, the expression that the model expects of the cell if all activities are 0, in
          its own batch and at its depth, so that attributions sum to the activity; for the encoder, the mean of the
          training cells;
        - ``"zero"``: no gene expressed (encoder only);
        - ``"group:NAME"``: the mean expression of a group of ``groupby``. Its activity is not the mean activity of the
          group's cells; for attributions that sum exactly to the difference between groups, see
          :func:`crystallin.tl.contrast`;
        - an array: expression of each gene, at any depth and not log-transformed.

        ``"expected_gradients"`` and ``"permutation"`` use ``n_baselines`` random cells (of all cells or of the group),
        or the rows of an array.
    target
        What to attribute. ``"activity"`` is the refined activity, which :func:`crystallin.tl.activity` writes, as a
        function of the counts at a given depth. ``"encoder"`` is the encoder's mean, at which refinement starts, as a
        function of standardised log-normalised expression.
    level
        ``"group"`` returns the mean over the cells of each group, with sign. ``"global"`` returns the mean of absolute
        values over all cells, because signs would cancel. ``"cell"`` returns the attributions of the given ``cells``.
        ``None`` uses ``"group"`` with ``groupby`` and ``"global"`` without.
    programs
        Names of programs; ``None`` uses all, including decoys.
    genes
        Names of the genes to keep; ``None`` keeps all.
    cells
        Names, positions or mask of the cells to use; ``None`` uses all. Required for ``level="cell"`` and for methods
        that use captum.
    n_baselines
        Number of baseline cells, see ``baseline``. Computing time increases with it.
    exact
        Compute means from all cells, for ``target="activity"``. By default, those of ``level="group"`` over groups of
        256 or more cells are estimated without bias, which is many times faster: with the matrix of the average cell
        for all cells, and the exact attributions of a sample of them to correct it. Those of ``level="global"`` are
        means over a random part of the cells. ``target="encoder"`` and ``level="cell"`` are always exact.
    tolerance
        Standard error at which estimates are good enough, as a share of the largest attribution of the program in any
        group (but not below a share of .1, which is a tenth of an activity's standard deviation). Sampling ends when
        this holds for 39 of 40 programs; the errors themselves are part of the result.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slots for the result. ``None`` uses ``"attributions"``, or ``key + "_attributions"`` for programs under another
        ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.varm[key_added]`` : :class:`numpy.ndarray`, float32
        ``level="group"``: genes x programs x groups; ``level="global"``: genes x programs. NaN for genes that were not
        asked for.
    ``adata.varm[key_added + "_se"]`` : :class:`numpy.ndarray`, float32
        Standard error of each mean due to the sample of cells, in the same shape; 0 where it is exact. Only for the
        activity, unless ``exact=True``.
    ``adata.uns[key_added]`` : dict
        ``"programs"`` and ``"groups"``, the names along the axes of the array; ``"params"``, the arguments. For
        ``level="cell"`` also ``"values"``, cells x genes x programs, with ``"cells"`` and ``"genes"``.

    Raises
    ------
    ImportError
        If the method needs captum, which is not installed.
    KeyError
        If a program, gene, cell or column does not exist, or ``adata`` has no programs.
    ValueError
        If the method is unknown or not available for this target, encoder or likelihood; a group does not exist; a
        baseline has the wrong length, missing or negative values; genes or programs differ from the model's; the data
        are minified; ``level="group"`` without ``groupby``; ``level="cell"`` without ``cells``; a result larger than
        0.5 GB; or ``tolerance`` is not between 0 and 1.

    Notes
    -----
    Cells are processed in minibatches, and memory does not depend on the number of cells. How means are estimated is
    described in ``docs/attributions.md``. ``"ablation"`` computes the attributions of every single cell, so limit
    ``cells`` to a few thousand for it. ``level="cell"`` takes 4 bytes x cells x genes x
    programs, and raises an error above 0.5 GB.

    Expression is relative to the cell's total counts, so every gene has a small attribution to every program. Genes of
    other programs have attributions where programs overlap, because overlapping programs share what they explain.
    :func:`crystallin.tl.leakage` computes how much these genes contribute.

    Integrated gradients: Sundararajan et al. (2017, ICML, 3319); the closed form for a hidden ReLU layer is the mean
    slope of each unit along the path. Expected gradients: Erion et al. (2021, Nat Mach Intell 3:620). DeepLIFT:
    Shrikumar et al. (2017, ICML, 3145).

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.attributions(adata, model, groupby="bulk_labels")
    >>> cr.get.attributions_df(adata, "B cell", "CD19+ B", n=3).columns.tolist()
    ['program', 'group', 'gene', 'attribution', 'member', 'rank']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, ATTRIBUTIONS)
    level = _level(level, groupby, cells)
    names = model.program_names.tolist()
    wanted = names if programs is None else list(dict.fromkeys(checks.check_program_names(programs, names)))
    gene_names = list(adata.var_names) if genes is None else checks.check_genes(genes, list(adata.var_names))
    gene_places = adata.var_names.get_indexer(gene_names)
    chosen = choose_cells(adata, groupby if level == "group" else None, cells=cells)
    checks.check_bool(exact, "exact")
    checks.check_number(tolerance, "tolerance", 0, 1, include_minimum=False)
    estimates = level != "cell" and target == "activity" and not exact
    found = model.get_attributions(
        adata,
        None if cells is None else chosen.positions,
        kind=kind,
        target=target,
        method=method,
        programs=wanted,
        groups=chosen.labels,
        statistic={"group": "mean", "global": "mean_absolute", "cell": "each"}[level],
        n_baselines=n_baselines,
        tolerance=tolerance if estimates else None,
        return_se=estimates,
        **baseline_arguments(adata, groupby, baseline),
    )
    values, se = found if estimates else (found, None)

    adata = adata.copy() if copy else adata
    params = {
        KIND: kind,
        "groupby": groupby,
        "method": method,
        "baseline": baseline if isinstance(baseline, str) else "array",
        "target": target,
        "level": level,
        "tolerance": tolerance if estimates else None,
        "n_vars": adata.n_vars,
    }
    params = given(params) | origin_of(ATTRIBUTIONS, adata, keys, model.digest)
    result = {
        PROGRAMS: np.array(wanted, dtype=object),
        PARAMS: params,
    }
    if level == "cell":
        result |= {CELLS: adata.obs_names[chosen.positions].to_numpy(dtype=object)}
        result |= {GENES: np.array(gene_names, dtype=object), VALUES: values[:, gene_places]}
    else:
        result[GROUPS] = np.array(chosen.groups, dtype=object)
    arrays = {slot: None if level == "cell" else values, se_of(slot): se}
    for name, array in arrays.items():
        # also the arrays of an earlier call
        adata.varm.pop(name, None)
        if array is not None:
            adata.varm[name] = _of_genes(array, gene_places, level)
    adata.uns[slot] = result
    return adata if copy else None


def _level(level: str | None, groupby: str | None, cells: Any) -> str:
    """Return the level; raise an error if it needs an argument that was left out."""
    level = level or ("global" if groupby is None else "group")
    checks.check_choice(level, "level", ("group", "global", "cell"))
    if level == "group" and groupby is None:
        msg = 'level="group" needs groupby=, a column of adata.obs. Name one, or use level="global" for all cells.'
        raise ValueError(msg)
    if level == "cell" and cells is None:
        msg = 'level="cell" needs cells=, their names. Give them, or use level="group" for means over groups.'
        raise ValueError(msg)
    return level


def _of_genes(values: np.ndarray, gene_places: np.ndarray, level: str) -> np.ndarray:
    """Return attributions as genes x programs (x groups), with NaN for genes that were not asked for."""
    by_gene = np.full((values.shape[1], values.shape[2], values.shape[0]), np.nan, dtype=np.float32)
    by_gene[gene_places] = values.transpose(1, 2, 0)[gene_places]
    return by_gene if level == "group" else by_gene[:, :, 0]
