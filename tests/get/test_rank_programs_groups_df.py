"""Filters of the table of differences, against the same filters by hand."""

from functools import partial

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crystallin as cr

read = partial(cr.get.rank_programs_groups_df, columns="all")


def table_of(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    effect = rng.normal(0, 1, n)
    return pd.DataFrame(
        {
            "stratum": np.resize(["B", "T", "NK"], n),
            "group": np.resize(["ctrl", "stim"], n),
            "reference": "rest",
            "program": [f"Program/{i % 10}" for i in range(n)],
            "effect": effect,
            "effect_sd": effect / rng.uniform(0.5, 2, n),
            "q": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "decoy_q": rng.random(n),
            "lead": rng.random(n) < 0.5,
            "call": rng.choice(["up", "down", ""], n),
            "not_called": "",
        },
        # as it is after sorting
        index=rng.permutation(n),
    )


def data(table: pd.DataFrame) -> ad.AnnData:
    return ad.AnnData(np.zeros((2, 2)), uns={"rank_programs_groups": {"params": {}, "table": table}})


TABLE = table_of()
# argument by argument, the rows that it keeps
FILTERS = {
    "group": (
        st.sampled_from(["ctrl", "stim", ["stim"], ["stim", "ctrl"]]),
        lambda t, v: t["group"].isin(np.atleast_1d(v)),
    ),
    "stratum": (st.sampled_from(["B", ["T", "NK"]]), lambda t, v: t["stratum"].isin(np.atleast_1d(v))),
    "called": (st.booleans(), lambda t, v: (t["call"] != "") | (not v)),
    "q_max": (st.floats(0, 1), lambda t, v: t["q"] <= v),
    "decoy_q_max": (st.floats(0, 1), lambda t, v: t["decoy_q"] <= v),
    "effect_min": (st.floats(0, 3), lambda t, v: t["effect_sd"].abs() >= v),
    "direction": (st.sampled_from(["up", "down"]), lambda t, v: (t["effect"] > 0) == (v == "up")),
    "families": (st.sampled_from(["all", "lead"]), lambda t, v: t["lead"] | (v == "all")),
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional={name: values for name, (values, _) in FILTERS.items()}))
def test_filters_keep_what_all_of_them_keep(options):
    keep = np.ones(len(TABLE), dtype=bool)
    for name, value in options.items():
        keep &= FILTERS[name][1](TABLE, value).to_numpy()
    found = read(data(TABLE), **options)
    pd.testing.assert_frame_equal(found, TABLE[keep].reset_index(drop=True))


def both(table: pd.DataFrame) -> pd.DataFrame:
    """With totals that are the activities in another order."""
    other = table.sample(frac=1, random_state=1)
    names = ("effect", "effect_sd", "q", "decoy_q", "call", "not_called")
    return table.assign(**{f"total_{name}": other[name].to_numpy() for name in names}, total_se=0.5)


@given(st.fixed_dictionaries({}, optional={name: values for name, (values, _) in FILTERS.items()}))
def test_filters_of_totals(options):
    table = both(TABLE)
    swapped = table.drop(columns=["effect", "effect_sd", "q", "decoy_q", "call", "not_called"])
    swapped = swapped.rename(columns=lambda name: name.removeprefix("total_"))
    keep = np.ones(len(table), dtype=bool)
    for name, value in options.items():
        keep &= FILTERS[name][1](swapped, value).to_numpy()
    found = read(data(table), kind="total", **options)
    assert len(found) == keep.sum() and set(found["total_effect"]) == set(table.loc[keep, "total_effect"])
    for _, part in found.groupby(["stratum", "group"], sort=False):
        tested = part["total_q"].notna()
        assert not (~tested).any() or not tested[~tested.cummin()].any()
        assert (np.diff(part.loc[tested, "total_effect"].abs()) <= 0).all()
    # comparisons stay in their order
    first = found.drop_duplicates(["stratum", "group"])[["stratum", "group"]].to_numpy().tolist()
    order = table.drop_duplicates(["stratum", "group"])[["stratum", "group"]].to_numpy().tolist()
    assert first == [pair for pair in order if pair in first]


def test_totals_of_earlier_results_are_missing():
    with pytest.raises(ValueError, match="computed by an earlier version.*rank_programs_groups again"):
        read(data(TABLE), kind="total")
    with pytest.raises(ValueError, match="kind='sum' is not one of 'unique', 'total'"):
        read(data(TABLE), kind="sum")


def test_results_of_earlier_versions_are_decided_when_they_are_read():
    old = both(TABLE).drop(columns=["call", "not_called", "total_call", "total_not_called"])
    found = read(data(old), group="ctrl")
    expected = (found["q"] <= 0.05) & (found["decoy_q"] <= 0.05)
    np.testing.assert_array_equal(found["call"] != "", expected)
    np.testing.assert_array_equal(found["not_called"] == "not tested", found["q"].isna())
    assert set(found["total_call"]) <= {"up", "down", ""}
    assert len(read(data(old), called=True)) == len(read(data(old), q_max=0.05, decoy_q_max=0.05))


def test_what_is_returned_is_new():
    adata = data(TABLE.copy())
    found = read(adata)
    found["effect"] = 0
    found.loc[0, "group"] = "mine"
    pd.testing.assert_frame_equal(adata.uns["rank_programs_groups"]["table"], TABLE)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"group": "control"}, "group='control' is not one of .*ctrl"),
        ({"stratum": ["B", "X"]}, "stratum='X' is not one of"),
        ({"q_max": -0.1}, "q_max=-0.1"),
        ({"q_max": 1.5}, "q_max=1.5"),
        ({"decoy_q_max": 2}, "decoy_q_max=2"),
        ({"effect_min": -1}, "effect_min=-1"),
        ({"called": "yes"}, "called='yes'"),
        ({"direction": "both"}, "direction='both' is not one of 'up', 'down'"),
        ({"families": "first"}, "families='first' is not one of 'all', 'lead'"),
    ],
)
def test_bad_input(options, match):
    with pytest.raises(ValueError, match=match):
        read(data(TABLE), **options)


def test_without_decoys_nothing_can_be_filtered_by_them():
    adata = data(TABLE.assign(decoy_q=np.nan))
    assert len(read(adata)) == len(TABLE)
    with pytest.raises(ValueError, match=r"decoy_q_max needs decoys.*n_decoys=…\)\) and train again"):
        read(adata, decoy_q_max=0.1)
