"""Means of samples, against means by hand and against what rank_programs_groups compares."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

read = cr.get.pseudobulk


@pytest.fixture
def cells(result):
    """Six donors with sixty cells of two visits each, with a sex of their own."""
    rng = np.random.default_rng(3)
    result = result[:360].copy()
    donor = np.arange(360) % 6
    result.obs["donor"] = pd.Categorical(
        [f"d{i}" for i in donor], categories=["d5", "d4", "d3", "d2", "d1", "d0", "d9"]
    )
    result.obs["sex"] = np.where(donor % 2, "f", "m")
    result.obs["visit"] = rng.choice(["before", "after"], 360)
    return result


def test_means_and_layers_are_those_of_the_cells(cells):
    pb = read(cells, "donor", groupby=["visit", "cell_type"])
    assert list(pb.var_names) == [f"Program/{i}" for i in range(8)] and set(pb.layers) == {
        "se",
        "stored",
        "reliability",
    }
    activity, sd = cr.get.activity_df(cells), cr.get.activity(cells).to_df("sd")
    columns = [cells.obs[name].astype(str) for name in ("donor", "visit", "cell_type")]
    mean, share = activity.groupby(columns).mean(), 1 - (sd**2).groupby(columns).mean()
    units = pd.MultiIndex.from_frame(pb.obs[["donor", "visit", "cell_type"]].astype(str))
    assert len(units) == len(mean) and units.is_unique
    np.testing.assert_allclose(pb.layers["stored"], mean.loc[units], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(pb.layers["reliability"], share.loc[units], rtol=1e-4)
    np.testing.assert_allclose(pb.X, mean.loc[units] / share.loc[units], rtol=1e-3, atol=1e-5)
    # pooled over donors
    n = activity.groupby(columns).size()
    squares = ((activity - mean.loc[pd.MultiIndex.from_arrays(columns)].to_numpy()) ** 2).groupby(columns[1:]).sum()
    degrees = (n - 1).groupby(level=[1, 2]).sum()
    pooled = squares.div(degrees, axis=0).loc[units.droplevel(0)].to_numpy()
    se = np.sqrt(pooled / n.loc[units].to_numpy()[:, None]) / share.loc[units].to_numpy()
    np.testing.assert_allclose(pb.layers["se"], se, rtol=1e-3)
    assert (pb.obs["n_cells"] == n.loc[units].to_numpy()).all()


def test_differences_are_those_of_the_ranking(cells, model):
    """Equal numbers of cells, spread and certainty weigh samples equally, so that the effect is a plain difference."""
    n_programs = cells.obsm["X_programs"].shape[1]
    cells = cells[np.argsort(cells.obs["donor"].cat.codes, kind="stable")].copy()
    cells.obs["visit"] = np.tile(np.repeat(["before", "after"], 30), 6)
    rng = np.random.default_rng(0)
    spread = np.tile(rng.normal(0, 0.4, 30), 12)[:, None]
    cells.obsm["X_programs"] = np.repeat(rng.normal(0, 1, (12, n_programs)), 30, axis=0) + spread
    cells.obsm["programs_sd"] = np.full((360, n_programs), 0.5)
    cr.tl.rank_programs_groups(
        cells, model, "visit", groups="after", reference="before", sample_key="donor", within=None
    )
    table = cr.get.rank_programs_groups_df(cells, columns="all").set_index("program")
    pb = read(cells, "donor", groupby="visit")
    mean = pb.to_df().groupby(pb.obs["visit"].to_numpy()).mean()
    np.testing.assert_allclose(mean.loc["after"] - mean.loc["before"], table["effect"][pb.var_names], rtol=1e-5)


def test_units_are_named_and_keep_their_columns(cells):
    cells.obs["Program/0"] = "the name of a program"
    cells.obs["n_cells"] = 3
    cells.uns["sex_colors"] = ["red", "blue"]
    pb = read(cells, "donor", groupby="visit")
    assert list(pb.obs)[:3] == ["donor", "visit", "n_cells"]
    assert "sex" in pb.obs and not {"age", "cell_type", "Program/0"} & set(pb.obs)
    assert list(pb.obs["donor"].cat.categories) == ["d5", "d4", "d3", "d2", "d1", "d0"]
    assert list(pb.obs_names[:3]) == ["d5|after", "d5|before", "d4|after"]
    assert (pb.obs["sex"] == np.where(pb.obs["donor"].isin(["d1", "d3", "d5"]), "f", "m")).all()
    assert pb.obs["n_cells"].sum() == 360 and pb.uns["sex_colors"] == ["red", "blue"]
    assert read(cells, "donor").obs_names.tolist() == ["d5", "d4", "d3", "d2", "d1", "d0"]
    assert read(cells, "donor", decoys=True).n_vars == 16
    # labels that make the same name
    cells.obs["one"] = np.where(np.arange(360) % 2, "a|b", "a")
    cells.obs["two"] = np.where(np.arange(360) % 2, "c", "b|c")
    assert read(cells, "one", groupby="two").obs_names.is_unique


def test_totals(cells, exchanged):
    one, other = read(cells, "donor", kind="total"), read(exchanged(cells), "donor")
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.layers["se"], other.layers["se"])


def test_numbers_divide_samples(cells):
    cells.obs["dose"] = np.where(np.arange(360) < 180, 0.5, 10.0)
    pb = read(cells, "donor", groupby="dose")
    assert pb.obs["dose"].tolist() == [0.5, 10.0] * 6 and pb.obs_names[0] == "d5|0.5"
    cells.obs["dose"] = np.arange(360) / 7
    with pytest.raises(ValueError, match="groupby='dose' holds numbers"):
        read(cells, "donor", groupby="dose")


def test_a_file_holds_it_and_a_file_is_read(cells, tmp_path):
    pb = read(cells, "donor", groupby=["visit", "cell_type"])
    pb.write_h5ad(tmp_path / "pb.h5ad")
    again = ad.read_h5ad(tmp_path / "pb.h5ad")
    np.testing.assert_array_equal(again.X, pb.X)
    np.testing.assert_array_equal(again.layers["se"], pb.layers["se"])
    assert again.obs_names.equals(pb.obs_names) and again.var_names.equals(pb.var_names)
    assert again.obs["n_cells"].tolist() == pb.obs["n_cells"].tolist()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with cr.open_store(tmp_path / "cells.h5ad", mode="r") as stored:
        np.testing.assert_allclose(read(stored, "donor", groupby=["visit", "cell_type"]).X, pb.X)


def test_chunks(cells, monkeypatch):
    pb = read(cells, "donor")
    monkeypatch.setattr("crystallin.stats._moments.CHUNK_VALUES", 16 * 7)
    np.testing.assert_allclose(read(cells, "donor").X, pb.X)


def test_what_is_unknown_is_nan(cells):
    cells.obsm["X_programs"][:, 2] = np.nan
    cells.obsm["programs_sd"][:, 2] = np.nan
    pb = read(cells, "donor", groupby="visit")
    assert np.isnan(pb.X[:, 2]).all() and np.isnan(pb.layers["se"][:, 2]).all() and np.isfinite(pb.X[:, 3]).all()
    single = cells.obs["visit"].to_numpy(dtype=object).copy()
    single[0] = "once"
    cells.obs["visit"] = single
    pb = read(cells, "donor", groupby="visit")
    once = (pb.obs["visit"] == "once").to_numpy()
    assert np.isnan(pb.layers["se"][once]).all() and np.isfinite(pb.X[once][:, 3]).all()
    assert not (read(cells, "donor", groupby="visit", min_cells=2).obs["visit"] == "once").any()


def test_an_ensembles_activities_are_corrected_within_fits(cells):
    pb = read(cells, "donor")
    mean, sd = cells.obsm["X_programs"], cells.obsm["programs_sd"]
    refits = np.stack([mean + 0.3, mean - 0.3], axis=1)
    cells.obsm["X_programs_refits"], cells.obsm["programs_sd"] = refits, np.sqrt(sd**2 + 0.09)
    np.testing.assert_allclose(read(cells, "donor").X, pb.X, rtol=1e-4, atol=1e-6)


def test_nothing_is_written(cells, changes):
    since = changes(cells)
    pb = read(cells, "donor", groupby="visit")
    pb.X[:] = 0
    pb.obs["sex"] = "x"
    assert not since()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"sample_key": "donr"}, KeyError, "sample_key='donr' is not a column.*Did you mean 'donor'"),
        ({"groupby": "vist"}, KeyError, "groupby='vist' is not a column.*Did you mean 'visit'"),
        ({"groupby": ["visit", "donor"]}, ValueError, "names 'donor' again"),
        ({"groupby": [["visit"]]}, TypeError, "must be the name of one column"),
        ({"groupby": "age"}, ValueError, "groupby='age' holds numbers"),
        ({"min_cells": 0}, ValueError, "min_cells=0 must be a whole number of at least 1"),
        ({"min_cells": 100}, ValueError, "leaves no unit, because the largest has 60"),
        ({"kind": "sum"}, ValueError, "kind='sum' is not one of"),
        ({"key": "mine"}, KeyError, "no programs under 'mine'"),
    ],
)
def test_bad_input(cells, options, error, match):
    with pytest.raises(error, match=match):
        read(cells, **{"sample_key": "donor"} | options)
