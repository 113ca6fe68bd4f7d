"""Programs with the members they lack, and the model fitted again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import _checks as checks
from . import tl
from ._keys import ADDITIONS, AUDIT_PROGRAMS, DEFAULT_KEY, PARAMS, TABLE, Keys
from ._part import on_model_genes
from ._rollback import unchanged_on_error
from .pp._writing import write_programs
from .tl._audit import SUGGESTED, audited, check_audit, which_awake
from .tl._shared import origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from .model import ProgramVAE

logger = logging.getLogger(__name__)

# a round that finds no more than this share of what was found before is the last one, and its genes are left out
MIN_NEW = 0.05
# columns of the audit that are kept for added members
PROVENANCE = ["program", "gene", "weight", "loading", "sd", "q", "replicated", "n_samples", "n_agree", "competitor"]


@on_model_genes
def complete(
    adata: AnnData,
    model: ProgramVAE,
    *,
    sample_key: str | None = None,
    fdr: float = 0.1,
    min_loading: float = 0.25,
    max_rounds: int = 2,
    programs: str | Sequence[str] | None = None,
    candidates: Sequence[str] | None = None,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str = "completed",
    **train_kwargs: Any,
) -> ProgramVAE:
    """Add to programs the members they lack, and fit the model again from its present parameters.

    Each round audits the programs (see :func:`crystallin.tl.audit_programs`), adds the suggested genes, and fits the
    model again, which takes about half of a training. There are up to ``max_rounds`` rounds; one that finds at most a
    twentieth of the genes of the rounds before is the last, and its genes are left out. The error rate is that of each
    round. Neither the model nor the programs it was trained on are changed.

    Do not give the condition that you will compare as ``sample_key``, and do not choose ``candidates`` by it.
    Completion itself uses no groups; ``benchmarks/differential.py`` measures the error rates of tests on completed
    programs.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs under ``key``.
    model
        A trained model with the data it was trained on.
    sample_key, fdr, min_loading, programs, candidates, random_state
        As in :func:`crystallin.tl.audit_programs`.
    max_rounds
        Largest number of rounds that add genes.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Key of the completed programs, which is the prefix of all their slots; pass it as ``key`` to the tools and
        figures that are to read them (``key_added`` in :func:`crystallin.tl.programs_overview`).
    **train_kwargs
        Arguments of :meth:`crystallin.ProgramVAE.train`, for example ``accelerator``.

    Returns
    -------
    A new :class:`~crystallin.ProgramVAE` of the completed programs, or ``model`` itself if nothing was found. Sets, for
    the completed programs, the slots of :func:`crystallin.pp.add_programs`, :func:`crystallin.tl.activity` and
    :func:`crystallin.tl.loadings` under ``key_added``, and:

    ``adata.varm[key_added + "_added"]`` : sparse, genes x programs
        1 for members that were added.
    ``adata.uns[key_added]["additions"]`` : :class:`pandas.DataFrame`
        One row for each added member: ``program``, ``gene``, ``round``, and the columns of the audit by which it was
        found.
    ``adata.uns[key_added]["table"]`` : column ``n_added``
        Number of members that were added to each program.
    ``adata.uns[key_added + "_audit_programs"]``
        The audit of the programs under ``key``, by the first round (see :func:`crystallin.tl.audit_programs`).
        ``cr.pl.audit(adata, program, key=key_added)`` draws it, and
        ``cr.get.completed_programs(adata, key=key_added)`` returns the completed sets.

    Raises
    ------
    KeyError, ValueError
        As in :func:`crystallin.tl.audit_programs`; or if ``key_added`` is ``key``, ``max_rounds`` is not at least 1,
        the model has no data or is that of a query, or an argument of the training is unknown or out of range. If an
        error is raised, ``adata`` is left unchanged.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=8, n_decoys=0, depth=1_000)
    >>> model = cr.fit(adata, adata.uns["simulation"]["annotation"], screen={"drop": False}, max_epochs=20)
    >>> completed = cr.complete(adata, model)
    >>> cr.get.activity(adata, key="completed").shape[1]
    8
    """
    if key_added == key:
        msg = f"key_added={key_added!r} is the key of the programs to complete; choose another, they are not replaced."
        raise ValueError(msg)
    return completed(
        adata,
        model,
        Keys(key),
        Keys(key_added),
        max_rounds=max_rounds,
        programs=programs,
        train_kwargs=train_kwargs,
        sample_key=sample_key,
        fdr=fdr,
        min_loading=min_loading,
        candidates=candidates,
        random_state=random_state,
    )


def completed(
    adata: AnnData,
    model: ProgramVAE,
    keys: Keys,
    new_keys: Keys,
    *,
    max_rounds: int,
    programs: str | Sequence[str] | None,
    train_kwargs: dict[str, Any],
    **audit: Any,
) -> ProgramVAE:
    """Complete programs as described at :func:`complete`; the new keys may be those of the programs."""
    from .model import check_refit

    checks.check_explainable(adata, keys, model.program_names, model.prior_digest)
    slot = checks.check_result_key(adata, None, new_keys, AUDIT_PROGRAMS)
    checks.check_programs_key(adata, new_keys.prefix)
    checks.check_int(max_rounds, "max_rounds", 1)
    check_refit(model, train_kwargs)
    check_audit(adata, **audit)
    positions = which_awake(adata, keys, model, programs)
    found: list[pd.DataFrame] = []
    first: dict[str, Any] = {}
    now = model
    for number in range(1, max_rounds + 1):
        result = audited(adata, now, positions, **audit)
        first = first or result
        rows = result[TABLE]
        new = rows.loc[(rows["verdict"] == SUGGESTED), PROVENANCE]
        logger.info("Round %d: %d genes are suggested for %d programs.", number, len(new), new["program"].nunique())
        if len(new) <= MIN_NEW * sum(map(len, found)):
            break
        found.append(new.assign(round=number))
        now = now.refitted(members=new, **train_kwargs)
    with unchanged_on_error(adata):
        _write(adata, now, keys, new_keys, found)
        first[PARAMS] = first[PARAMS] | origin_of(AUDIT_PROGRAMS, adata, new_keys, now.digest)
        adata.uns[slot] = first
    return now


def _write(adata: AnnData, model: ProgramVAE, keys: Keys, new_keys: Keys, found: list[pd.DataFrame]) -> None:
    """Write the completed programs with the origin of what was added, activities and loadings."""
    stored = adata.uns[keys.uns]
    added = model.added_members
    n_added = pd.Series(added.getnnz(axis=0), model.program_names)
    table = stored[TABLE].copy()
    table["n_added"] = table["name"].astype(str).map(n_added).fillna(0).astype(int)
    if new_keys == keys:
        # activities and loadings before the completion, which are written again below
        for slots, names in ((adata.obsm, keys.of_cells), (adata.varm, keys.of_genes)):
            for name in names & set(slots):
                del slots[name]
    write_programs(adata, new_keys, model.prior, table, {**stored[PARAMS], "completed_from": keys.prefix}, added)
    earlier = stored.get(ADDITIONS)
    parts = [*([] if earlier is None else [earlier]), *found]
    additions = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*PROVENANCE, "round"])
    adata.uns[new_keys.uns] = {**adata.uns[new_keys.uns], ADDITIONS: additions}
    tl.activity(adata, model, key_added=new_keys.prefix)
    tl.loadings(adata, model, key_added=new_keys.prefix)
