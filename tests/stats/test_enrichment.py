"""Enrichment of sets among chosen genes."""

import numpy as np
from scipy.stats import fisher_exact

from crystallin import stats


def test_it_is_fishers_exact_test():
    rng = np.random.default_rng(0)
    chosen, sets = rng.random((2, 60)) < 0.3, rng.random((4, 60)) < 0.4
    found = stats.enrichment(chosen, sets)
    for i, some in enumerate(chosen):
        for j, one in enumerate(sets):
            table = [[(some & one).sum(), (some & ~one).sum()], [(~some & one).sum(), (~some & ~one).sum()]]
            assert np.isclose(found[i, j], fisher_exact(table, alternative="greater").pvalue)
