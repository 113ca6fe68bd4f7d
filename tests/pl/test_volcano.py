import numpy as np
import pytest

import crystallin as cr
from crystallin.pl._ranking import special
from crystallin.pl._style import shorten


def test_volcano(ranked):
    ax = cr.pl.volcano(ranked, stratum="B cells", n_labels=3)
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells")
    drawn = np.concatenate([collection.get_offsets() for collection in ax.collections])
    assert len(drawn) == 60
    assert drawn[:, 1].max() <= 10 and (np.sort(drawn[:, 1])[:3] == 0).all()
    labels = [text.get_text() for text in ax.texts]
    chosen = part[special(part, 0.05)]["program"].head(3)
    assert set(labels) == {shorten(name, 36) for name in chosen}
    with pytest.raises(ValueError, match="Choose one with group and stratum"):
        cr.pl.volcano(ranked)
    assert not cr.pl.volcano(ranked, "stim", stratum="B cells", n_labels=0, families="lead").texts


def test_totals(ranked):
    ax = cr.pl.volcano(ranked, stratum="B cells", kind="total", n_labels=0)
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", kind="total")
    drawn = np.concatenate([collection.get_offsets() for collection in ax.collections])
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(part["total_effect"]))
    assert ax.get_xlabel() == "difference of total activity"
