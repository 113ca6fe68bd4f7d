"""The prior in the form that the model uses: edges between genes and programs, in plain arrays that can be saved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


@dataclass(frozen=True)
class Prior:
    """Edges of the prior, sorted by program and gene.

    Attributes
    ----------
    genes, programs
        Names; their order is that of the model's inputs and latent dimensions.
    is_decoy
        Which programs are decoys.
    gene, program
        Position in ``genes`` and ``programs`` of each edge.
    weight
        Weight of each edge; its sign is the known direction.
    table
        Further columns for each program: size, coverage, category, parent, reference. ``None`` if these were not
        stored, as in models saved by version 0.1.0.
    added
        Which edges were not in the gene sets but added to them (:func:`crystallin.complete`). ``None`` if none was.
    """

    genes: np.ndarray
    programs: np.ndarray
    is_decoy: np.ndarray
    gene: np.ndarray
    program: np.ndarray
    weight: np.ndarray
    table: Mapping[str, np.ndarray] | None = None
    added: np.ndarray | None = None

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.genes)

    @property
    def n_programs(self) -> int:
        """Number of programs, decoys included."""
        return len(self.programs)

    @property
    def matrix(self) -> sparse.csr_matrix:
        """Genes x programs."""
        shape = (self.n_genes, self.n_programs)
        return sparse.csr_matrix((self.weight, (self.gene, self.program)), shape=shape)

    @property
    def added_matrix(self) -> sparse.csr_matrix:
        """Genes x programs: 1 for members that were added to the gene sets."""
        added = np.zeros(len(self.gene), dtype=bool) if self.added is None else self.added
        entries = (np.ones(int(added.sum()), dtype=np.float32), (self.gene[added], self.program[added]))
        return sparse.csr_matrix(entries, shape=(self.n_genes, self.n_programs))

    @property
    def digest(self) -> str:
        """Short hash of names and edges, which is equal for equal priors."""
        names = ["\n".join(map(str, part)).encode() for part in (self.genes, self.programs)]
        edges = [part.tobytes() for part in (self.gene, self.program, self.weight)]
        return hashlib.sha256(b"|".join([*names, *edges])).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return plain arrays, as they are stored in a saved model."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return arrays if self.added is not None else {name: arrays[name] for name in arrays if name != "added"}

    def with_added(self, added: sparse.spmatrix) -> Prior:
        """Return the same prior that knows which members were added, genes x programs."""
        is_added = np.asarray(sparse.csr_matrix(added)[self.gene, self.program]).ravel() != 0
        return replace(self, added=is_added if is_added.any() else None)

    def with_edges(self, gene: np.ndarray, program: np.ndarray, weight: np.ndarray) -> Prior:
        """Return the prior with further edges, marked as added.

        Raises
        ------
        ValueError
            If one of the edges is there already.
        """
        new = sparse.csr_matrix((weight, (gene, program)), shape=self.matrix.shape)
        if new.nnz < len(weight) or new.multiply(self.matrix).nnz:
            msg = "Some of the edges to add are in the prior already, or are given twice."
            raise ValueError(msg)
        longer = make_prior(self.matrix + new, self.genes.tolist(), self.programs.tolist(), self.is_decoy)
        return replace(longer, table=self.table).with_added(self.added_matrix + new)

    def on_genes(self, genes: np.ndarray) -> Prior:
        """Return the prior on some of the genes, given by their positions in ascending order.

        Programs without any of these genes are kept, without edges.
        """
        place = np.full(self.n_genes, -1)
        place[genes] = np.arange(len(genes))
        kept = place[self.gene] >= 0
        return replace(
            self,
            genes=self.genes[genes],
            gene=place[self.gene[kept]],
            program=self.program[kept],
            weight=self.weight[kept],
            added=None if self.added is None else self.added[kept],
        )

    def with_table(self, table: pd.DataFrame) -> Prior:
        """Return the same prior with a table that describes each program in one row."""
        return replace(self, table={str(name): _plain(column) for name, column in table.items()})


def as_prior(prior: Prior | pd.DataFrame | Mapping[str, Any]) -> Prior:
    """Convert a genes x programs DataFrame, or the arrays of a saved model, into a :class:`Prior`."""
    if isinstance(prior, Prior):
        return prior
    if isinstance(prior, pd.DataFrame):
        values = prior.to_numpy(dtype=np.float32)
        sizes = (values != 0).sum(axis=0)
        signed = (values < 0).any(axis=0)
        # the genes of the matrix must be those of the data
        about = {"n_genes": sizes, "n_present": sizes, "coverage": 1.0, "missing": "", "signed": signed}
        made = make_prior(sparse.csc_matrix(values), prior.index, prior.columns)
        return made.with_table(pd.DataFrame(about))
    arrays = {field.name for field in fields(Prior)} - {"table", "added"}
    if isinstance(prior, Mapping) and arrays <= set(prior):
        return Prior(
            **{name: np.asarray(prior[name]) for name in arrays}, table=prior.get("table"), added=prior.get("added")
        )
    msg = f"prior is a {type(prior).__name__}; give a DataFrame of genes x programs (0 = not a member)."
    raise TypeError(msg)


def _plain(column: pd.Series) -> np.ndarray:
    """Return numbers unchanged, and anything else as fixed-width text."""
    is_plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"
    return column.to_numpy() if is_plain else np.array([str(value) for value in column], dtype=str)


def make_prior(
    matrix: sparse.spmatrix,
    genes: Sequence[str],
    programs: Sequence[str],
    is_decoy: np.ndarray | None = None,
) -> Prior:
    """Build a :class:`Prior` from a genes x programs matrix.

    Raises
    ------
    ValueError
        If names and matrix disagree, weights are not finite, a program has no genes, or all are decoys.
    """
    columns = sparse.csc_matrix(matrix)
    columns.eliminate_zeros()
    columns.sort_indices()
    if columns.shape != (len(genes), len(programs)):
        msg = (
            f"The prior has shape {columns.shape}, but there are {len(genes)} genes and {len(programs)} program names."
        )
        raise ValueError(msg)
    repeated = pd.Index([str(name) for name in programs])
    repeated = repeated[repeated.duplicated()].unique()
    if len(repeated):
        msg = f"Program name(s) occur more than once: {', '.join(repeated[:5])}. Give each program a unique name."
        raise ValueError(msg)
    if not np.isfinite(columns.data).all():
        msg = "The prior holds weights that are not finite numbers; give 0 for genes that are not members."
        raise ValueError(msg)
    decoy = np.zeros(len(programs), dtype=bool) if is_decoy is None else np.asarray(is_decoy, dtype=bool)
    sizes = np.diff(columns.indptr)
    if not len(sizes) or (sizes == 0).any():
        empty = [str(name) for name, size in zip(programs, sizes, strict=True) if size == 0]
        msg = f"Program(s) without genes: {', '.join(empty[:5]) or 'there are no programs at all'}. Leave them out."
        raise ValueError(msg)
    if decoy.all():
        msg = "All programs of the prior are decoys; add real programs with crystallin.pp.add_programs."
        raise ValueError(msg)
    return Prior(
        # convert name by name, because zarr returns numpy's variable-width strings, which do not convert as a whole
        genes=np.array([str(name) for name in genes]),
        programs=np.array([str(name) for name in programs]),
        is_decoy=decoy,
        gene=columns.indices.astype(np.int64),
        program=np.repeat(np.arange(len(sizes)), sizes).astype(np.int64),
        weight=columns.data.astype(np.float32),
    )
