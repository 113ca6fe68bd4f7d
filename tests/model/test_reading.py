"""Data that a model reads stay as they are; a reading checks them once."""

import gc
import inspect
import weakref

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr
from crystallin.model import _reading

# not about data that are read: they register them, on purpose
REGISTERING = {
    "deregister_manager",
    "load",
    "load_query_data",
    "minify_adata",
    "prepare_query_anndata",
    "setup_anndata",
    "transfer_fields",
}
# about registrations rather than data, parts of others, or not for this kind of model
OTHER = {
    "differential_abundance",
    "get_batch_representation",
    "get_from_registry",
    "get_importance_weights",
    "view_anndata_setup",
}
ARGUMENTS = {
    "differential_expression": {"groupby": "cell_type", "group1": "type 0", "silent": True},
    "get_activity_without": {"gene_sets": [["g1"]]},
    "get_expression_without": {"programs": ["Program/1"]},
    "get_feature_correlation_matrix": {"silent": True},
    "get_interactions": {"program": "Program/1", "genes": ["g1", "g2"]},
    "get_latent_library_size": {"give_mean": False},
    "get_marginal_ll": {"n_mc_samples": 2},
    "get_normalized_expression": {"silent": True},
    "sample_activity": {"n_samples": 2},
}
GETTERS = sorted(
    name
    for name, method in inspect.getmembers(cr.ProgramVAE, callable)
    if not name.startswith("_") and name not in REGISTERING | OTHER and "adata" in inspect.signature(method).parameters
)


def snapshot(adata):
    """All there is in an AnnData, so that two can be compared."""
    frames = {"obs": adata.obs, "var": adata.var}
    matrices = {"X": adata.X, **dict(adata.layers.items())}
    return {
        **{name: (frame.copy(), frame.columns.tolist()) for name, frame in frames.items()},
        **{name: (id(matrix), matrix.data.tobytes(), sorted(vars(matrix))) for name, matrix in matrices.items()},
        **{slot: {key: id(value) for key, value in getattr(adata, slot).items()} for slot in ("obsm", "varm", "obsp")},
        "uns": str(dict(adata.uns)),
        "view": adata.is_view,
    }


def assert_same(before, after):
    assert before.keys() == after.keys()
    for name, value in before.items():
        if name in ("obs", "var"):
            pd.testing.assert_frame_equal(value[0], after[name][0])
        else:
            assert value == after[name], name


def test_all_getters_are_found():
    assert {"get_activity", "sample_activity", "get_latent_representation", "differential_expression"} < set(GETTERS)


# scvi-tools calls numpy functions on tensors
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", GETTERS)
def test_nothing_is_left_in_data_that_are_read(model, result, planted, name):
    copied = result[:40].copy()
    for adata in (planted.adata[:40].copy(), copied):
        before = snapshot(adata)
        getattr(model, name)(adata=adata, **ARGUMENTS.get(name, {}))
        assert_same(before, snapshot(adata))
    assert model.adata is not copied


@pytest.mark.parametrize("name", ["get_activity", "get_latent_representation"])
def test_views_stay_views(model, planted, name):
    view = planted.adata[40:80]
    expected = getattr(model, name)(view.copy())
    np.testing.assert_array_equal(getattr(model, name)(view), expected)
    assert view.is_view


def test_a_model_without_data_reads_without_adopting(model, planted, tmp_path):
    model.save(tmp_path / "model")
    alone = cr.ProgramVAE.load(tmp_path / "model", False)
    before = snapshot(planted.adata)
    np.testing.assert_array_equal(alone.get_activity(planted.adata), model.get_activity(planted.adata))
    np.testing.assert_array_equal(
        alone.get_latent_representation(planted.adata), model.get_latent_representation(planted.adata)
    )
    assert_same(before, snapshot(planted.adata))
    assert alone.adata is None
    with pytest.raises(ValueError, match="has no data"):
        alone.get_activity()


def test_data_that_were_read_are_let_go(model, planted):
    adata = planted.adata[:40].copy()
    matrix = weakref.ref(adata.X)
    model.get_activity(adata)
    model.get_latent_representation(adata)
    del adata
    gc.collect()
    assert matrix() is None


def test_a_reading_is_checked_once(model, planted, monkeypatch):
    n_scans = []
    check = _reading.checks.check_counts
    monkeypatch.setattr(
        _reading.checks, "check_counts", lambda *args, **kwargs: n_scans.append(1) or check(*args, **kwargs)
    )
    reading = model.reading(planted.adata)
    for group in range(40):
        model.get_attributions(reading, range(group, group + 5), method="contributions", statistic="average_cell")
    np.testing.assert_array_equal(model.get_activity(reading), model.get_activity(planted.adata))
    np.testing.assert_array_equal(
        model.get_latent_representation(reading), model.get_latent_representation(planted.adata)
    )
    # the reading, and the two that were given the data
    assert len(n_scans) == 3
    with pytest.raises(ValueError, match="reading of another model"):
        cr.ProgramVAE.get_activity(cr.ProgramVAE.load_query_data(planted.adata[:40].copy(), model), reading)


def test_backed_data_are_read_in_the_order_asked_for(model, planted, tmp_path):
    planted.adata.write_h5ad(tmp_path / "sparse.h5ad")
    dense = planted.adata.copy()
    dense.X = dense.X.toarray()
    dense.write_h5ad(tmp_path / "dense.h5ad")
    indices = [300, 2, 2, 77]
    expected = model.get_activity(planted.adata, indices)
    latent = model.get_latent_representation(planted.adata, indices)
    for name in ("sparse", "dense"):
        backed = anndata.read_h5ad(tmp_path / f"{name}.h5ad", backed="r")
        np.testing.assert_array_equal(model.get_activity(backed, indices), expected)
        np.testing.assert_array_equal(model.get_latent_representation(backed, indices), latent)
        backed.file.close()


def test_the_models_own_data_are_read_where_they_are(model, _trained):
    adata, _ = _trained
    assert model.reading().adata is adata
    assert np.shares_memory(model.reading().cells.value.numpy(), adata.X.data)
    assert sparse.issparse(adata.X)


def test_columns_of_the_models_own_data_may_be_dropped_or_renamed(adata, quick):
    model = quick(setup={"batch_key": "batch", "continuous_covariate_keys": ["age"]})
    before = model.get_activity()
    adata.obs["batch"] = adata.obs["batch"].cat.rename_categories({"one": "first"})
    del adata.obs["age"]
    np.testing.assert_array_equal(model.get_activity(), before)


def test_given_arrays_are_filled(model, result):
    shape = (result.n_obs, len(model.program_names))
    out = {kind: tuple(np.full(shape, np.nan, dtype=np.float32) for _ in range(2)) for kind in model.kinds}
    expected = model.get_activities()
    filled = model.get_activities(out=out)
    for kind, arrays in expected.items():
        for ours, theirs, given in zip(filled[kind], arrays, out[kind], strict=True):
            assert ours is given
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(
        ValueError, match=r"out\['total'\] must be two arrays, mean and standard deviation, of 500 x 16"
    ):
        model.get_activities(out={**out, "total": (out["total"][0], out["total"][1][:10])})
    with pytest.raises(ValueError, match="out"):
        model.get_activities(out={})
