"""What is said of programs that are not awake."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from crystallin import stats
from crystallin.pp._awake import Screened, nearest, screen, verdict

NAN = np.nan


def question(p, share):
    p, share = np.array(p), np.array(share)
    return Screened(np.full(len(p), 0.1), p, p, p, p, share)


def test_programs_that_cannot_be_tested_do_not_count():
    questions = [question([0.01, NAN, 0.4, NAN, NAN], [0.1, 0.9, 0.6, 0, 1])]
    found = verdict(questions, np.array([10, 12, 9, 2, 8]), np.array([12, 12, 12, 14, 9]), n_null=1_000, fdr=0.05)
    # two tests, not five
    np.testing.assert_allclose(found["q_awake"], [0.02, NAN, 0.4, NAN, NAN])
    assert found["awake"].tolist() == [True, False, False, False, False]
    matched = "not testable: random sets matched in expression and number of sets contain"
    assert found["asleep"].tolist() == [
        "",
        f"{matched} all but 1.2 of its 12 expressed genes",
        "its genes move together no more than those of random sets, which contain 60 % of its genes (q = 0.4)",
        "not testable: 2 of its 14 genes are expressed enough and vary",
        f"{matched} all of its genes",
    ]


def test_a_question_that_cannot_be_put_is_left_out():
    questions = [question([0.01, 0.01], [0, 0]), question([NAN, 0.3], [0.99, 0])]
    found = verdict(questions, np.array([9, 9]), np.array([9, 9]), n_null=1_000, fdr=0.05)
    np.testing.assert_allclose(found["q_awake"], stats.benjamini_hochberg(np.array([0.01, 0.02])))


def test_random_sets_that_are_too_few():
    p = [1 / 101, *[0.5] * 39]
    found = verdict([question(p, [0] * 40)], np.full(40, 9), np.full(40, 9), n_null=100, fdr=0.05)
    assert found["asleep"][0] == (
        "its genes move together more than those of all 100 random sets, but these are too few for 40 programs, "
        "set n_null=800 (q = 0.4)"
    )
    again = verdict([question([1 / 801, *p[1:]], [0] * 40)], np.full(40, 9), np.full(40, 9), n_null=800, fdr=0.05)
    assert again["awake"][0]
    # where there are more of these, fewer random sets tell them
    found = verdict([question([1 / 101] * 4 + p[4:], [0] * 40)], np.full(40, 9), np.full(40, 9), n_null=100, fdr=0.05)
    assert not found["awake"].any() and found["asleep"].str.contains("set n_null=400 ").sum() == 4


def test_the_nearest_are_named():
    found = pd.DataFrame(
        {"q_awake": [NAN, 0.4, 0.06, 0.3, 0.2], "asleep": [f"why {i}" for i in range(5)]}, list("abcde")
    )
    assert nearest(found) == "Nearest: 'c' (q = 0.06), 'e' (q = 0.2), 'd' (q = 0.3). 'c': why 2."
    assert nearest(found[:1]) == "None could be tested. 'a': why 0."


@pytest.mark.parametrize(("n_alike", "is_tested"), [(10, False), (12, False), (13, True), (20, True)])
def test_random_sets_must_replace_two_genes(n_alike, is_tested):
    """Ten genes that move together, of as many or a few more that are like them: in as many sets of the same class."""
    rng = np.random.default_rng(0)
    n_genes = 200
    vectors = rng.normal(size=(n_genes, 300))
    vectors[:10] += rng.normal(size=300)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expression = np.where(np.arange(n_genes) < n_alike, 10, 1) + np.linspace(0, 0.1, n_genes)
    # the genes like them are in twenty sets each, and so are these
    rows = [np.arange(10), *(np.arange(n_alike) for _ in range(19))]
    if n_alike > 10:
        rows.append(np.arange(10, n_alike))
    rows += [rng.choice(np.arange(n_alike, n_genes), 12, replace=False) for _ in range(20)]
    indptr = np.cumsum([0, *map(len, rows)])
    sets = sparse.csr_matrix((np.ones(indptr[-1]), np.concatenate(rows), indptr), shape=(len(rows), n_genes))
    found = screen(sets, vectors.astype(np.float32), expression, n_null=400, rng=rng)
    assert found.share[0] == pytest.approx(10 / n_alike, abs=0.03)
    assert np.isfinite(found.p[0]) == np.isfinite(found.z[0]) == is_tested
    # its coherence is told all the same
    assert found.coherence[0] > 0.3 and found.carriers[0] > 9
    # of thirteen genes ten can be chosen in 286 ways
    assert not is_tested or found.p[0] < 0.02
    # a set that random sets contain wholly
    assert found.share[1] == pytest.approx(1, abs=0.01) and np.isnan(found.p[1])
