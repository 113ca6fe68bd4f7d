import numpy as np

from crystallin.programs import dealt_evenly, matched_genes


def test_matched_genes_are_near_and_outside():
    rng = np.random.default_rng(0)
    by_abundance = rng.permutation(2_000)
    rank = np.argsort(by_abundance)
    members = rng.choice(2_000, 100, replace=False)
    drawn = matched_genes(members, by_abundance, rng.choice)
    assert len(set(drawn)) == 100 and not set(drawn) & set(members)
    # the window is 2.5 % of the genes
    assert np.abs(rank[drawn] - rank[members]).max() <= 50


def test_the_window_grows_where_it_has_no_free_gene():
    by_abundance = np.arange(200)
    drawn = matched_genes(np.arange(100), by_abundance, lambda candidates: candidates[0])
    assert sorted(drawn) == list(range(100, 200))


def test_dealt_evenly():
    rng = np.random.default_rng(0)
    counts = np.bincount(dealt_evenly(23, 10, rng), minlength=10)
    assert counts.sum() == 23 and set(counts) == {2, 3}
    assert len(dealt_evenly(0, 10, rng)) == 0
