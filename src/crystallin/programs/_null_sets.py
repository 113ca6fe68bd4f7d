"""Random collections of sets that look like a given one: the null distribution of what sets do."""

from __future__ import annotations

import numpy as np
from scipy import sparse

# classes of expression; degrees are put into classes by powers of two
N_EXPRESSION_CLASSES = 20
MAX_DEGREE_CLASS = 6
# attempts to take a gene that came into a set twice to another place
N_REPAIRS = 100


def expression_classes(expression: np.ndarray, n_classes: int = N_EXPRESSION_CLASSES) -> np.ndarray:
    """Class of each gene, as many genes in each, by rank of expression."""
    rank = np.empty(len(expression), dtype=int)
    rank[np.argsort(expression, kind="stable")] = np.arange(len(expression))
    return rank * n_classes // max(len(expression), 1)


def strata_of(sets: sparse.csr_matrix, expression: np.ndarray) -> np.ndarray:
    """Genes that can stand for each other: of the same class of expression, and in about as many sets.

    The number of sets a gene is in says how much it was studied, and well studied genes are unlike others.
    """
    degree = np.bincount(sets.indices, minlength=sets.shape[1])
    of_degree = np.minimum(np.ceil(np.log2(degree + 1)).astype(int), MAX_DEGREE_CLASS)
    return expression_classes(expression) * (MAX_DEGREE_CLASS + 1) + of_degree


def exchanged(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each gene a random one of its stratum in its place, no gene twice: sets keep their sizes and overlaps."""
    place = np.empty(len(strata), dtype=int)
    place[np.argsort(strata, kind="stable")] = np.lexsort((rng.random(len(strata)), strata))
    return place


def rewired(sets: sparse.csr_matrix, classes: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    """A random collection in which each gene is in as many sets, and each set has as many genes of each class.

    Memberships of a class are dealt anew (configuration model), and genes that came into a set twice change places with
    random others. The few that still cannot be placed after many attempts are left out. A member takes its sign along
    the set, not along the gene.

    Parameters
    ----------
    sets
        Sets x genes.
    classes
        Class of each gene, of expression for example.
    rng
        Random generator.
    """
    n_sets, n_genes = sets.shape
    row = np.repeat(np.arange(n_sets), np.diff(sets.indptr))
    of_edge = classes[sets.indices]
    by_class = np.argsort(of_edge, kind="stable")
    gene = np.empty_like(sets.indices)
    gene[by_class] = sets.indices[np.lexsort((rng.random(len(gene)), of_edge))]
    ordered = of_edge[by_class]
    for _ in range(N_REPAIRS):
        repeated = np.flatnonzero(_repeats(row, gene, n_genes))
        if not len(repeated):
            break
        first = np.searchsorted(ordered, of_edge[repeated])
        last = np.searchsorted(ordered, of_edge[repeated], side="right")
        partner = by_class[(first + rng.random(len(repeated)) * (last - first)).astype(int)]
        # each edge takes part in one exchange
        partner, which = np.unique(partner, return_index=True)
        repeated = repeated[which]
        apart = ~np.isin(partner, repeated)
        partner, repeated = partner[apart], repeated[apart]
        gene[repeated], gene[partner] = gene[partner].copy(), gene[repeated].copy()
    kept = ~_repeats(row, gene, n_genes)
    return sparse.csr_matrix((sets.data[kept], (row[kept], gene[kept])), shape=sets.shape)


class DegreePool:
    """Random sets as in a rewired collection, one set at a time.

    A set of :func:`rewired` holds, for each class, genes drawn in proportion to the number of sets they are in. To test
    one set it takes no more than to draw these, whatever becomes of the others.

    Parameters
    ----------
    sets
        The whole collection, sets x genes.
    classes
        Class of each gene.
    """

    def __init__(self, sets: sparse.csr_matrix, classes: np.ndarray) -> None:
        self.sets, self.classes = sets, classes
        of_edge = classes[sets.indices]
        order = np.argsort(of_edge, kind="stable")
        self._genes = sets.indices[order]
        every = np.arange(classes.max(initial=0) + 1)
        self._first = np.searchsorted(of_edge[order], every)
        self._number = np.searchsorted(of_edge[order], every, side="right") - self._first

    def draw(self, positions: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
        """Random sets in the place of those at these positions; a gene is in a set once."""
        some = self.sets[positions]
        n_genes = some.shape[1]
        row = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
        of_edge = self.classes[some.indices]
        gene = np.empty_like(some.indices)
        open_ = np.arange(len(gene))
        for _ in range(N_REPAIRS):
            here = of_edge[open_]
            gene[open_] = self._genes[self._first[here] + (rng.random(len(open_)) * self._number[here]).astype(int)]
            open_ = np.flatnonzero(_repeats(row, gene, n_genes))
            if not len(open_):
                break
        kept = ~_repeats(row, gene, n_genes)
        return sparse.csr_matrix((some.data[kept], (row[kept], gene[kept])), shape=some.shape)


def _repeats(row: np.ndarray, gene: np.ndarray, n_genes: int) -> np.ndarray:
    """Which edges are there a second time."""
    edge = row.astype(np.int64) * n_genes + gene
    order = np.argsort(edge, kind="stable")
    repeats = np.zeros(len(edge), dtype=bool)
    repeats[order[1:]] = edge[order[1:]] == edge[order[:-1]]
    return repeats
