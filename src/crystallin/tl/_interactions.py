"""Which genes the encoder reads together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, INTERACTIONS, PARAMS, TABLE, Keys, given

from ._shared import choose_cells, members, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


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
    """Write which pairs of genes the encoder reads together for a program.

    Integrated Hessians (Janizek et al. 2021, J Mach Learn Res 22:104): what two genes add to the encoder's mean beyond
    what each adds alone, on the way from the baseline. Exact for the default encoder. The decoder is log-linear, so
    genes do not interact in what a program *does*: interactions describe the inference network, which needs them to
    undo the count noise and the overlap of programs. They are no evidence of regulation.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model, with its context network.
    program
        Name of the program.
    groupby, group
        Column of ``obs`` and one of its groups: the cells to average over. ``None`` for all cells.
    genes
        Names of the genes; ``None`` takes the ``n_genes`` with the largest integrated gradients of the encoder.
    n_genes
        Number of genes.
    baseline
        ``"mean"`` of the training cells, or ``"zero"``, as in :func:`crystallin.tl.attributions`.
    key
        Prefix of the programs' slots.
    key_added
        Slot of ``uns`` for the result; ``None`` takes ``"interactions"`` or, for programs under another
        ``key``, ``key + "_interactions"``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each pair of genes, the largest first: ``gene_a``, ``gene_b``, ``interaction``, in units of
        activity (both orders of the pair together), and ``member_a``, ``member_b``.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments, and ``own``, what the genes add by themselves, in total.

    Raises
    ------
    KeyError
        If there is no such program, gene, column, or ``adata`` has no programs.
    ValueError
        If a group is not there or given without ``groupby``, fewer than two genes are named, or the model has no
        context network or one of other layers.

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
        msg = "groupby and group go together: the column, and which of its groups to average over."
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
        msg = f"genes names {genes}; a pair needs two."
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
