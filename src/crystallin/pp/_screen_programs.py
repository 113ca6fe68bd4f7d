"""Which gene sets do anything in these cells, before any model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import AWAKE, DEFAULT_KEY, NAMES, PARAMS, SCREEN_PARAMS, TABLE, Keys, given

from ._awake import COLUMNS, NOT_TESTABLE, WITHIN, Screened, nearest, screen, verdict
from ._writing import write_programs

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

# a gene is expressed enough if so many cells have counts of it, and a stratum is large enough with so many cells
MIN_CELLS = 10
# Length of the genes' vectors: where there are more cells, the noise of shorter ones hides the weakest programs, and a
# product of all memberships and all dimensions takes time. benchmarks/screening.py
MAX_DIMS, MAX_PRODUCTS = 4_096, 3e8


def screen_programs(
    adata: AnnData,
    *,
    layer: str | None = None,
    batch_key: str | None = None,
    sample_key: str | None = None,
    within: str | None = None,
    n_null: int = 2_000,
    fdr: float = 0.05,
    drop: bool = False,
    keep: Sequence[str] = (),
    random_state: int = 0,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Find the programs that are awake in these cells: their genes vary together more than those of random sets.

    Most sets of a large collection do not vary in given cells. To train them costs power, because each is tested, and
    makes results less stable, because a model can explain the same variation by one or another of them. This function
    takes seconds and needs no model. Call it after :func:`crystallin.pp.add_programs` and before training.

    Parameters
    ----------
    adata
        Annotated data with programs, cells x genes.
    layer
        Layer with raw counts; ``None`` is ``X``.
    batch_key, sample_key
        Columns of ``obs`` with batches and samples (donors): only what varies between cells of the same batch and
        sample counts.
    within
        Column of ``obs`` with cell types or clusters. Programs are then also tested between cells of the same type,
        because differences between types can hide such variation; a program is awake if it passes either test. Its p
        value is then twice the smaller of the two (Bonferroni), so a program that only just passes without ``within``
        can fail with it.
    n_null
        Largest number of random sets of each kind for each program. The smallest p value is ``1 / (n_null + 1)``. Tests
        whose p value is large stop early.
    fdr
        False discovery rate at which programs are called awake (Benjamini & Hochberg).
    drop
        Leave out the programs that are asleep or cannot be tested: models are trained on the others. They stay in the
        table, with ``kept`` false and the reason. Otherwise all stay in, and the table says which are awake.
    keep
        Names of programs that ``drop`` leaves in, awake or not.
    random_state
        Seed of the random sets.
    key_added
        Prefix of the slots; the one given to :func:`crystallin.pp.add_programs`.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Adds to the table of programs, ``adata.uns[key_added]["table"]``, NaN and
    empty for sets that were dropped before:

    - ``awake``; ``q_awake``, its q value, NaN for programs that cannot be tested; ``asleep``: why not, in words;
    - ``n_measured``: genes that vary and are expressed in at least 10 of the cells; with fewer than 3 a program is not
      tested;
    - ``coherence``: mean correlation of the program's genes with each other (in the direction of their signs);
      ``coherence_null``: that of random sets in its place; ``coherence_z``: by how many standard deviations of random
      sets it is above them;
    - ``n_carriers``: effective number of genes that carry the coherence; 2 of 40 means that only two genes vary
      together;
    - with ``within``, ``coherence_within`` and so on: the same between cells of the same type.

    ``adata.uns[key_added]["screen_params"]`` holds the arguments. With ``drop=True`` also sets ``varm[key_added]`` and
    ``uns[key_added]["names"]`` to the programs that are left, and removes activities and loadings of earlier ones.

    Raises
    ------
    KeyError
        If there are no programs under ``key_added``, or no such columns.
    ValueError
        If the matrix does not hold counts; labels are missing; no batch, sample or type has at least 10 cells; or
        ``drop=True`` would leave no program.

    Notes
    -----
    Correlations are those of Pearson residuals (Lause, Berens & Kobak 2021, Genome Biol 22:258), centred within batch,
    sample and type. A program's coherence is compared with that of random sets of two kinds, both of its
    size. In one, each gene is replaced by a gene of similar mean expression that is in about as many sets of the
    collection. In the other, genes of similar expression are exchanged at random between all sets of the collection, so
    that each gene stays in as many sets as before. The number of sets that contain a gene matters, because well-studied
    genes are in many sets and differ from other genes. If random sets replace fewer than two genes of a program on
    average, because few other genes are similar, it cannot be tested; this happens in small collections and with few
    genes. P values are exact permutation p values that stop early (Besag & Clifford 1991, Biometrika 78:301); the
    larger one of the two kinds counts.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", min_genes=3)
    >>> cr.pp.screen_programs(adata, layer="counts", within="bulk_labels", n_null=200)
    >>> cr.get.programs_df(adata)["awake"].dtype
    dtype('bool')
    """
    keys = Keys(key_added)
    checks.check_adata(adata, copy=copy)
    checks.check_programs(adata, keys)
    names = [str(name) for name in adata.uns[keys.uns][NAMES]]
    kept = set(checks.check_program_names(keep, names)) if len(keep) else set()
    checks.check_int(n_null, "n_null", 100)
    checks.check_int(random_state, "random_state", 0)
    checks.check_number(fdr, "fdr", 0, 1, include_minimum=False)
    columns = {"batch_key": batch_key, "sample_key": sample_key, "within": within}
    labels = {name: checks.check_labels(adata, column, name) for name, column in columns.items() if column is not None}
    questions = {"": [name for name in labels if name != "within"]}
    if within is not None:
        questions[WITHIN] = list(labels)
    strata = {
        suffix: _strata([labels[name].codes for name in names_], adata.n_obs) for suffix, names_ in questions.items()
    }
    expression = checks.check_counts(adata, layer, warn=False)

    rng = np.random.default_rng(random_state)
    sets = _signs(checks.check_matrix(adata, "varm", keys.prior, keys))
    n_dims = int(np.clip(MAX_PRODUCTS / max(sets.nnz, 1), 256, MAX_DIMS))
    matrix = adata.X if layer is None else adata.layers[layer]
    screened: dict[str, Screened] = {}
    n_measured = np.zeros(len(names), dtype=int)
    for suffix, of_cells in strata.items():
        vectors, n_expressing = stats.correlation_vectors(
            lambda: _blocks(matrix), of_cells, adata.n_vars, n_dims=n_dims, rng=rng
        )
        measured = np.flatnonzero((n_expressing >= MIN_CELLS) & vectors.any(axis=1))
        expressed = sets[:, measured]
        n_measured = np.maximum(n_measured, np.diff(expressed.indptr))
        screened[suffix] = screen(expressed, vectors[measured], expression[measured], n_null=n_null, rng=rng)
    found = verdict(list(screened.values()), n_measured, np.diff(sets.indptr), n_null=n_null, fdr=fdr)
    found = found.join([question.columns(suffix) for suffix, question in screened.items()])
    found.index = pd.Index(names)
    left = found[AWAKE].to_numpy() | np.isin(names, list(kept))
    _say_if_none(found, left, fdr, drop=drop)

    adata = adata.copy() if copy else adata
    stored = adata.uns[keys.uns]
    table = _with_columns(stored[TABLE], found)
    if drop and not left.all():
        place = np.flatnonzero(table["kept"].astype(bool))[~left]
        reasons = table["asleep"].iloc[place]
        table.loc[table.index[place], "reason"] = reasons.where(
            reasons.str.startswith(NOT_TESTABLE), "asleep: " + reasons
        )
        table.loc[table.index[place], "kept"] = False
        # those that are kept come first, in the order of the matrix
        table = table.sort_values("kept", ascending=False, kind="stable", ignore_index=True)
        added = adata.varm[keys.added].tocsc()[:, left].tocsr() if keys.added in adata.varm else None
        write_programs(adata, keys, adata.varm[keys.prior].tocsc()[:, left].tocsr(), table, stored[PARAMS], added)
        untested = found.loc[~left, "q_awake"].isna().sum()
        msg = "Left out %d programs: %d are asleep, and %d could not be tested; %d are left."
        logger.info(msg, (~left).sum(), (~left).sum() - untested, untested, left.sum())
        stored = adata.uns[keys.uns]
    params = {**columns, "layer": layer, "n_null": n_null, "fdr": fdr, "drop": drop, "random_state": random_state}
    adata.uns[keys.uns] = {**stored, TABLE: table, SCREEN_PARAMS: given(params)}
    return adata if copy else None


def _strata(codes: list[np.ndarray], n_cells: int) -> np.ndarray:
    """Stratum of each cell, a combination of labels; -1 in those with too few cells."""
    combined = np.zeros(n_cells, dtype=int)
    for code in codes:
        combined = np.unique(combined * (code.max() + 1) + code, return_inverse=True)[1]
    large = np.bincount(combined) >= MIN_CELLS
    if not large.any() and not codes:
        msg = f"There are {n_cells} cells, and at least {MIN_CELLS} are needed to see which genes move together."
        raise ValueError(msg)
    if not large.any():
        msg = (
            f"There are {len(large)} combinations of batch, sample and type in {n_cells} cells, and none has "
            f"{MIN_CELLS} cells or more, which is too few to see what moves together; leave out batch_key, sample_key "
            "or within, or use coarser labels."
        )
        raise ValueError(msg)
    inside = large[combined]
    if not inside.all():
        logger.warning(
            "Left out %d cells, as fewer than %d are of the same batch, sample and type.", (~inside).sum(), MIN_CELLS
        )
    return np.where(inside, (np.cumsum(large) - 1)[combined], -1)


def _signs(prior: sparse.spmatrix) -> sparse.csr_matrix:
    """Sets x genes, by direction."""
    sets = prior.T.tocsr().astype(np.float32)
    sets.data = np.sign(sets.data)
    return sets


def _blocks(matrix: Any) -> Iterator[tuple[int, sparse.csr_matrix]]:
    for start, block in checks.row_blocks(matrix):
        yield start, checks.canonical_csr(block)


def _say_if_none(found: pd.DataFrame, left: np.ndarray, fdr: float, *, drop: bool) -> None:
    """Warn if no program is awake; raise if none would be left."""
    if found[AWAKE].any():
        return
    msg = f"No program is awake at fdr={fdr}. {nearest(found)}"
    if drop and not left.any():
        msg += (
            " drop=True would leave no program. Name programs to keep in any case (keep=[…]), raise fdr, or set "
            "drop=False to go on with all."
        )
        raise ValueError(msg)
    msg += " Only those named in keep are left." if drop else " All are left in."
    msg += " The programs may be those of other cells, or there are too few cells, genes or programs."
    warnings.warn(msg, UserWarning, stacklevel=3)


def _with_columns(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The table with new columns, by the programs' names; sets dropped before have nothing in them."""
    earlier = {*found, *(f"{column}{WITHIN}" for column in COLUMNS.values())}
    table = table.drop(columns=[name for name in table if name in earlier]).copy()
    aligned = found.reindex(table["name"].astype(str))
    for name in found:
        values = aligned[name]
        if name == AWAKE:
            values = values.eq(True)
        elif name == "asleep":
            values = values.fillna("")
        table[name] = values.to_numpy(dtype=bool if name == AWAKE else object if name == "asleep" else float)
    return table
