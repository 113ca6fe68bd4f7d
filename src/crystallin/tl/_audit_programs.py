"""Members that programs lack, and members that do not follow them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import AUDIT_PROGRAMS, DEFAULT_KEY, PARAMS, TABLE, Keys

from ._audit import MISSING, audited, check_audit, which_awake
from ._shared import on_model_genes, origin_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)


@on_model_genes
def audit_programs(
    adata: AnnData,
    model: ProgramVAE,
    *,
    sample_key: str | None = None,
    fdr: float = 0.1,
    min_loading: float = 0.25,
    programs: str | Sequence[str] | None = None,
    candidates: Sequence[str] | None = None,
    genes: AnnData | None = None,
    n_refits: int = 0,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Find genes that programs lack, and members that do not follow them, with an error rate.

    Gene sets are incomplete. A gene is suggested as a member of a program if it moves with the program's activity given
    all other programs, about as strongly as the members do. This is an observation in these cells and not evidence of
    regulation. :func:`crystallin.complete` adds the suggestions and fits the model again, and
    :func:`crystallin.get.completed_programs` returns them as gene sets.

    Parameters
    ----------
    adata
        Data with the model's genes in the model's order, and its programs.
    model
        A trained model.
    sample_key
        Column of ``obs`` with samples (donors). A gene is then suggested only if its loading has the same sign in more
        than half of the samples with at least 20 cells. With fewer than two such samples, cells are split at random.
    fdr
        False discovery rate of suggestions over all programs, and of verdicts on members.
    min_loading
        Smallest loading that counts, in units of the program's typical (median) loading. With enough cells, every gene
        moves a little with every program. By default, a loading must exceed a quarter of the typical member's, and a
        member contradicts if its loading is surely below that.
    programs
        Names of the programs to audit. ``None`` takes those that :func:`crystallin.pp.screen_programs` found awake,
        because in a program that is asleep any gene may seem to be missing.
    candidates
        Genes that may be suggested; ``None`` means all genes.
    genes
        AnnData with counts of the same cells (by their names) for further genes, on which the model was not trained.
        They are tested in the same way.
    n_refits
        Number of refits by which the ``stability`` of suggestions is computed: the model is fitted again to a random
        half of its cells, and audited on all cells as before. It shows how far suggestions depend on the fit;
        ``replicated`` shows how far they depend on the cells. Each takes about as long as a training. With an ensemble,
        its refits are used instead.
    random_state
        Seed of the split of the cells, or of the samples, into halves, and of the refits.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"audit_programs"``, or ``key + "_audit_programs"`` for programs
        under another ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row for each member of an audited program, and for each further gene with ``q`` up to .5, the best first:

        - ``program``, ``gene``; ``kind``: ``"member"`` or ``"missing"``;
        - ``verdict``: missing genes are ``"suggested"`` or only ``"possible"``. Members are ``"kept"`` if they follow
          the program, ``"contradicts"`` if the counts show that they do not, and otherwise ``"silent"``;
        - ``loading``: change of the gene's log rate per unit of activity given all other programs, estimated without
          the gene's own counts in the activity; ``sd``, ``lower`` and ``upper`` (95 % interval);
        - ``ratio``: loading in the gene's direction divided by the typical loading of the program's members; NaN if the
          typical loading is not positive;
        - ``score``: by how many standard deviations the loading is above the smallest one that counts, and for members
          above 0; ``q``: false discovery rate if this and all better genes are accepted, and for members that of their
          verdict (that they follow, or contradict);
        - ``replicated``: whether the loading is above 0 in each of two halves of the cells (of the samples, if there
          are samples), one-sided at 5 %; ``n_samples``, ``n_agree``: number of samples with enough cells, and of those
          with the same sign. These three are for missing genes only;
        - ``degree``: number of the collection's sets that contain the gene; ``expression``: mean count per cell;
        - ``competitor``: another audited program with at least half the score for the same gene;
        - ``in_panel``: whether the model was trained on the gene; ``weight``: direction of the gene in a completed set;
          ``stability``: share of the refits in which the gene has a ``q`` of at most ``fdr``, NaN without refits and
          for members.

    ``adata.uns[key_added]["summary"]`` : :class:`pandas.DataFrame`
        One row for each program: ``program``, ``n_members``, ``n_kept``, ``n_silent``, ``n_contradicts``,
        ``n_suggested``, ``typical_loading``, and ``reason``, why no missing genes were sought.
    ``adata.uns[key_added]["params"]`` : dict
        The arguments but for lists of names, ``n_suggested``, ``n_mirror`` and ``realised``: the number of suggestions,
        of mirror images that the same threshold calls, and their ratio, an estimate of the share of suggestions that
        are wrong (NaN without suggestions).

    Raises
    ------
    KeyError
        If it is not known which programs are awake, or a program, gene, column or cell does not exist.
    ValueError
        If no program is awake, ``fdr`` is not between 0 and 1, genes or programs differ from the model's, the data are
        minified, or there are to be refits and the model has no data.

    Notes
    -----
    For each gene, the counts are regressed on all activities with the model's likelihood; what the gene itself adds to
    the activities is taken out. From the loadings on a program, the part that the loadings on other programs explain is
    subtracted (a robust regression over the genes), and the spread that is left among non-members is added to the
    standard deviations.

    Error rates do not come from theory. Members of a set of one direction can only load in that direction. So genes
    that fall as clearly as missing members rise, their mirror image with the same expression and the same confounding,
    show how many of the suggestions are wrong (Barber & Candès 2015, Ann Stat 43:2055). If there are too few for the
    finite-sample correction of this estimate, the uncorrected estimate and q values from normal tails (Benjamini &
    Hochberg) both have to be below ``fdr``. Sets with members of both directions have no such mirror image, and their q
    values are those from normal tails.
    In ``benchmarks/completion.py`` the realised error rate is compared with the nominal one.

    No genes are sought for programs with fewer than three members that can be seen to follow, with members that hardly
    follow compared with other programs, or whose activity is nearly a sum of other activities (variance inflation above
    50).

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=8, n_decoys=0, depth=1_000)
    >>> model = cr.fit(adata, adata.uns["simulation"]["annotation"], screen={"drop": False}, max_epochs=20)
    >>> cr.tl.audit_programs(adata, model)
    >>> cr.get.audit_df(adata, verdict="suggested").columns[:4].tolist()
    ['program', 'gene', 'kind', 'verdict']
    """
    keys = Keys(key)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest, copy=copy)
    slot = checks.check_result_key(adata, key_added, keys, AUDIT_PROGRAMS)
    positions = which_awake(adata, keys, model, programs)
    checks.check_int(n_refits, "n_refits", 0)
    options = {
        "sample_key": sample_key,
        "fdr": fdr,
        "min_loading": min_loading,
        "candidates": candidates,
        "genes": genes,
        "random_state": random_state,
    }
    check_audit(adata, **options)
    if n_refits and model.adata is None:
        msg = "The model has no data to be fitted to. Load it with them: ProgramVAE.load(folder, adata)."
        raise ValueError(msg)
    result = audited(adata, model, positions, **options)
    if n_refits or model.refits:
        refits = model.refits or _refits(model, n_refits, random_state)
        result[TABLE]["stability"] = _stability(result[TABLE], adata, refits, positions, options)

    adata = adata.copy() if copy else adata
    result[PARAMS] = result[PARAMS] | origin_of(AUDIT_PROGRAMS, adata, keys, model.digest)
    adata.uns[slot] = result
    return adata if copy else None


def _stability(
    table: pd.DataFrame,
    adata: AnnData,
    refits: Iterable[ProgramVAE],
    positions: np.ndarray,
    options: dict[str, Any],
) -> np.ndarray:
    """Return the share of refits in which each missing gene is found; NaN for members."""
    edges = pd.MultiIndex.from_frame(table[["program", "gene"]])
    found = []
    for refit in refits:
        rows = audited(adata, refit, positions, **options)[TABLE]
        called = rows[(rows["kind"] == MISSING) & (rows["q"] <= options["fdr"])]
        found.append(edges.isin(pd.MultiIndex.from_frame(called[["program", "gene"]])))
    return np.where(table["kind"] == MISSING, np.mean(found, axis=0), np.nan)


def _refits(model: ProgramVAE, n_refits: int, random_state: int) -> Iterator[ProgramVAE]:
    """Fit the model again to random halves of its cells."""
    rng, n_cells = np.random.default_rng(random_state), model.adata.n_obs
    for number in range(1, n_refits + 1):
        logger.info("Refit %d of %d.", number, n_refits)
        yield model.refitted(cells=rng.permutation(n_cells)[: max(n_cells // 2, 1)], enable_progress_bar=False)
