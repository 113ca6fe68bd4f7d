import numpy as np
import pytest
from scipy import sparse

from crystallin.programs import DegreePool, exchanged, expression_classes, kept_when_exchanged, rewired, strata_of

N_SETS, N_GENES = 40, 300


@pytest.fixture
def sets():
    """Some genes are in many sets."""
    rng = np.random.default_rng(0)
    weight = rng.pareto(3, N_GENES) + 0.3
    rows = [rng.choice(N_GENES, rng.integers(5, 25), replace=False, p=weight / weight.sum()) for _ in range(N_SETS)]
    indptr = np.cumsum([0, *map(len, rows)])
    data = rng.choice([-1.0, 1.0], indptr[-1]).astype(np.float32)
    return sparse.csr_matrix((data, np.concatenate(rows), indptr), shape=(N_SETS, N_GENES))


@pytest.fixture
def expression():
    return np.random.default_rng(1).lognormal(size=N_GENES)


def test_classes_are_of_one_size(expression):
    classes = expression_classes(expression, 20)
    assert np.bincount(classes).tolist() == [15] * 20
    assert (np.diff(classes[np.argsort(expression)]) >= 0).all()
    # twenty, but none of fewer than 25 genes
    assert np.bincount(expression_classes(expression)).tolist() == [25] * 12
    assert np.bincount(expression_classes(np.arange(1_000))).tolist() == [50] * 20
    assert expression_classes(np.arange(10)).tolist() == [0] * 10 and expression_classes(np.zeros(0)).tolist() == []


def test_genes_change_places_within_their_stratum(sets, expression):
    strata = strata_of(sets, expression)
    rng = np.random.default_rng(0)
    place = exchanged(strata, rng)
    assert sorted(place) == list(range(N_GENES)) and (strata[place] == strata).all()
    assert (place != np.arange(N_GENES)).mean() > 0.5
    degree = np.bincount(sets.indices, minlength=N_GENES)
    # a gene in one set is not exchanged for one in ten
    assert np.abs(np.log2(degree[place] + 1) - np.log2(degree + 1)).max() <= 1


def test_rewired_sets_keep_all_degrees_and_expression(sets, expression):
    classes = expression_classes(expression)
    random = rewired(sets, classes, np.random.default_rng(0))
    random.sort_indices()
    assert random.nnz == sets.nnz
    degree, random_degree = (np.bincount(matrix.indices, minlength=N_GENES) for matrix in (sets, random))
    np.testing.assert_array_equal(degree, random_degree)
    np.testing.assert_array_equal(np.diff(random.indptr), np.diff(sets.indptr))
    for row in range(N_SETS):
        genes = random.indices[random.indptr[row] : random.indptr[row + 1]]
        assert len(set(genes)) == len(genes)
        had, has = (
            np.bincount(classes[m.indices[m.indptr[row] : m.indptr[row + 1]]], minlength=20) for m in (sets, random)
        )
        np.testing.assert_array_equal(had, has)
    assert (random != sets).nnz > sets.nnz


def test_one_set_is_drawn_as_in_a_rewired_collection(sets, expression):
    """How often a gene is in a set is the same, whether the whole collection is dealt anew or this set alone."""
    classes, rng = expression_classes(expression, 4), np.random.default_rng(0)
    pool = DegreePool(sets, classes)
    row, n = 7, 600
    alone, together = np.zeros(N_GENES), np.zeros(N_GENES)
    for _ in range(n):
        alone[pool.draw(np.array([3, row]), rng)[1].indices] += 1
        together[rewired(sets, classes, rng)[row].indices] += 1
    assert alone.sum() == pytest.approx(together.sum(), rel=0.01)
    se = np.sqrt(np.maximum(alone + together, 4))
    z = (alone - together) / se
    assert np.abs(z).max() < 5 and np.square(z[alone + together > 20]).mean() < 1.6


def test_a_set_that_is_all_of_its_class_cannot_be_drawn_otherwise():
    sets = sparse.csr_matrix(np.eye(1, 10, dtype=np.float32) + np.eye(1, 10, 1, dtype=np.float32))
    pool = DegreePool(sets, np.zeros(10, dtype=int))
    assert sorted(pool.draw(np.array([0]), np.random.default_rng(0)).indices) == [0, 1]


def test_what_random_sets_keep(sets, expression):
    """Exact where genes are exchanged, close where they are drawn by their degrees."""
    rng, n = np.random.default_rng(0), 800
    strata, pool = strata_of(sets, expression), DegreePool(sets, expression_classes(expression))
    signs, every = sets.toarray(), np.arange(N_SETS)
    kept = np.zeros((2, n, N_SETS))
    for i in range(n):
        place = exchanged(strata, rng)
        moved = sparse.csr_matrix((sets.data, place[sets.indices], sets.indptr), shape=sets.shape)
        kept[:, i] = [(random.toarray() * signs > 0).sum(1) for random in (moved, pool.draw(every, rng))]
    mean, se = kept.mean(1), np.maximum(kept.std(1), 0.1) / np.sqrt(n)
    assert np.abs((mean[0] - kept_when_exchanged(sets, strata)) / se[0]).max() < 4.5
    np.testing.assert_allclose(pool.kept(), mean[1], atol=0.15)
    assert (pool.kept() <= np.diff(sets.indptr)).all()


def test_a_set_that_fills_its_class_is_kept():
    signs = np.array([[1, 1, 1, -1, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
    sets = sparse.csr_matrix(signs)
    classes = np.array([0, 0, 0, 0, 1, 1])
    # of four genes the wrong one is negative in three of four cases
    expected = [0.25 * 4 + 0.75 * 2, 2, 0]
    np.testing.assert_allclose(kept_when_exchanged(sets, classes), expected)
    np.testing.assert_allclose(DegreePool(sets, classes).kept(), expected)
    none = sets[:, :0]
    np.testing.assert_allclose(DegreePool(none, classes[:0]).kept(), 0)
    np.testing.assert_allclose(kept_when_exchanged(none, classes[:0]), 0)
