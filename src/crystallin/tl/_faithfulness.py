"""Dependence of activities on the genes that attribution methods rank high."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import DEFAULT_KEY, FAITHFULNESS, PARAMS, TABLE, Keys, given
from crystallin._progress import shown_if_long

from ._explain import DEFAULT_METHODS, attributions_by, check_methods
from ._shared import Chosen, choose_cells, on_model_genes, origin_of, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE, Reading

RANDOM = "random order"
# share of the genes that are replaced together to compute the infidelity
SHARE_REPLACED = 0.5
MIN_ACTIVITY = 1e-3


@on_model_genes
def faithfulness(
    adata: AnnData,
    model: ProgramVAE,
    *,
    methods: Sequence[str] = DEFAULT_METHODS,
    programs: str | Sequence[str] | None = None,
    n_genes: Sequence[int] = (1, 2, 5, 10, 20, 50, 100),
    n_random: int = 10,
    max_cells: int = 100,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Test how strongly each program's activity depends on the genes that attribution methods rank high.

    In the cells in which a program is most active, genes are set to the expression that the model expects if all
    activities are 0, in the order of their attributions, and the refined activity is computed again. If a method is
    faithful, little of the activity is left without its first few genes (deletion), and these genes alone give most of
    the activity (insertion).

    Parameters
    ----------
    adata
        Data with activities of ``model``, from :func:`crystallin.tl.activity`.
    model
        The trained model.
    methods
        As in :func:`crystallin.tl.attribution_agreement`. All of them are tested on the refined activity, which
        :func:`crystallin.tl.activity` writes.
    programs
        Names of programs; ``None`` uses all except decoys, which can take several minutes.
    n_genes
        Numbers of genes to replace.
    n_random
        Number of random gene orders, and of random halves of the genes for the infidelity.
    max_cells
        Number of cells to use for each program.
    random_state
        Seed of the random orders.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"faithfulness"``, or ``key + "_faithfulness"`` for programs
        under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each program, method (and ``"random order"``) and number of genes: ``program``, ``method``,
        ``n_genes``; ``deletion``, the share of the activity that is left without these genes, and ``insertion``, the
        share that these genes alone give; ``infidelity`` of the method: the mean squared error of sums of its
        attributions over random halves of the genes as predictions of how the activity changes without these genes,
        after the best scaling and relative to the mean square of that change (0 is best; Yeh et al. 2019, NeurIPS 32,
        10967; NaN for random orders). Shares are NaN for programs that are not active in any cell.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments.

    Raises
    ------
    KeyError
        If a program does not exist, or ``adata`` has no activities.
    ValueError
        If activities were not computed by the model in its current state, a method is unknown, or numbers are out of
        range.

    Notes
    -----
    Deletion and insertion curves: Petsiuk et al. (2018, BMVC 151).

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.faithfulness(adata, model, methods=["activity/contributions", "loadings"], programs="B cell")
    >>> sorted(cr.get.faithfulness_df(adata)["method"].unique())
    ['activity/contributions', 'loadings', 'random order']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, FAITHFULNESS)
    checks.check_fresh(adata, keys, model.digest)
    methods = check_methods(methods, 1)
    names = model.program_names.tolist()
    real = model.program_names[~model.is_decoy].tolist()
    wanted = real if programs is None else list(dict.fromkeys(checks.check_program_names(programs, names)))
    n_genes = [n_genes] if isinstance(n_genes, int) else list(n_genes)
    if not n_genes:
        msg = "n_genes is empty. Give the numbers of genes to replace, for example (1, 5, 20)."
        raise ValueError(msg)
    for number in n_genes:
        checks.check_int(number, "n_genes", 1)
    checks.check_int(n_random, "n_random", 1)
    checks.check_int(max_cells, "max_cells", 1)
    checks.check_int(random_state, "random_state", 0)
    # no more genes than the data have
    numbers = sorted({min(number, adata.n_vars) for number in n_genes})
    rng = np.random.default_rng(random_state)
    reading, genes, parts = model.reading(adata), adata.var_names.to_numpy(), []
    for program in shown_if_long(wanted, "Programs", unit="program"):
        activity = stored_activity(adata, keys)[0][:, names.index(program)]
        chosen = choose_cells(adata, None, cells=np.sort(np.argsort(-activity, kind="stable")[:max_cells]))
        parts += _of_program(model, reading, genes, chosen, program, methods, numbers, n_random, rng)

    adata = adata.copy() if copy else adata
    params = {
        "methods": methods,
        "n_random": n_random,
        "max_cells": max_cells,
        "random_state": random_state,
    }
    params = given(params) | origin_of(FAITHFULNESS, adata, keys, model.digest)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: pd.concat(parts, ignore_index=True),
    }
    return adata if copy else None


def _of_program(
    model: ProgramVAE,
    reading: Reading,
    genes: np.ndarray,
    chosen: Chosen,
    program: str,
    methods: list[str],
    numbers: list[int],
    n_random: int,
    rng: np.random.Generator,
) -> list[pd.DataFrame]:
    values = {method: attributions_by(method, model, reading, chosen, [program])[0, :, 0] for method in methods}
    orders = {method: [np.argsort(-value, kind="stable")] for method, value in values.items()}
    orders[RANDOM] = [rng.permutation(len(genes)) for _ in range(n_random)]
    halves = rng.random((n_random, len(genes))) < SHARE_REPLACED
    removed = [np.empty(0, dtype=int), np.arange(len(genes)), *map(np.flatnonzero, halves)]
    for ranked in orders.values():
        removed += [order[:number] for order in ranked for number in numbers]
        removed += [order[number:] for order in ranked for number in numbers]
    left = model.get_activity_without(
        [genes[part] for part in removed], reading, chosen.positions, baseline="mean", programs=[program]
    )[:, 0, 0].astype(float)
    whole, nothing = left[:2]
    change = whole - left[2 : 2 + n_random]
    # shares are not defined for a program that is not active in any cell
    span = whole - nothing if abs(whole - nothing) > MIN_ACTIVITY else np.nan
    left = (left[2 + n_random :] - nothing) / span
    parts = []
    for method, ranked in orders.items():
        # deletion and insertion x orders x numbers
        curves, left = left[: 2 * len(ranked) * len(numbers)], left[2 * len(ranked) * len(numbers) :]
        deletion, insertion = curves.reshape(2, len(ranked), len(numbers)).mean(axis=1)
        infidelity = np.nan if method == RANDOM else stats.infidelity(halves @ values[method], change)
        part = {"program": program, "method": method, "n_genes": numbers, "deletion": deletion, "insertion": insertion}
        parts.append(pd.DataFrame(part | {"infidelity": infidelity}))
    return parts
