"""The decision on a difference."""

import numpy as np
import pytest

from crystallin.stats import calls

SMALL = {"effect": [1.0, -1.0], "q": [0.01, 0.05], "decoy_q": [0.01, 0.02], "conditional_q": [0.01, 0.02]}


def decide(**changes):
    call, reason = calls({name: np.asarray(values) for name, values in (SMALL | changes).items()})
    return call.tolist(), reason.tolist()


def test_all_tests_agree():
    assert decide() == (["up", "down"], ["", ""])
    assert decide(share_of_fits=[0.8, 1]) == (["up", "down"], ["", ""])


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("q", np.nan, "not tested"),
        ("q", 0.051, "q > 0.05"),
        ("decoy_q", 0.051, "random sets differ as much"),
        ("conditional_q", 0.051, "explained by better known programs"),
        ("share_of_fits", 0.79, "not found by other fits"),
    ],
)
def test_each_test_can_fail(name, value, reason):
    good = SMALL | {"share_of_fits": [1, 1]}
    assert decide(**good | {name: [good[name][0], value]}) == (["up", ""], ["", reason])


def test_the_first_reason_is_given():
    changes = {"q": [np.nan, 0.5], "decoy_q": [np.nan, 0.5], "conditional_q": [0.5, 0.5]}
    assert decide(**changes)[1] == ["not tested", "q > 0.05"]


def test_tests_that_were_not_made():
    assert decide(decoy_q=[np.nan, np.nan]) == (["up", "down"], ["", ""])
    # of one program it was made
    assert decide(decoy_q=[0.01, np.nan])[0] == ["up", ""]
    totals = {f"total_{name}": np.array(SMALL[name]) for name in ("effect", "q")}
    assert calls(totals, "total_")[0].tolist() == ["up", "down"]
