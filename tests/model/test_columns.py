"""Columns of every dtype are registered and read alike, or refused before anything is written."""

import datetime

import numpy as np
import pandas as pd
import pytest

import crystallin as cr

TWO = np.arange(60) % 2
DATES = pd.to_datetime(["2020-01-01", "2021-01-01"])
OBJECTS = np.array([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)], dtype=object)
COLUMNS = {
    "text": np.array(["a", "b"], dtype=object)[TWO],
    "string": pd.array(np.array(["a", "b"], dtype=object)[TWO], dtype="string"),
    "whole numbers": TWO,
    "Int64": pd.array(TWO, dtype="Int64"),
    "numbers": TWO + 0.5,
    "Booleans": TWO.astype(bool),
    "boolean": pd.array(TWO.astype(bool), dtype="boolean"),
    "dates": DATES[TWO],
    "dates with time zone": DATES.tz_localize("UTC")[TWO],
    "Python's dates": OBJECTS[TWO],
    "bytes": np.array([b"a", b"b"], dtype=object)[TWO],
    "category of Booleans": pd.Categorical(TWO.astype(bool)),
    "category of numbers": pd.Categorical(TWO),
    "ordered category": pd.Categorical(np.array(["a", "b"])[TWO], categories=["b", "a"], ordered=True),
    "intervals": pd.cut(TWO, 2),
}
MIXED = {
    "text and numbers": np.array([1, "1"], dtype=object)[TWO],
    "text and numpy's numbers": np.array([np.int64(1), "1"], dtype=object)[TWO],
    "text and Booleans": np.array([True, "x"], dtype=object)[TWO],
    "text and bytes": np.array([b"a", "a"], dtype=object)[TWO],
    "dates and text": np.array([datetime.date(2020, 1, 1), "2021"], dtype=object)[TWO],
    "category of text and numbers": pd.Categorical(np.array([1, "1"], dtype=object)[TWO]),
}
ARGUMENTS = ["batch_key", "labels_key", "categorical_covariate_keys"]


def setup(adata, argument, **kwargs):
    cr.ProgramVAE.setup_anndata(adata, **{argument: ["column"] if argument.endswith("keys") else "column"}, **kwargs)


@pytest.fixture
def few(adata):
    adata = adata[:60, adata.X[:60].toarray().any(0)].copy()
    cr.pp.add_programs(adata, {"a": list(adata.var_names[:20]), "b": list(adata.var_names[20:40])})
    return adata


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_labels(few, kind):
    few.obs["column"] = COLUMNS[kind]
    for argument in ARGUMENTS:
        adata = few.copy()
        setup(adata, argument)
        model = cr.ProgramVAE(adata)
        model.is_trained_ = True
        expected = model.get_activity()
        np.testing.assert_array_equal(model.get_activity(few), expected)
        mapped = cr.ProgramVAE.load_query_data(few.copy(), model)
        # no category is taken for a new one
        assert len(mapped.module.decoder.categorical[-1]) == len(model.module.decoder.categorical[-1])


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("kind", MIXED)
def test_labels_of_several_kinds_are_refused(few, kind, argument):
    few.obs["column"] = MIXED[kind]
    before = few.copy()
    with pytest.raises(ValueError, match=rf"{argument}='column' mixes values.*adata.obs\['column'\].astype\(str\)"):
        setup(few, argument)
    assert_unchanged(before, few)


def test_labels_that_are_no_single_values(few):
    few.obs["column"] = pd.Series([[1], [2]] * 30).to_numpy()
    with pytest.raises(ValueError, match="holds values of type list"):
        setup(few, "batch_key")


def assert_unchanged(before, after):
    pd.testing.assert_frame_equal(before.obs, after.obs)
    assert before.uns.keys() == after.uns.keys()
    assert before.obsm.keys() == after.obsm.keys()


def test_what_scvi_tools_refuses_leaves_nothing_behind(few, monkeypatch):
    from scvi.data.fields import NumericalJointObsField

    few.X = np.asfortranarray(few.X.toarray())
    before = few.copy()
    managers = dict(cr.ProgramVAE._setup_adata_manager_store)

    def fail(*args):
        msg = "midway"
        raise RuntimeError(msg)

    monkeypatch.setattr(NumericalJointObsField, "register_field", fail)
    with pytest.raises(RuntimeError, match="midway"):
        cr.ProgramVAE.setup_anndata(few, batch_key="batch", continuous_covariate_keys=["age"])
    assert_unchanged(before, few)
    assert few.X.flags.f_contiguous
    assert managers == cr.ProgramVAE._setup_adata_manager_store


def test_setting_up_leaves_the_global_random_state_alone(few):
    np.random.seed(3)  # noqa: NPY002
    cr.ProgramVAE.setup_anndata(few)
    drawn = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert drawn == np.random.rand()  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"batch_key": ["batch"]}, "batch_key=.'batch'. must be the name of one column"),
        ({"size_factor_key": ("age",)}, "size_factor_key=.* must be the name of one column"),
        ({"continuous_covariate_keys": "age"}, r"must be a list of columns: \['age'\]"),
    ],
)
def test_lists_and_names(few, arguments, match):
    with pytest.raises(TypeError, match=match):
        cr.ProgramVAE.setup_anndata(few, **arguments)


def test_a_covariate_named_twice(few):
    with pytest.raises(ValueError, match="names a column twice"):
        cr.ProgramVAE.setup_anndata(few, continuous_covariate_keys=["age", "age"])


# columns of a query

SETUP = {
    "batch_key": "batch",
    "size_factor_key": "depth",
    "categorical_covariate_keys": ["cell_type"],
    "continuous_covariate_keys": ["age"],
}


@pytest.fixture
def reference(few):
    few.obs["depth"] = 1.0 + TWO
    cr.ProgramVAE.setup_anndata(few, **SETUP)
    model = cr.ProgramVAE(few)
    model.is_trained_ = True
    return model


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("age", np.nan, "continuous_covariate_keys='age' must hold finite numbers.*1 missing"),
        ("age", np.inf, "continuous_covariate_keys='age' must hold finite numbers"),
        ("depth", np.nan, "size_factor_key='depth' must hold finite numbers"),
        ("depth", 0.0, "size_factor_key='depth' must be positive; its smallest value is 0"),
        ("depth", -1.0, "size_factor_key='depth' must be positive"),
        ("depth", np.inf, "size_factor_key='depth' must hold finite numbers"),
        (
            "batch",
            "three",
            "batch_key='batch' has 1 value.s. that the model was not trained on: 'three'. It knows 'one', ",
        ),
        ("batch", None, "batch_key='batch' has 1 missing"),
        ("batch", 1, "holds numbers, e.g. 1, but the model was trained on text"),
        ("cell_type", "new", "categorical_covariate_keys='cell_type'.*'new'.*load_query_data"),
    ],
)
def test_columns_of_a_query_are_checked(reference, column, value, match):
    query = reference.adata[:20].copy()
    if isinstance(query.obs[column].dtype, pd.CategoricalDtype):
        query.obs[column] = query.obs[column].astype(object)
    query.obs.loc[query.obs_names[3], column] = value
    for read in (reference.get_activity, reference.get_latent_representation, reference.reading):
        with pytest.raises(ValueError, match=match):
            read(query)


def test_a_column_that_a_query_lacks(reference):
    query = reference.adata[:20].copy()
    del query.obs["age"]
    with pytest.raises(KeyError, match="'age' is not a column"):
        reference.get_activity(query)


@pytest.fixture
def of_batches(adata):
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    return model


def test_a_refused_query_keeps_its_genes(adata, of_batches, changes):
    query = adata[:30, ::-1].copy()
    query.obs["batch"] = 3
    since = changes(query)
    with pytest.raises(ValueError, match="batch_key='batch' holds numbers, e.g. 3, but the model was trained on text"):
        cr.ProgramVAE.load_query_data(query, of_batches, inplace_subset_query_vars=True)
    assert not since()
    query.obs["batch"] = "new"
    query.X = query.X * 0.5
    since = changes(query)
    with pytest.raises(ValueError, match="whole numbers|raw counts"):
        cr.ProgramVAE.load_query_data(query, of_batches, inplace_subset_query_vars=True)
    assert not since()


def test_a_query_model_stays_frozen_when_it_is_saved(adata, of_batches, tmp_path):
    query = adata[:60].copy()
    query.obs["batch"] = "new"
    mapped = cr.ProgramVAE.load_query_data(query, of_batches)
    mapped.train(max_epochs=1, enable_progress_bar=False)
    mapped.save(tmp_path / "query")
    again = cr.ProgramVAE.load(tmp_path / "query", query)
    loadings = again.get_loadings()
    again.train(max_epochs=1, enable_progress_bar=False)
    np.testing.assert_array_equal(again.get_loadings(), loadings)


def test_a_refused_fit_lets_go_of_the_data(planted):
    before = set(cr.ProgramVAE._setup_adata_manager_store)
    with pytest.raises(FileNotFoundError):
        cr.fit(planted.adata, "missing.gmt")
    assert set(cr.ProgramVAE._setup_adata_manager_store) == before
