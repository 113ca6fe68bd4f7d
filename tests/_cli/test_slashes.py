"""Keys that hold a slash are given names that can be written."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin._cli._slashes import _new_names, without_slashes


@given(st.lists(st.text(alphabet="a/_", min_size=1, max_size=5), unique=True, max_size=12))
def test_new_names_are_free_and_distinct(keys):
    names = _new_names(keys)
    assert set(names) == {key for key in keys if "/" in key}
    assert not any("/" in new for new in names.values())
    # nothing is overwritten, neither an old key nor another new one
    after = [names.get(key, key) for key in keys]
    assert len(set(after)) == len(keys)
    for old, new in names.items():
        assert new.rstrip("_").startswith(old.replace("/", "_").rstrip("_"))


def test_keys_that_are_no_text_are_left_alone():
    assert _new_names([1, ("a/b",), None, "a/b"]) == {"a/b": "a_b"}


def test_nothing_to_rename(planted, changes, caplog):
    since = changes(planted.adata)
    renamed = without_slashes(planted.adata)
    assert not any(renamed.values()) and not since() and not caplog.records


def test_columns_keep_their_order_and_values(caplog):
    obs = pd.DataFrame({"a/b": [1, 2], "a_b": [3, 4], "c": [5, 6]}, index=["x", "y"])
    adata = ad.AnnData(np.zeros((2, 1)), obs=obs)
    renamed = without_slashes(adata)
    assert renamed["obs"] == {"a/b": "a_b_"}
    assert adata.obs.columns.tolist() == ["a_b_", "a_b", "c"]
    assert adata.obs.to_numpy().tolist() == obs.to_numpy().tolist()
    assert "Renamed 'a/b' of obs to 'a_b_': a slash in a key cannot be written." in caplog.text


@pytest.mark.parametrize("depth", [1, 3])
def test_dictionaries_within_uns(depth):
    value = {"p/q": 1}
    for _ in range(depth):
        value = {"in/side": value}
    adata = ad.AnnData(np.zeros((2, 1)))
    adata.uns["whole"] = value
    without_slashes(adata)
    found = adata.uns["whole"]
    for _ in range(depth):
        found = found["in_side"]
    assert dict(found) == {"p_q": 1}
