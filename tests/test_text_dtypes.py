"""Text as pandas 3 stores it, in the dtype ``str``: labels, names and tables of such columns give the same results."""

from contextlib import ExitStack, contextmanager

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from packaging.version import Version

import crystallin as cr

from .test_unchanged import TOOLS, read_and_draw

pytestmark = pytest.mark.skipif(Version(pd.__version__) < Version("2.3"), reason="pandas below 2.3 has no such dtype")

LABELS = ["cell_type", "batch", "donor"]
# accessors of what a tool writes, where they are not called as the tool is
ACCESSORS = {
    "activity": ["activity_df"],
    "annotate": ["annotation_df"],
    "audit_programs": ["audit_df", "completed_programs"],
    "contrast": ["contrast_df", "contrast_params"],
    "programs_overview": ["programs_df"],
}


@contextmanager
def new_strings():
    """New columns and indices of text get the dtype ``str``: as in pandas 3, from 2.3 on if asked for."""
    with ExitStack() as stack:
        if Version(pd.__version__) < Version("3"):
            stack.enter_context(pd.option_context("future.infer_string", True))
        if hasattr(ad.settings, "allow_write_nullable_strings"):
            stack.enter_context(ad.settings.override(allow_write_nullable_strings=True))
        yield


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Whatever holds the text."""
    assert len(one)
    options = {"check_index_type": False, "check_column_type": False}
    pd.testing.assert_frame_equal(one.astype(object), other.astype(object), **options)
    assert [one[name].dtype.kind for name in one] == [other[name].dtype.kind for name in other]


def is_new(values) -> bool:
    return isinstance(values.dtype, pd.StringDtype) and values.dtype.na_value is np.nan


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table, with its text in the dtype ``str``."""
    return frame.astype({name: "str" for name, column in frame.items() if column.dtype == object})


@pytest.fixture
def plain(_planted, model):
    adata = _planted.adata[:90].copy()
    adata.obs["donor"] = [f"d{i % 6}" for i in range(adata.n_obs)]
    adata.obsm["X_two"] = np.arange(2.0 * adata.n_obs).reshape(-1, 2)
    for label in LABELS:
        adata.obs[label] = adata.obs[label].astype("category")
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata


@pytest.fixture
def new(plain):
    """The same data; no column of text is a category or holds Python objects."""
    with new_strings():
        yield with_new_strings(plain.copy())


def with_new_strings(adata: ad.AnnData) -> ad.AnnData:
    for label in LABELS:
        adata.obs[label] = pd.Series(adata.obs[label].to_numpy(dtype=object), adata.obs_names).astype("str")
    entry = adata.uns["programs"]
    adata.uns["programs"] = {**entry, "table": restored(entry["table"])}
    assert all(is_new(adata.obs[label]) for label in LABELS) and is_new(adata.uns["programs"]["table"]["name"])
    return adata


@pytest.fixture
def tables(_planted):
    """Programs as a table, and data with a column of symbols."""
    with new_strings():
        rows = [(name, gene) for name, genes in _planted.sets.items() for gene in genes]
        adata = _planted.adata.copy()
        adata.var["symbol"] = adata.var_names.to_numpy(dtype=str)
        yield adata, pd.DataFrame(rows, columns=["source", "target"])


def test_programs_are_added_from_tables_of_such_text(tables, _planted):
    one, net = tables
    assert is_new(net["source"]) and is_new(net["target"]) and is_new(net.columns) and is_new(one.var["symbol"])
    other = one.copy()
    cr.pp.add_programs(one, net, gene_symbols="symbol", n_decoys=2)
    cr.pp.add_programs(other, _planted.sets, n_decoys=2)
    np.testing.assert_array_equal(one.varm["programs"].toarray(), other.varm["programs"].toarray())
    assert_same(cr.get.programs_df(one, columns="all"), cr.get.programs_df(other, columns="all"))


def test_a_model_is_set_up_with_such_labels(new):
    cr.ProgramVAE.setup_anndata(new, batch_key="batch", categorical_covariate_keys=["cell_type"])
    model = cr.ProgramVAE(new)
    model.train(max_epochs=1, posterior_epochs=0)
    assert np.isfinite(model.get_activity(new)).all()
    assert model.program_names.tolist() == new.uns["programs"]["table"].query("kept")["name"].tolist()


def found(adata: ad.AnnData, model, name: str) -> list:
    """What the accessors return after a call of the tool."""
    TOOLS[name][0](adata, model)
    return [getattr(cr.get, accessor)(adata) for accessor in ACCESSORS.get(name, [f"{name}_df"])]


@pytest.fixture
def expected(plain, model, request):
    """Of the data as they were, before new text gets the new dtype."""
    return found(plain.copy(), model, request.getfixturevalue("name"))


@pytest.mark.parametrize("name", TOOLS)
def test_tools_find_the_same(expected, new, model, name):
    for one, other in zip(found(new, model, name), expected, strict=True):
        if isinstance(one, dict):
            assert one == other
        else:
            assert_same(one, other)


def test_results_are_drawn_and_read_from_files(new, model, add_map, tmp_path):
    for name, (call, _) in TOOLS.items():
        if name not in ("activity", "loadings"):
            call(new, model)
    assert not new.obs["label"].isna().any()
    cr.pp.screen_programs(new, within="cell_type", n_null=100)
    add_map(new, groupby="cell_type")
    read_and_draw(new, tmp_path)
    new.write_zarr(tmp_path / "new.zarr")
    again = ad.read_zarr(tmp_path / "new.zarr")
    for accessor in ("rank_programs_groups_df", "annotation_df", "programs_df", "rules_df"):
        assert_same(*(getattr(cr.get, accessor)(adata) for adata in (new, again)))


def test_a_query_with_such_labels_is_mapped(plain, new, model):
    before = model.reference_
    try:
        cr.calibrate(model, "cell_type")
        tables = []
        for query in (plain.copy(), new):
            cr.map(query, model, batch_key="batch", groupby="cell_type", key_added="mapped")
            tables.append((cr.get.map_df(query, key="mapped", columns="all"), cr.get.map_cells_df(query, key="mapped")))
        for one, other in zip(*tables, strict=True):
            assert_same(one, other)
    finally:
        model.reference_ = before


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_a_missing_label_is_missing(new, model, missing):
    """Written as nan by the new dtype whatever it was, and refused or left out as in a category."""
    new.obs["donor"] = pd.Series([missing, *new.obs["donor"][1:]], new.obs_names, dtype="str")
    assert new.obs["donor"].isna().sum() == 1
    plain = new.copy()
    plain.obs["donor"] = plain.obs["donor"].astype("category")

    def outcome(adata):
        try:
            cr.tl.rank_programs_groups(adata, model, "donor")
        except ValueError as error:
            return str(error)
        return cr.get.rank_programs_groups_df(adata, columns="all")["group"].unique().tolist()

    assert outcome(new) == outcome(plain)
