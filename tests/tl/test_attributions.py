import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

PROGRAM = "Program/2"


@pytest.fixture
def attributed(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions")
    return result


def test_by_group(attributed, model, planted):
    values = attributed.varm["attributions"]
    assert values.shape == (240, 16, 3) and values.dtype == np.float32
    means = cr.get.activity_df(attributed, decoys=True).groupby(attributed.obs["cell_type"], observed=True).mean()
    np.testing.assert_allclose(values.sum(0).T, means, atol=0.01)
    table = cr.get.attributions_df(attributed, PROGRAM, "type 1")
    assert list(table) == ["program", "group", "gene", "attribution", "se", "member", "added", "rank"]
    assert len(table) == 240
    assert set(table.loc[table["member"], "gene"]) == set(planted.sets[PROGRAM])
    assert (np.diff(table["attribution"].abs()) <= 0).all() and table["rank"].tolist() == list(range(1, 241))
    np.testing.assert_array_equal(
        table.set_index("gene")["attribution"][attributed.var_names],
        values[:, model.program_names.tolist().index(PROGRAM), 1],
    )
    assert cr.get.attributions_df(attributed, PROGRAM, "type 1", n=3).equals(table.head(3))
    outside = cr.get.attributions_df(attributed, [PROGRAM, "decoy 1"], members=False, n=2)
    assert len(outside) == 2 * 3 * 2 and not outside["member"].any() and set(outside["rank"]) == {1, 2}
    assert attributed.uns["attributions"]["params"]["target"] == "activity"


def test_members_carry_their_programs(attributed, planted):
    """Of the genes that a program is read from most, nearly all are its own."""
    top = cr.get.attributions_df(attributed, list(planted.sets), n=5)
    assert top["member"].mean() > 0.9


def test_over_all_cells(result, model):
    cr.tl.attributions(result, model, method="contributions", programs=[PROGRAM], cells=result.obs_names[:90])
    values = result.varm["attributions"]
    assert values.shape == (240, 1) and (values >= 0).all()
    each = model.get_attributions(indices=range(90), method="contributions", programs=[PROGRAM], statistic="each")
    np.testing.assert_allclose(values[:, 0], np.abs(each[:, :, 0]).mean(0), atol=1e-5)
    assert cr.get.attributions_df(result)["group"].unique().tolist() == ["all"]


def test_of_single_cells(result, model):
    cells = ["cell7", "cell3"]
    for given in (cells, [7, 3]):
        cr.tl.attributions(
            result,
            model,
            level="cell",
            cells=given,
            programs=[PROGRAM, "Program/0"],
            genes=["g5", "g9"],
            key_added="mine",
        )
        stored = result.uns["mine"]
        assert stored["values"].shape == (2, 2, 2) and list(stored["cells"]) == cells
        table = cr.get.attributions_df(result, PROGRAM, "cell3", key="mine")
        assert list(table)[1] == "cell" and set(table["gene"]) == {"g5", "g9"}
    assert "mine" not in result.varm
    mask = np.zeros(500, dtype=bool)
    mask[[3, 7]] = True
    cr.tl.attributions(
        result, model, level="cell", cells=mask, programs=[PROGRAM], genes=["g5", "g9"], key_added="mask"
    )
    np.testing.assert_allclose(result.uns["mask"]["values"][:, :, 0], stored["values"][::-1, :, 0], atol=1e-4)


def test_against_a_group(result, model):
    options = {"groupby": "cell_type", "target": "encoder", "programs": [PROGRAM]}
    cr.tl.attributions(result, model, baseline="group:type 0", key_added="a", **options)
    counts = result.X.toarray()
    profile = (counts / counts.sum(1, keepdims=True))[(result.obs["cell_type"] == "type 0").to_numpy()].mean(0)
    cr.tl.attributions(result, model, baseline=profile, key_added="b", **options)
    np.testing.assert_allclose(result.varm["a"], result.varm["b"], atol=1e-4)
    assert result.uns["b"]["params"]["baseline"] == "array" and result.uns["a"]["groups"].tolist() == [
        "type 0",
        "type 1",
        "type 2",
    ]


def test_genes_left_out_are_missing(result, model):
    cr.tl.attributions(result, model, groupby="batch", method="contributions", genes=["g3"], programs=PROGRAM)
    assert np.isfinite(result.varm["attributions"]).sum() == 2
    assert cr.get.attributions_df(result)["gene"].unique().tolist() == ["g3"]


def test_files_subsets_and_copies(result, model, tmp_path):
    other = cr.tl.attributions(result, model, groupby="cell_type", method="contributions", copy=True)
    assert "attributions" not in result.varm
    table = cr.get.attributions_df(other, PROGRAM)
    other.write_h5ad(tmp_path / "cells.h5ad")
    other.write_zarr(tmp_path / "cells.zarr")
    for back in (ad.read_h5ad(tmp_path / "cells.h5ad"), ad.read_zarr(tmp_path / "cells.zarr")):
        pd.testing.assert_frame_equal(cr.get.attributions_df(back, PROGRAM), table, check_dtype=False)
    half = other[:, :120].copy()
    assert len(cr.get.attributions_df(half, PROGRAM, "type 0")) == 120
    joined = ad.concat([other[:9], other[9:30]], merge="same", uns_merge="same")
    assert joined.varm["attributions"].shape == (240, 16, 3)


def test_a_query_without_programs_of_its_own(result, model):
    query = result[:80].copy()
    for mapping in (query.uns, query.varm, query.obsm):
        for key in list(mapping):
            if "programs" in key:
                del mapping[key]
    with pytest.raises(KeyError, match="no programs under 'programs'"):
        cr.tl.attributions(query, model)
    cr.tl.activity(query, model)
    cr.tl.attributions(query, model, groupby="cell_type", method="contributions", programs=[PROGRAM])
    assert cr.get.attributions_df(query, n=3)["member"].any()


def test_bad_input(result, model):
    def bad(match, error=ValueError, **options):
        with pytest.raises(error, match=match):
            cr.tl.attributions(result, model, **options)

    before = set(result.uns), set(result.varm)
    bad('level="group" needs groupby', level="group")
    bad('level="cell" needs cells', level="cell")
    bad("level='x' is not one of", level="x")
    bad("'nothing' is not one of the 16 programs", KeyError, programs="nothing")
    bad("'nogene' is not one of the model's 240 genes", KeyError, genes=["nogene"])
    bad("'nocell' is not the name of a cell", KeyError, cells=["nocell"])
    bad("there is no cell at position 900", cells=[900])
    bad("cells is a mask of 2 for 500", cells=[True, False])
    bad("cells is empty", cells=[])
    bad("baseline='group:type 1' needs groupby", baseline="group:type 1")
    bad("baseline group='type 9' is not one of 'type 0'", groupby="cell_type", baseline="group:type 9")
    bad("baseline='max' is not one of 'mean', 'zero'", baseline="max")
    bad("groupby='age' holds numbers", groupby="age")
    bad("method='magic' is not one of", method="magic")
    with pytest.raises(KeyError, match=r"no attributions under 'attributions'; call crystallin.tl.attributions"):
        cr.get.attributions_df(result)
    assert (set(result.uns), set(result.varm)) == before
    cr.tl.attributions(result, model, groupby="batch", method="contributions", programs=[PROGRAM])
    with pytest.raises(ValueError, match="group='three' is not one of 'one', 'two'"):
        cr.get.attributions_df(result, group="three")
    with pytest.raises(KeyError, match="'Program/1' is not one of the 1 programs"):
        cr.get.attributions_df(result, "Program/1")


def test_minified_data_are_refused(quick, adata):
    model = quick(adata)
    cr.tl.activity(adata, model)
    for key, value in zip(("m", "v"), model.get_latent_representation(return_dist=True), strict=True):
        adata.obsm[key] = value
    model.minify_adata(use_latent_qzm_key="m", use_latent_qzv_key="v")
    with pytest.raises(ValueError, match="need counts, but the data of this model are minified"):
        cr.tl.attributions(model.adata, model, groupby="cell_type")


def test_of_totals(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions", kind="total")
    assert result.uns["attributions"]["params"]["kind"] == "total"
    totals = pd.DataFrame(result.obsm["X_programs_total"]).groupby(result.obs["cell_type"].to_numpy()).mean()
    np.testing.assert_allclose(result.varm["attributions"].sum(0).T, totals, atol=0.01)
    with pytest.raises(ValueError, match="kind='both'"):
        cr.tl.attributions(result, model, kind="both")
