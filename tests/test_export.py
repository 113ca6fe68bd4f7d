import json

import pandas as pd
import pytest

import crystallin as cr


@pytest.fixture
def full(result, model):
    cr.tl.rank_programs_groups(result, model, "cell_type")
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions")
    cr.tl.leakage(result, model, groupby="cell_type", max_cells=5, key_added="my_leakage")
    return result


def test_all_results_are_written(full, tmp_path):
    paths = cr.export(full, tmp_path / "new" / "results")
    assert {path.name for path in paths} == {
        *("programs.csv", "activities.csv", "loadings.csv", "contents.json"),
        *("rank_programs_groups.csv", "attributions.csv", "my_leakage.csv"),
    }
    read = {path.stem: pd.read_csv(path, keep_default_na=False) for path in paths if path.suffix == ".csv"}
    assert len(read["rank_programs_groups"]) == len(cr.get.rank_programs_groups_df(full))
    assert "nearest_twin" in read["rank_programs_groups"] and read["programs"]["name"].tolist()[0] == "Program/0"
    activities = read["activities"].set_index("cell")
    assert activities.index.tolist() == full.obs_names.tolist()
    pd.testing.assert_series_equal(
        activities["Program/3 sd"],
        cr.get.activity_df(full, sd=True)["Program/3 sd"],
        check_names=False,
        check_dtype=False,
    )
    about = json.loads((tmp_path / "new" / "results" / "contents.json").read_text())
    leakage = about["files"]["my_leakage.csv"]
    assert leakage["accessor"] == "crystallin.get.leakage_df" and leakage["columns"] == list(read["my_leakage"])
    assert leakage["arguments"]["groupby"] == "cell_type" and "crystallin.tl.leakage" in leakage["call"]
    assert about["crystallin"] == cr.__version__


def test_own_files_are_replaced_and_others_are_not(full, tmp_path):
    cr.export(full, tmp_path, cells=False)
    assert not (tmp_path / "activities.csv").exists()
    (tmp_path / "notes.txt").write_text("mine")
    cr.export(full, tmp_path, cells=False)
    (tmp_path / "activities.csv").write_text("mine")
    before = (tmp_path / "programs.csv").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="already holds 'activities.csv', which crystallin did not write"):
        cr.export(full, tmp_path)
    assert (tmp_path / "activities.csv").read_text() == "mine"
    assert (tmp_path / "programs.csv").stat().st_mtime_ns == before
    with pytest.raises(FileExistsError, match="is a file; give another name"):
        cr.export(full, tmp_path / "notes.txt")


def test_what_is_not_there(planted, tmp_path):
    with pytest.raises(KeyError, match="no programs under 'programs'"):
        cr.export(planted.adata, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    cr.pp.add_programs(planted.adata, planted.sets)
    assert [path.name for path in cr.export(planted.adata, tmp_path / "out")] == ["programs.csv", "contents.json"]
