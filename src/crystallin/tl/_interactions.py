"""Interactions of genes in the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, INTERACTIONS, PARAMS, TABLE, Keys, given

from ._shared import choose_cells, members, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


@on_model_genes
def interactions(
    adata: AnnData,
    model: ProgramVAE,
    program: str,
    *,
    groupby: str | None = None,
    group: str | None = None,
    genes: Sequence[str] | None = None,
    n_genes: int = 20,
    baseline: str = "mean",
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Compute how pairs of genes interact in the encoder's estimate of a program.

    Interactions are integrated Hessians (Janizek et al. 2021, J Mach Learn Res 22:104): what two genes together add to
    the encoder's mean, beyond what each adds alone, along the path from the baseline. They are exact for the default
    encoder. The decoder is log-linear, so genes do not interact in how a program changes expression. Interactions
    describe the inference network, which needs them to correct for count noise and for the overlap of programs; they
    are no evidence of regulation.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model with a context network.
    program
        Name of the program.
    groupby, group
        Column of ``obs`` and one of its groups, over whose cells to average. ``None`` uses all cells.
    genes
        Names of the genes; ``None`` uses the ``n_genes`` with the largest integrated gradients of the encoder.
    n_genes
        Number of genes.
    baseline
        ``"mean"`` of the training cells, or ``"zero"``, as in :func:`crystallin.tl.attributions`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"interactions"``, or ``key + "_interactions"`` for programs
        under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each pair of genes, the largest interaction first: ``gene_a``, ``gene_b``, ``interaction`` in units
        of activity (the sum over both orders of the pair), and ``member_a`` and ``member_b`` (whether the gene is a
        member of the program).
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, and ``own``, the sum of what the genes add by themselves.

    Raises
    ------
    KeyError
        If the program, a gene or the column does not exist, or ``adata`` has no programs.
    ValueError
        If a group does not exist or is given without ``groupby``, fewer than two genes are named, or the model has no
        context network or one with other layers than the default.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", n_decoys=20)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.interactions(adata, model, "B cell", groupby="bulk_labels", group="CD19+ B", n_genes=5)
    >>> len(cr.get.interactions_df(adata))
    10
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, INTERACTIONS)
    program = checks.check_program(program, model.program_names.tolist())
    checks.check_int(n_genes, "n_genes", 2)
    if (groupby is None) != (group is None):
        msg = "groupby and group have to be given together: a column of adata.obs, and the group of it to average over."
        raise ValueError(msg)
    checks.check_choice(baseline, "baseline", ("mean", "zero"))
    chosen = choose_cells(adata, groupby)
    label = checks.ALL
    if group is not None:
        label, *others = checks.check_among(group, "group", chosen.groups)
        if others:
            msg = f"group={group!r} must be one group of {groupby!r}."
            raise TypeError(msg)
    cells = chosen.positions[chosen.labels == label]
    reading = model.reading(adata)
    if genes is None:
        sizes = model.get_attributions(reading, cells, target="encoder", baseline=baseline, programs=[program])
        genes = adata.var_names[np.argsort(-np.abs(sizes[0, :, 0]), kind="stable")[:n_genes]]
    genes = list(dict.fromkeys(checks.check_genes(genes, list(adata.var_names))))
    if len(genes) < 2:
        msg = f"genes names only {genes}. Give at least two genes, because interactions are between pairs."
        raise ValueError(msg)
    matrix = model.get_interactions(program, genes, reading, cells, baseline=baseline)[checks.ALL].to_numpy()
    first, second = np.triu_indices(len(genes), 1)
    names = np.array(genes, dtype=object)
    member = dict(zip(adata.var_names, members(model, [program])[:, 0], strict=True))
    table = pd.DataFrame({"gene_a": names[first], "gene_b": names[second], "interaction": 2 * matrix[first, second]})
    for side in ("a", "b"):
        table[f"member_{side}"] = table[f"gene_{side}"].map(member).astype(bool)
    order = table["interaction"].abs().sort_values(ascending=False, kind="stable").index

    adata = adata.copy() if copy else adata
    params = {
        "program": program,
        "groupby": groupby,
        "group": label,
        "baseline": baseline,
        "own": float(np.trace(matrix)),
    }
    params = given(params) | origin_of(INTERACTIONS, adata, keys, model.digest)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: table.loc[order].reset_index(drop=True),
    }
    return adata if copy else None
