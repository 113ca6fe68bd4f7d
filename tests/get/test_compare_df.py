"""Filters of the table of contrasts; those in common with the ranking are tested with it."""

from functools import partial

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

read = partial(cr.get.compare_df, columns="all")
CONTRASTS = ("condition: stim - ctrl", "arm: drug - placebo, time: t1 - t0")


@pytest.fixture
def compared():
    rng = np.random.default_rng(0)
    n = 40
    effect, other = rng.normal(0, 1, n), rng.normal(0, 1, n)
    table = pd.DataFrame(
        {
            "stratum": np.repeat(["B", "T"], n // 2),
            "contrast": np.tile(np.repeat(CONTRASTS, n // 4), 2),
            "program": [f"Program/{i % 10}" for i in range(n)],
            "effect": effect,
            "effect_sd": effect / 2,
            "q": rng.random(n),
            "decoy_q": rng.random(n),
            "lead": rng.random(n) < 0.5,
            "call": np.resize(["up", "", "down"], n),
            "not_called": np.resize(["", "not tested", ""], n),
            "total_call": "",
            "total_not_called": "not tested",
            "total_effect": other,
            "total_effect_sd": other / 2,
            "total_se": 0.5,
            "total_q": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "total_decoy_q": rng.random(n),
        }
    )
    params = {"tool": "compare", "design": "~ arm * time", "sample_key": "donor", "key": "programs"}
    return ad.AnnData(np.zeros((2, 2)), uns={"compare": {"params": params, "table": table}})


def test_contrasts_are_chosen_and_filtered(compared):
    table = compared.uns["compare"]["table"]
    pd.testing.assert_frame_equal(read(compared), table)
    part = read(compared, CONTRASTS[1], stratum="T", q_max=0.5, direction="up")
    keep = (table["contrast"] == CONTRASTS[1]) & (table["stratum"] == "T") & (table["q"] <= 0.5) & (table["effect"] > 0)
    pd.testing.assert_frame_equal(part, table[keep].reset_index(drop=True))
    part = read(compared, decoy_q_max=0.5, effect_min=0.2, families="lead")
    keep = (table["decoy_q"] <= 0.5) & (table["effect_sd"].abs() >= 0.2) & table["lead"]
    pd.testing.assert_frame_equal(part, table[keep].reset_index(drop=True))


def test_called(compared):
    table = compared.uns["compare"]["table"]
    found = read(compared, CONTRASTS[0], called=True, direction="up")
    keep = (table["contrast"] == CONTRASTS[0]) & (table["call"] != "") & (table["effect"] > 0)
    pd.testing.assert_frame_equal(found, table[keep].reset_index(drop=True))
    assert read(compared, kind="total", called=True).empty


def test_totals_are_sorted_within_each_contrast(compared):
    table = read(compared, kind="total")
    for _, part in table.groupby(["stratum", "contrast"], sort=False):
        tested = part["total_q"].notna()
        assert len(part) == 10 and not tested[~tested.cummin()].any()
        assert (np.diff(part.loc[tested, "total_effect"].abs()) <= 0).all()


def test_bad_input(compared):
    with pytest.raises(ValueError, match="contrast='stim' is not one of .*condition: stim - ctrl"):
        read(compared, "stim")
    with pytest.raises(KeyError, match="no differences between groups under 'compare'.*get.compare_df"):
        cr.get.rank_programs_groups_df(compared, key="compare", columns="all")
    with pytest.raises(KeyError, match="no contrasts of samples under 'mine'.*There is one under 'compare'"):
        read(compared, key="mine")
