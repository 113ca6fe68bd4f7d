import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

SLOTS = ("X_programs", "programs_sd", "X_programs_total", "programs_total_sd")


def test_activity_slots(model, result):
    assert all(result.obsm[slot].dtype == np.float32 and result.obsm[slot].shape == (500, 16) for slot in SLOTS)
    mean, sd = model.get_activity(return_sd=True)
    np.testing.assert_array_equal(result.obsm["X_programs"], mean)
    np.testing.assert_array_equal(result.obsm["programs_sd"], sd)
    total, total_sd = model.get_activity(kind="total", return_sd=True)
    np.testing.assert_array_equal(result.obsm["X_programs_total"], total)
    np.testing.assert_array_equal(result.obsm["programs_total_sd"], total_sd)
    assert result.uns["programs"]["activity_params"]["refine"]
    assert result.varm["programs_loadings"].dtype == np.float32
    np.testing.assert_array_equal(result.varm["programs_loadings"], model.get_loadings())


def test_copy_and_refine(model, adata):
    # the same programs as the model's, no activities yet
    other = cr.tl.activity(adata, model, refine=False, copy=True)
    assert not adata.obsm
    np.testing.assert_array_equal(other.obsm["X_programs"], model.get_activity(refine=False))
    again = cr.tl.loadings(other, model, copy=True)
    assert "programs_loadings" in again.varm and "programs_loadings" not in other.varm


def test_other_programs_under_the_key(model, planted):
    cr.pp.add_programs(planted.adata, {"other": list(planted.adata.var_names[:9])})
    for tool in (cr.tl.activity, cr.tl.loadings):
        with pytest.raises(ValueError, match=r"under 'programs' \(1, e.g. 'other'\) are not those of the model \(16"):
            tool(planted.adata, model)
    assert not planted.adata.obsm


def test_programs_of_the_same_names_with_other_genes(model, planted):
    names = list(planted.sets)
    moved = {name: planted.sets[other] for name, other in zip(names, names[1:] + names[:1], strict=True)}
    cr.pp.add_programs(planted.adata, moved, n_decoys=8)
    assert list(planted.adata.uns["programs"]["names"]) == model.program_names.tolist()
    for tool in (cr.tl.activity, cr.tl.loadings):
        with pytest.raises(ValueError, match="same names as those of the model but other genes"):
            tool(planted.adata, model)


@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_round_trip_with_slashes_in_names(result, tmp_path, form):
    path = tmp_path / f"data.{form}"
    # where scvi-tools leaves its own bookkeeping does not matter here
    getattr(result, f"write_{form}")(path)
    back = (ad.read_h5ad if form == "h5ad" else ad.read_zarr)(path)
    for slot in SLOTS:
        np.testing.assert_array_equal(back.obsm[slot], result.obsm[slot])
    np.testing.assert_array_equal(back.varm["programs_loadings"], result.varm["programs_loadings"])
    assert (back.varm["programs"] != result.varm["programs"]).nnz == 0
    assert list(back.uns["programs"]["names"]) == list(result.uns["programs"]["names"])
    pd.testing.assert_frame_equal(
        cr.get.programs_df(back, decoys=True, columns="all"),
        cr.get.programs_df(result, decoys=True, columns="all"),
        check_dtype=False,
    )
    pd.testing.assert_frame_equal(cr.get.activity_df(back), cr.get.activity_df(result))
    pd.testing.assert_frame_equal(cr.get.loadings_df(back), cr.get.loadings_df(result))
    # and a model can be built on what was read
    cr.ProgramVAE.setup_anndata(back)
    assert cr.ProgramVAE(back).is_decoy.sum() == 8


def test_subset_and_concat(result):
    half = result[::2].copy()
    np.testing.assert_array_equal(cr.get.activity_df(half), cr.get.activity_df(result).iloc[::2])
    rest = result[1::2].copy()
    joined = ad.concat([half, rest], merge="same", uns_merge="same")
    np.testing.assert_array_equal(cr.get.activity_df(joined).loc[result.obs_names], cr.get.activity_df(result))
    pd.testing.assert_frame_equal(cr.get.loadings_df(joined), cr.get.loadings_df(result))
