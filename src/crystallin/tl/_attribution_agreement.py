"""Agreement of attribution methods on a program's genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import ATTRIBUTION_AGREEMENT, CONSENSUS, DEFAULT_KEY, PARAMS, SPREAD, TABLE, Keys, given
from crystallin._progress import shown_if_long

from ._explain import DEFAULT_METHODS, LOADINGS, attributions_by, baseline_arguments, check_methods
from ._shared import Chosen, choose_cells, members, on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# parameter p of rank-biased overlap: the first ten places carry 86 % of the weight
PERSISTENCE = 0.9


@on_model_genes
def attribution_agreement(
    adata: AnnData,
    model: ProgramVAE,
    groupby: str,
    *,
    methods: Sequence[str] = DEFAULT_METHODS,
    programs: str | Sequence[str] | None = None,
    n_top: int = 50,
    baselines: Sequence[str] = (),
    retrained: Sequence[ProgramVAE] = (),
    max_cells: int | None = 200,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Compare how several attribution methods rank the genes of each program in each group of cells.

    Every method ranks genes, whether or not another method would agree. Genes that rank high by methods with different
    assumptions can be reported; those that rank high by a single method depend on the choice of the method.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    groupby
        Column of ``obs`` with groups of cells.
    methods
        ``"activity/METHOD"`` or ``"encoder/METHOD"``, with the methods of :func:`crystallin.tl.attributions`, or
        ``"loadings"``, the loadings of the decoder.
    programs
        Names of programs; ``None`` uses all except decoys.
    n_top
        Number of top-ranked genes. Kendall's tau compares the genes that are among these by either method, and the
        consensus lists this number of genes.
    baselines
        Further baselines (``"group:NAME"``, for the encoder also ``"zero"``), to see how strongly the result of each
        method depends on the baseline.
    retrained
        Models trained in the same way with other seeds, to see how strongly the result of each method depends on the
        seed. Without any, the refits of an ensemble are used.
    max_cells
        Largest number of cells to use from each group, drawn at random; ``None`` uses all.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"attribution_agreement"``, or ``key + "_attribution_agreement"``
        for programs under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets in ``adata.uns[key_added]``:

    ``"table"`` : :class:`pandas.DataFrame`
        One row for each program, group and pair of methods: ``program``, ``group``, ``method_a``, ``method_b``;
        ``rbo``, the rank-biased overlap of the rankings by absolute attribution (0 to 1; the first ten places carry 86
        % of the weight); ``kendall``, Kendall's tau-b of the signed attributions, over genes that are among the
        ``n_top`` of either method.
    ``"consensus"`` : :class:`pandas.DataFrame`
        The ``n_top`` genes of each program and group by all methods together: ``program``, ``group``, ``gene``,
        ``rank``, ``p`` (probability of such ranks by chance, from robust rank aggregation; it assumes independent
        methods, which they are not, so read it as a score), ``n_methods`` (number of methods that have the gene among
        their ``n_top``), and ``member`` (whether the gene is a member of the program).
    ``"spread"`` : :class:`pandas.DataFrame`
        With ``baselines`` or ``retrained``: ``program``, ``group``, ``method``, ``over`` (``"baseline"`` or
        ``"seed"``), ``rbo_mean`` and ``rbo_min``, the mean and smallest rank-biased overlap between the method's
        results.
    ``"params"`` : dict
        The arguments.

    Raises
    ------
    KeyError
        If a program or column does not exist, or ``adata`` has no programs.
    ValueError
        If a method is unknown, fewer than two methods are given, a baseline group does not exist, or a retrained model
        has other programs.

    Notes
    -----
    Rank-biased overlap: Webber et al. (2010, ACM Trans Inf Syst 28:20). Robust rank aggregation: Kolde et al. (2012,
    Bioinformatics 28:573).

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> methods = ["activity/contributions", "encoder/integrated_gradients", "loadings"]
    >>> cr.tl.attribution_agreement(adata, model, "bulk_labels", methods=methods, programs=["B cell"])
    >>> cr.get.attribution_agreement_df(adata, "B cell", "CD19+ B").shape
    (3, 6)
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, ATTRIBUTION_AGREEMENT)
    methods = check_methods(methods, 2)
    checks.check_int(n_top, "n_top", 2)
    names = model.program_names
    wanted = names[~model.is_decoy].tolist()
    if programs is not None:
        wanted = list(dict.fromkeys(checks.check_program_names(programs, names.tolist())))
    retrained = retrained or model.refits
    for other in retrained:
        checks.check_same_programs(adata, keys, other.program_names, other.prior_digest)
    chosen = choose_cells(adata, groupby, max_cells=max_cells)
    arguments = [baseline_arguments(adata, groupby, baseline) for baseline in baselines]

    def ask(method: str, asked: ProgramVAE, **baseline: object) -> np.ndarray:
        return attributions_by(method, asked, readings[asked], chosen, wanted, **baseline)

    readings = {asked: asked.reading(adata) for asked in (model, *retrained)}
    answers = {method: ask(method, model) for method in shown_if_long(methods, "Methods", unit="method")}
    repeats: dict[str, dict[str, list[np.ndarray]]] = {"baseline": {}, "seed": {}}
    for method, answer in shown_if_long(list(answers.items()), "Repeats", unit="method"):
        fitting = [options for options in arguments if _takes(model, method, options)]
        if fitting:
            repeats["baseline"][method] = [answer, *(ask(method, model, **options) for options in fitting)]
        if retrained:
            repeats["seed"][method] = [answer, *(ask(method, other) for other in retrained)]

    adata = adata.copy() if copy else adata
    genes = adata.var_names.to_numpy(dtype=object)
    params = {
        "groupby": groupby,
        "methods": methods,
        "n_top": n_top,
        "baselines": list(baselines),
        "n_retrained": len(retrained),
        "max_cells": max_cells,
        "persistence": PERSISTENCE,
    }
    params = given(params) | origin_of(ATTRIBUTION_AGREEMENT, adata, keys, model.digest)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: _pairs(answers, chosen, wanted, n_top),
        CONSENSUS: _consensus(answers, chosen, wanted, n_top, genes, members(model, wanted)),
        SPREAD: _spread(repeats, chosen, wanted),
    }
    return adata if copy else None


def _takes(model: ProgramVAE, method: str, options: Mapping[str, object]) -> bool:
    """Return whether a method can use a baseline."""
    target, _, name = method.partition("/")
    if method == LOADINGS or not model.attribution_methods[name].has_baseline:
        return False
    # refined activity is computed at the cell's depth, which is not 0, and random baseline cells are not zeros
    is_single = target == "encoder" and not model.attribution_methods[name].over_cells
    return options.get("baseline") != "zero" or is_single


def _ranking(values: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(values), kind="stable")


def _pairs(answers: Mapping[str, np.ndarray], chosen: Chosen, wanted: list[str], n_top: int) -> pd.DataFrame:
    rows = []
    for (place, group), (column, program) in _each(chosen.groups, wanted):
        values = {method: answer[place, :, column] for method, answer in answers.items()}
        order = {method: _ranking(value) for method, value in values.items()}
        for a, b in combinations(values, 2):
            top = np.union1d(order[a][:n_top], order[b][:n_top])
            rbo = stats.rank_biased_overlap(order[a], order[b], PERSISTENCE)
            rows.append((program, group, a, b, rbo, stats.kendall(values[a][top], values[b][top])))
    return pd.DataFrame(rows, columns=["program", "group", "method_a", "method_b", "rbo", "kendall"])


def _consensus(
    answers: Mapping[str, np.ndarray],
    chosen: Chosen,
    wanted: list[str],
    n_top: int,
    genes: np.ndarray,
    member: np.ndarray,
) -> pd.DataFrame:
    parts = []
    for (place, group), (column, program) in _each(chosen.groups, wanted):
        size = np.abs([answer[place, :, column] for answer in answers.values()])
        p = stats.robust_ranks(size)
        # ties of the score are broken by the mean rank
        top = np.lexsort((-np.argsort(np.argsort(size, axis=1), axis=1).mean(axis=0), p))[:n_top]
        in_top = (np.argsort(np.argsort(-size, axis=1), axis=1) < n_top).sum(axis=0)
        part = {"program": program, "group": group, "gene": genes[top], "rank": np.arange(1, len(top) + 1), "p": p[top]}
        parts.append(pd.DataFrame(part | {"n_methods": in_top[top], "member": member[top, column]}))
    return pd.concat(parts, ignore_index=True)


def _spread(repeats: Mapping[str, Mapping[str, list[np.ndarray]]], chosen: Chosen, wanted: list[str]) -> pd.DataFrame:
    rows = []
    for over, by_method in repeats.items():
        for method, answers in by_method.items():
            for (place, group), (column, program) in _each(chosen.groups, wanted):
                orders = [_ranking(answer[place, :, column]) for answer in answers]
                rbo = [stats.rank_biased_overlap(a, b, PERSISTENCE) for a, b in combinations(orders, 2)]
                if rbo:
                    rows.append((program, group, method, over, float(np.mean(rbo)), float(np.min(rbo))))
    return pd.DataFrame(rows, columns=["program", "group", "method", "over", "rbo_mean", "rbo_min"])


def _each(groups: list[str], programs: list[str]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    return [(group, program) for group in enumerate(groups) for program in enumerate(programs)]
