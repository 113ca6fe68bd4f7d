"""Random collections of sets that look like a given one: the null distribution of what sets do."""

from __future__ import annotations

import numpy as np
from scipy import sparse

# classes of expression, fewer where they would have fewer genes; degrees are put into classes by powers of two
N_EXPRESSION_CLASSES, MIN_GENES_OF_CLASS = 20, 25
MAX_DEGREE_CLASS = 6
# attempts to take a gene that came into a set twice to another place
N_REPAIRS = 100
# of Newton's method, which converges from below
N_STEPS = 100


def expression_classes(expression: np.ndarray, n_classes: int | None = None) -> np.ndarray:
    """Class of each gene by rank of expression, as many genes in each; by default at most 20, of 25 genes or more."""
    if n_classes is None:
        n_classes = int(np.clip(len(expression) // MIN_GENES_OF_CLASS, 1, N_EXPRESSION_CLASSES))
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


def kept_when_exchanged(sets: sparse.csr_matrix, strata: np.ndarray) -> np.ndarray:
    """Mean number of its genes that a set keeps, with their signs, when genes are :func:`exchanged`.

    Of ``n`` genes in a stratum of ``N``, ``n² / N`` are the same on average.
    """
    size = np.bincount(strata)
    of_stratum = sparse.csr_matrix(
        (np.ones(len(strata)), (np.arange(len(strata)), strata)), shape=(len(strata), len(size))
    )
    kept = np.zeros(sets.shape[0])
    for sign in (1, -1):
        squared = (sparse.csr_matrix(sets.sign() == sign) @ of_stratum).power(2)
        kept += squared @ (1 / np.maximum(size, 1))
    return kept


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

    def kept(self) -> np.ndarray:
        """Mean number of its genes that each set keeps, with their signs, in random sets.

        How often a gene is drawn without replacement follows from the time after which it would have come up, if genes
        came up at rates in proportion to the number of sets they are in and the last gene came up at a fixed time
        (Rosén 1972, Ann Math Stat 43:373). The approximation is close, and exact where genes are in as many sets.
        """
        sets = self.sets
        row = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
        of_edge, degree = self.classes[sets.indices], np.bincount(sets.indices, minlength=sets.shape[1])
        kept = np.zeros(sets.shape[0])
        for number in np.unique(of_edge):
            edges = np.flatnonzero(of_edge == number)
            signs = [np.bincount(row[edges][sets.data[edges] * sign > 0], minlength=len(kept)) for sign in (1, -1)]
            size = signs[0] + signs[1]
            degrees, n_genes = np.unique(degree[np.unique(sets.indices[edges])], return_counts=True)
            sizes, of_size = np.unique(size[row[edges]], return_inverse=True)
            drawn = _probability_drawn(degrees, n_genes, sizes)
            drawn = drawn[of_size, np.searchsorted(degrees, degree[sets.indices[edges]])]
            # signs are dealt among the genes of the class
            same = np.where(sets.data[edges] > 0, *(of_sign[row[edges]] for of_sign in signs)) / size[row[edges]]
            kept += np.bincount(row[edges], drawn * same, minlength=len(kept))
        return kept


def _probability_drawn(degrees: np.ndarray, n_genes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sizes x degrees: probability that a gene is among so many that are drawn, in proportion to their degrees.

    Parameters
    ----------
    degrees, n_genes
        Degrees, and how many genes have each.
    sizes
        Numbers of genes that are drawn, at most all.
    """
    time = np.zeros(len(sizes))
    for _ in range(N_STEPS):
        left = np.exp(-np.outer(time, degrees))
        missing = sizes - (1 - left) @ n_genes
        time += missing / np.maximum(left @ (n_genes * degrees), np.finfo(float).tiny)
        if np.abs(missing).max(initial=0) < 1e-6:
            break
    return np.where((sizes == n_genes.sum())[:, None], 1, 1 - np.exp(-np.outer(time, degrees)))


def _repeats(row: np.ndarray, gene: np.ndarray, n_genes: int) -> np.ndarray:
    """Which edges are there a second time."""
    edge = row.astype(np.int64) * n_genes + gene
    order = np.argsort(edge, kind="stable")
    repeats = np.zeros(len(edge), dtype=bool)
    repeats[order[1:]] = edge[order[1:]] == edge[order[:-1]]
    return repeats
