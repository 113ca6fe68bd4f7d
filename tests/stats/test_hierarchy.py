import numpy as np
import pytest

from crystallin.stats import NONE, best_within, choose, mean_along_path

# T > (CD4 > (naive, memory), CD8), B
T, CD4, NAIVE, MEMORY, CD8, B = range(6)
PARENT = np.array([NONE, T, CD4, CD4, T, NONE])


def chosen(*, supported=None, min_score=1.0, min_margin=0.5, **score):
    values = np.array([[score.get(name, 0.0) for name in ("T", "CD4", "NAIVE", "MEMORY", "CD8", "B")]])
    supported = np.ones_like(values, dtype=bool) if supported is None else np.array([supported])
    return choose(values, supported, PARENT, min_score=min_score, min_margin=min_margin)


def test_goes_down_while_a_label_beats_its_siblings():
    found = chosen(T=2.0, CD4=2.0, NAIVE=1.8, MEMORY=1.0, CD8=1.0)
    assert (found.label[0], found.score[0]) == (NAIVE, 1.8)
    assert (found.second[0], found.second_score[0]) == (MEMORY, 1.0)


def test_stops_where_siblings_are_close():
    found = chosen(T=2.0, CD4=2.0, NAIVE=1.8, MEMORY=1.6, CD8=1.0)
    assert found.label[0] == CD4
    # the score of a label is the best of itself and the finer ones, its second neither coarser nor finer
    assert (found.score[0], found.second[0]) == (2.0, CD8)


def test_finer_labels_speak_for_coarser_ones():
    found = chosen(T=0.1, CD4=0.2, MEMORY=2.0, B=1.5)
    assert found.label[0] == MEMORY


def test_nothing_below_the_score():
    found = chosen(T=0.9, B=0.4)
    assert found.label[0] == NONE and found.best[0] == T and found.second[0] == B


def test_without_support_a_label_is_not_given_but_holds_its_sibling_back():
    without = [True, True, True, False, True, True]
    assert chosen(T=2.0, CD4=2.0, NAIVE=1.8, MEMORY=1.6, supported=without).label[0] == CD4
    # and gives no evidence for coarser ones
    assert chosen(T=0.5, MEMORY=3.0, B=1.2, supported=without).label[0] == B


def test_rows_are_independent():
    rng = np.random.default_rng(0)
    score, supported = rng.normal(1, 1, (40, 6)), rng.random((40, 6)) < 0.7
    whole = choose(score, supported, PARENT, min_score=1, min_margin=0.3)
    for i in range(40):
        one = choose(score[[i]], supported[[i]], PARENT, min_score=1, min_margin=0.3)
        assert one.label[0] == whole.label[i] and one.second[0] == whole.second[i]


def test_along_and_within():
    values = np.arange(6.0)[None]
    assert mean_along_path(values, PARENT)[0].tolist() == [0, 0.5, 1, 4 / 3, 2, 5]
    assert best_within(values, PARENT)[0].tolist() == [4, 3, 2, 3, 4, 5]


def test_only_one_label_has_no_second():
    found = choose(np.array([[2.0]]), np.array([[True]]), np.array([NONE]), min_score=1, min_margin=0)
    assert (found.label[0], found.second[0], found.second_score[0]) == (0, NONE, 0)


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match="has a cycle"):
        best_within(np.zeros((1, 2)), np.array([1, 0]))
