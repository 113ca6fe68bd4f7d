"""Numbers, choices, groups and profiles: what is taken, and what a message says of what is not."""

import math

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin import _checks as checks

GENES = ["g0", "g1", "g2"]


# ------------------------------------------------------------------------------------------------------------ numbers


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_whole_numbers_from_a_minimum_on(value, minimum):
    for given_value in (value, np.int64(value), np.int8(value)):
        if value >= minimum:
            checks.check_int(given_value, "n", minimum)
        else:
            with pytest.raises(ValueError, match=rf"n={value}\b|n=np.int.*must be a whole number of at least"):
                checks.check_int(given_value, "n", minimum)


@pytest.mark.parametrize("value", [1.0, "3", None, True, np.True_, [3], np.float32(2), math.nan])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match="n_genes=.* must be a whole number of at least 1"):
        checks.check_int(value, "n_genes", 1)


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans(), st.booleans())
def test_numbers_between_two_ends(value, include_minimum, include_maximum):
    options = {"include_minimum": include_minimum, "include_maximum": include_maximum}
    low = 0 <= value if include_minimum else 0 < value
    high = value <= 1 if include_maximum else value < 1
    if low and high:
        checks.check_number(value, "q_max", 0, 1, **options)
    else:
        with pytest.raises(ValueError, match="q_max="):
            checks.check_number(value, "q_max", 0, 1, **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((-1, "x", 0), {}, "x=-1 must be a number of at least 0."),
        ((0, "x", 0), {"include_minimum": False}, "x=0 must be a number above 0."),
        ((2, "x", 0, 1), {}, "x=2 must be a number of at least 0 and at most 1."),
        ((1, "x", 0.5, 1), {"include_maximum": False}, "x=1 must be a number of at least 0.5 and below 1."),
        (("1", "x", 0), {}, "x='1' must be a number of at least 0."),
        ((True, "x", 0), {}, "x=True must be a number of at least 0."),
    ],
)
def test_messages_name_the_ends(arguments, options, message):
    with pytest.raises(ValueError) as error:
        checks.check_number(*arguments, **options)
    assert str(error.value) == message


def test_choices():
    checks.check_choice("up", "direction", ("up", "down"))
    for value in ("UP", None, 1):
        with pytest.raises(ValueError, match=f"direction={value!r} is not one of 'up', 'down'"):
            checks.check_choice(value, "direction", ("up", "down"))


# ------------------------------------------------------------------------------------------------------------- groups


KNOWN = ["B cell", "NK", "T cell", "3"]


def test_all_groups_but_the_reference():
    assert checks.check_groups("all", "rest", KNOWN, "type") == (KNOWN, "rest")
    assert checks.check_groups("all", "NK", KNOWN, "type") == (["B cell", "T cell", "3"], "NK")


def test_groups_are_those_named_each_once_in_their_order():
    assert checks.check_groups(["T cell", "NK", "T cell"], "rest", KNOWN, "type") == (["T cell", "NK"], "rest")
    assert checks.check_groups("NK", "T cell", KNOWN, "type") == (["NK"], "T cell")
    # a label that is a number in the data
    assert checks.check_groups([3], np.str_("NK"), KNOWN, "type") == (["3"], "NK")
    assert checks.check_groups(pd.Index(["NK"]), "rest", KNOWN, "type")[0] == ["NK"]


def test_a_group_called_rest_is_one_like_others():
    assert checks.check_groups("rest", "rest", [*KNOWN, "rest"], "type") == (["rest"], "rest")
    assert "rest" in checks.check_groups("all", "rest", [*KNOWN, "rest"], "type")[0]


@pytest.mark.parametrize(
    ("groups", "reference", "known", "error", "match"),
    [
        ("all", "rest", ["one"], ValueError, "groupby='type' has one group only, 'one'; choose a column"),
        ("all", ["NK", "B cell"], KNOWN, TypeError, "must be one group of 'type', or 'rest'"),
        ("all", "Bcell", KNOWN, ValueError, "reference='Bcell' is neither 'rest' nor .*Did you mean 'B cell'"),
        (None, "rest", KNOWN, ValueError, "groups=None names no group; use groups='all'"),
        ([], "rest", KNOWN, ValueError, "groups is empty; name one or several groups"),
        (["NK", "Tcell"], "rest", KNOWN, ValueError, "groups: 'Tcell' is not a group of 'type'.*Did you mean 'T cell'"),
        (["NK"], "NK", KNOWN, ValueError, "'NK' is both in groups and the reference"),
    ],
)
def test_groups_that_cannot_be_compared(groups, reference, known, error, match):
    with pytest.raises(error, match=match):
        checks.check_groups(groups, reference, known, "type")


def test_one_or_several_of_those_known():
    assert checks.check_among("NK", "group", KNOWN) == ["NK"]
    assert checks.check_among(np.array(["NK", "3"]), "group", KNOWN) == ["NK", "3"]
    with pytest.raises(ValueError, match="group is empty; name one of 'B cell'"):
        checks.check_among([], "group", KNOWN)
    with pytest.raises(ValueError, match="group='nk' is not one of 'B cell', 'NK', 'T cell', '3'"):
        checks.check_among("nk", "group", KNOWN)
    many = [f"c{i}" for i in range(40)]
    with pytest.raises(ValueError, match="'c11' and 28 more"):
        checks.check_among("x", "group", many)


# --------------------------------------------------------------------------------------------------------- covariates


@pytest.fixture
def cells():
    obs = pd.DataFrame(
        {
            "age": [30.0, 40, 50, 60],
            "hole": [1.0, np.nan, 2, 3],
            "endless": [1.0, np.inf, 2, 3],
            "same": "x",
            "sex": ["f", "m", "f", None],
            "site": ["a", "b", "a", "b"],
        },
        index=[f"c{i}" for i in range(4)],
    )
    return ad.AnnData(np.zeros((4, 2)), obs=obs)


def test_covariates_are_a_list_of_columns(cells):
    assert checks.check_covariates(cells, None, {}) == []
    assert checks.check_covariates(cells, "age", {}) == ["age"]
    assert checks.check_covariates(cells, ("age", "site"), {"groupby": "same"}) == ["age", "site"]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("hole", "covariates: 'hole' has missing or infinite values"),
        ("endless", "covariates: 'endless' has missing or infinite values"),
        ("sex", "covariates: 'sex' has missing or infinite values"),
        ("same", r"covariates: 'same' has the same value in all cells \('x'\); leave it out"),
        ("site", "covariates: 'site' is already used as groupby; leave it out of the covariates"),
    ],
)
def test_covariates_that_cannot_be_adjusted_for(cells, name, match):
    with pytest.raises(ValueError, match=match):
        checks.check_covariates(cells, ["age", name], {"groupby": "site"})


# ----------------------------------------------------------------------------------------------------------- profiles


@pytest.mark.parametrize("turned", [False, True])
def test_profiles_are_put_in_the_order_of_the_genes(turned):
    frame = pd.DataFrame([[3.0, 1, 2], [6, 4, 5]], index=["one", "two"], columns=["g2", "g0", "g1"])
    found = checks.check_profiles(frame.T if turned else frame, GENES)
    np.testing.assert_array_equal(found, [[1, 2, 3], [4, 5, 6]])


def test_a_single_profile_is_one_row():
    series = pd.Series({"g2": 3.0, "g1": 2, "g0": 1, "other": 9})
    np.testing.assert_array_equal(checks.check_profiles(series, GENES), [[1, 2, 3]])
    np.testing.assert_array_equal(checks.check_profiles([1, 2, 3], GENES), [[1, 2, 3]])


@pytest.mark.parametrize(
    ("profile", "match"),
    [
        ([1, 2], r"baseline has shape \(2,\); give one value for each of the 3 genes"),
        (np.ones((2, 2, 3)), r"shape \(2, 2, 3\)"),
        ([1, np.nan, 2], "it has 1 missing or infinite values, 0 negative values"),
        ([-1, 2, np.inf], "it has 1 missing or infinite values, 1 negative values"),
        ([[1, 2, 3], [0, 0, 0]], r"1 profile\(s\) of zeros"),
        (pd.Series({"g0": 1.0, "g1": 2}), "lacks 1 of the 3 genes, e.g. 'g2'"),
    ],
)
def test_profiles_that_are_none(profile, match):
    with pytest.raises(ValueError, match=match):
        checks.check_profiles(profile, GENES)
