"""Attributions of activities to genes, into AnnData."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import ATTRIBUTIONS, CELLS, DEFAULT_KEY, GENES, GROUPS, PARAMS, PROGRAMS, VALUES, Keys, given

from ._explain import baseline_arguments
from ._shared import Chosen, choose_cells, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


def attributions(
    adata: AnnData,
    model: ProgramVAE,
    *,
    groupby: str | None = None,
    method: str = "integrated_gradients",
    baseline: str | Sequence[float] | np.ndarray = "mean",
    target: Literal["activity", "encoder"] = "activity",
    level: Literal["group", "global", "cell"] | None = None,
    programs: str | Sequence[str] | None = None,
    genes: str | Sequence[str] | None = None,
    cells: Any = None,
    n_baselines: int = 20,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Write how much each gene adds to each program's activity.

    An attribution is in units of activity: by how much the counts of this gene, compared with a baseline, raise or
    lower the activity of this program. Methods that are complete sum over genes to the activity (less that of the
    baseline).

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells.
    method
        What is done; *complete* methods sum to the activity. For both targets:

        - ``"integrated_gradients"``: gradient along the straight path from the baseline; complete. For the encoder in
          closed form, for the activity by the implicit derivative of the mode at eight points of the path;
        - ``"expected_gradients"``: the same, averaged over baselines that are cells; complete;
        - ``"gradient_input"``: gradient at the cell times the difference from the baseline. The refined activity
          saturates, so there this exaggerates.

        For ``target="activity"`` also

        - ``"contributions"``: the activity as a weighted sum over genes, from the last weighted least-squares step;
          complete, without a baseline, and the quickest, but less faithful (benchmarks): genes with many counts hold
          much of the weight. What :func:`crystallin.tl.contrast` uses.

        For ``target="encoder"`` also

        - ``"deeplift"``: its rescale rule, which is the same as integrated gradients here; complete;
        - ``"ablation"``: one gene at a time set to its baseline;
        - ``"permutation"``: one gene at a time set to what other cells have;
        - ``"kernel_shap"``, ``"lime"``, ``"lrp"``, ``"smoothgrad"``: by captum (``pip install "crystallin[captum]"``),
          for the ``cells`` named.
    baseline
        What a cell is compared with:

        - ``"mean"``: for the activity what the model expects of the cell without activities, in its own batch and at
          its depth, so that attributions sum to the activity; for the encoder the mean of the training cells;
        - ``"zero"``: no gene expressed (encoder only);
        - ``"group:NAME"``: the mean expression of a group of ``groupby``; its activity is not the mean activity of its
          cells, so for differences of groups that sum exactly see :func:`crystallin.tl.contrast`;
        - an array: expression of each gene, of any depth (not logarithms).

        ``"expected_gradients"`` and ``"permutation"`` take ``n_baselines`` random cells, of all or of the group, or the
        rows of an array.
    target
        What is attributed. ``"activity"``: the refined activity, which :func:`crystallin.tl.activity` writes, as a
        function of counts at given depth. ``"encoder"``: the encoder's mean, which is where refinement starts, as a
        function of standardised log-normalised expression.
    level
        ``"group"``: mean over the cells of each group, with sign. ``"global"``: mean over all cells of absolute values,
        as signs cancel. ``"cell"``: the cells named. ``None``: ``"group"`` with ``groupby``, else ``"global"``.
    programs
        Names of programs; ``None`` for all, decoys included.
    genes
        Names of the genes to keep; ``None`` for all.
    cells
        Names, positions or mask of the cells to use; ``None`` for all. Needed for ``level="cell"`` and by captum.
    n_baselines
        Number of baseline cells, see ``baseline``; the work grows with it.
    key
        Prefix of the programs' slots.
    key_added
        Slots for the result; ``None`` takes ``"attributions"`` or, for programs under another
        ``key``, ``key + "_attributions"``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.varm[key_added]`` : :class:`numpy.ndarray`, float32
        ``level="group"``: genes x programs x groups; ``level="global"``: genes x programs. NaN for genes left out.
    ``adata.uns[key_added]`` : dict
        ``"programs"`` and ``"groups"``, the names along the array; ``"params"``, the arguments. For ``level="cell"``
        also ``"values"``, cells x genes x programs, with ``"cells"`` and ``"genes"``.

    Raises
    ------
    ImportError
        If a method needs captum and it is not installed.
    KeyError
        If there is no such program, gene, cell or column, or ``adata`` has no programs.
    ValueError
        If the method is unknown or not for this target, encoder or likelihood; a group is not there; a baseline has the
        wrong length, missing or negative values; genes or programs differ from the model's; the data are minified;
        ``level="group"`` without ``groupby``; ``level="cell"`` without ``cells``; or a result larger than 0.5 GB.

    Notes
    -----
    Cells pass in minibatches. For groups no array of cells x programs x genes is made: a group costs one pass over its
    cells and memory for a minibatch, whatever the number of cells. ``"ablation"`` and the global level do the work of
    single cells, so name some thousand ``cells`` for these. ``level="cell"`` takes 4 bytes x cells x genes x programs
    and is refused above 0.5 GB.

    Activities are relative to the cell's total, so every gene takes a small part in each; genes of other programs take
    part where programs overlap, as what one explains is taken from the other. :func:`crystallin.tl.leakage` says how
    much.

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
    level = level or ("global" if groupby is None else "group")
    checks.check_choice(level, "level", ("group", "global", "cell"))
    if level == "group" and groupby is None:
        msg = 'level="group" needs groupby, a column of adata.obs; without it level="global" takes all cells.'
        raise ValueError(msg)
    if level == "cell" and cells is None:
        msg = 'level="cell" needs cells, the names of those wanted; level="group" takes means over groups.'
        raise ValueError(msg)
    names = model.program_names.tolist()
    wanted = names if programs is None else list(dict.fromkeys(checks.check_program_names(programs, names)))
    gene_names = list(adata.var_names) if genes is None else checks.check_genes(genes, list(adata.var_names))
    gene_places = adata.var_names.get_indexer(gene_names)
    chosen = choose_cells(adata, groupby if level == "group" else None, cells=cells)
    values = model.get_attributions(
        adata,
        None if cells is None else chosen.positions,
        target=target,
        method=method,
        programs=wanted,
        groups=chosen.labels,
        statistic={"group": "mean", "global": "mean_absolute", "cell": "each"}[level],
        n_baselines=n_baselines,
        **baseline_arguments(adata, groupby, baseline),
    )

    adata = adata.copy() if copy else adata
    params = {
        "groupby": groupby,
        "method": method,
        "baseline": baseline if isinstance(baseline, str) else "array",
        "target": target,
        "level": level,
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
        # that of an earlier call by group
        adata.varm.pop(slot, None)
    else:
        result[GROUPS] = np.array(chosen.groups, dtype=object)
        adata.varm[slot] = _of_genes(values, chosen, gene_places, level)
    adata.uns[slot] = result
    return adata if copy else None


def _of_genes(values: np.ndarray, chosen: Chosen, gene_places: np.ndarray, level: str) -> np.ndarray:
    """Genes x programs (x groups), NaN for genes that were not asked for."""
    by_gene = np.full((values.shape[1], values.shape[2], values.shape[0]), np.nan, dtype=np.float32)
    by_gene[gene_places] = values.transpose(1, 2, 0)[gene_places]
    return by_gene if level == "group" else by_gene[:, :, 0]
