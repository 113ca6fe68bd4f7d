"""What a report says, and what it does not do."""

import base64
import hashlib
import json
import os
import re

import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import crystallin as cr

EVIL = """<script>alert(1)</script> </script><!-- "quotes" 'and' $\\frac$ & =cmd()|'/c'!A0"""


def rename(adata, old, new):
    """Give a program another name wherever it stands."""
    for entry in adata.uns.values():
        if not isinstance(entry, dict):
            continue
        for name, value in entry.items():
            if isinstance(value, pd.DataFrame):
                text = value.select_dtypes(["object", "string", "category"]).columns
                for column in text:
                    value[column] = value[column].astype(object).replace(old, new)
            elif isinstance(value, np.ndarray):
                entry[name] = np.array([new if each == old else each for each in value], dtype=object)
        if entry.get("params", {}).get("program") == old:
            entry["params"]["program"] = new


def test_everything_is_there(full, drawn):
    found = drawn
    titles = [attrs["id"] for attrs in found.attributes("h2")]
    # findings in sentences, figures, tables, and hashes last
    expected = ["findings", "figures", "clusters", "differences", "programs", "genes", "what-the-sets-lack", "checks"]
    assert titles == [*expected, "gene-sets", "what-was-run"]
    figures = drawn.html.index('id="figures"'), drawn.html.index('id="clusters"'), drawn.html.index('id="programs"')
    assert figures[0] < drawn.html.index("<img") and drawn.html.rfind("<img", 0, figures[2]) < figures[1]
    assert drawn.html.index(full.uns["programs"]["params"]["prior_digest"]) > drawn.html.index('id="what-was-run"')
    assert [link["href"] for link in found.attributes("a")] == [f"#{title}" for title in titles]
    assert "Not computed" not in found.text and "not computed" not in found.text
    params = full.uns["programs"]["params"]
    for words in (
        "500 cells, 240 genes",
        "8 gene programs and 8 decoys (random sets)",
        params["prior_digest"],
        full.uns["programs"]["activity_params"]["digest"],
        f"crystallin {cr.__version__}",
        "scvi-tools 1.",
        "Gene programs by cell_type",
        "batch: against one, within cell_type",
        "The unit of observation is the cell",
        "The unit of observation is the sample (donor)",
        "8 decoys (random sets of similar size",
        "Program/2: type 1 against rest",
        "when genes are silenced: g1, g2",
    ):
        assert words in found.text
    assert len(found.attributes("img")) >= 10
    for image in found.attributes("img"):
        kind, content = re.fullmatch(r"data:image/(svg\+xml|png);base64,(.+)", image["src"]).groups()
        start = {"png": b"\x89PNG", "svg+xml": b"<?xml"}[kind]
        assert base64.b64decode(content).startswith(start) and len(image["alt"]) > 20
    # a figure, and a table, each with its data
    boxes = [*found.attributes("figure", class_="picture"), *found.attributes("figure", class_="table")]
    assert len(found.attributes("button", class_="csv")) == len(boxes)
    assert {button["data-source"] for button in found.attributes("button", class_="csv")} == set(found.sources)
    names = [button["data-file"] for button in found.attributes("button", class_="csv")]
    assert len(set(names)) == len(names) and all(name.startswith("report_") for name in names)


def test_tables_hold_what_is_stored(full, drawn):
    found = drawn
    stored = cr.get.rank_programs_groups_df(full, columns="all")
    shown = found.table("report_cell-type-each-against-all-other-cells.csv")[stored.columns]
    assert len(shown) == 24
    for column in stored:
        if pd.api.types.is_float_dtype(stored[column]):
            np.testing.assert_allclose(shown[column].astype(float), stored[column], rtol=1e-5)
        else:
            assert shown[column].tolist() == stored[column].tolist()

    programs = found.table("report_programs-and-how-far-to-trust-them.csv").set_index("program")
    expected = cr.get.programs_df(full, columns="all")
    assert programs.index.tolist() == expected.index.tolist()
    np.testing.assert_allclose(programs["leakage"], expected["leakage"], rtol=1e-5)
    sd = cr.get.activity(full).to_df("sd")
    np.testing.assert_allclose(programs["reliability"], 1 - (sd**2).mean(), rtol=1e-4)
    mean = cr.get.activity_df(full).groupby(full.obs["cell_type"].astype(str)).mean()
    assert programs["highest_in"].tolist() == mean.idxmax().tolist()
    assert {"importance", "family", "nearest_twin", "variance_inflation"} <= set(programs)

    attributions = found.table("report_attributions.csv")
    pd.testing.assert_frame_equal(
        attributions,
        cr.get.attributions_df(full, n=10)[lambda table: table["program"].str.startswith("Program")]
        .set_index("program")
        .loc[list(dict.fromkeys(attributions["program"]))]
        .reset_index(),
        check_dtype=False,
        rtol=1e-5,
    )
    arguments = found.table("report_arguments-of-all-results.csv")
    assert {"programs", "rank_programs_groups", "response", "contrast"} <= set(arguments["result"])
    row = arguments.query("result == 'response' and argument == 'sample_key'")
    assert row["value"].tolist() == ["donor"]


def test_clusters(full, drawn):
    clusters = drawn.table("report_clusters-of-cell-type.csv").set_index("group")
    assert clusters.index.tolist() == ["type 0", "type 1", "type 2"]
    assert clusters["cells"].tolist() == full.obs["cell_type"].value_counts()[clusters.index].tolist()
    top = cr.get.rank_programs_groups_df(full, "type 1", q_max=0.05, direction="up", families="lead", columns="all")[
        "program"
    ]
    assert clusters.loc["type 1", "top_programs"] == ("; ".join(top[:3]) or "none stands out")
    labels = cr.get.annotation_df(full, columns="all").set_index("group")
    assert clusters["label"].tolist() == labels.loc[clusters.index, "label"].tolist()
    assert (
        clusters["rule"].tolist()
        == cr.get.rules_df(full, columns="all").set_index("group").loc[clusters.index, "rule"].tolist()
    )


def test_clusters_without_results(result, page):
    found = page(result, groupby="cell_type")
    clusters = found.table("report_clusters-of-cell-type.csv").set_index("group")
    assert "The differences were not tested" in found.text
    activity, own = cr.get.activity_df(result), result.obs["cell_type"] == "type 0"
    difference = (activity[own].mean() - activity[~own].mean()) / activity.std()
    first = clusters.loc["type 0", "top_programs"].split("; ")[0]
    # near enough to Cohen's d to have the same first
    assert difference.idxmax() == first


def test_what_was_not_computed(result, page):
    found = page(result)
    for call in (
        "rank_programs_groups(adata, model, groupby)",
        "attributions(adata, model, groupby=…)",
        "contrast(adata, model, program, groupby=…, group=…)",
        "leakage(adata, model)",
        "program_importance(adata, model)",
        "attribution_agreement(adata, model, groupby=…)",
        "faithfulness(adata, model)",
        "knockdown(adata, model, genes=…)",
        "interactions(adata, model, program)",
        "audit_programs(adata, model)",
    ):
        assert f"crystallin.tl.{call}" in found.text
    # a column of a usual name is shown without being asked for
    assert "No column was named; 'cell_type' is the only one that looks like clusters." in found.text
    assert len(found.table("report_clusters-of-cell-type.csv")) == 3


def test_clusters_that_nobody_named(result, page):
    del result.obs["cell_type"]
    found = page(result)
    assert "No clusters are shown, because no column looks like clusters." in found.text
    result.obs["leiden_0.5"] = pd.Categorical([str(i % 4) for i in range(result.n_obs)])
    result.obs["leiden_1"] = "0"
    result.obs["age of cluster"] = "x"
    assert len(page(result).table("report_clusters-of-leiden-0-5.csv")) == 4
    result.obs["Cell type"] = result.obs["leiden_0.5"].cat.rename_categories(dict(zip("0123", "abcd", strict=True)))
    text = page(result).text
    assert "Several columns look like clusters ('leiden_0.5', 'Cell type'). To choose one:" in text
    assert "clusters-of" not in page(result).html


def test_reasons_are_shown_with_the_clusters(full, page):
    table = full.uns["annotate"]["table"]
    table["label"], table["reason"] = "unassigned", "because it is a test"
    full.uns["rules"]["table"][["rule", "reason"]] = "", "no rule is good enough"
    found = page(full)
    for file, columns in {
        "clusters-of-cell-type": ["reason", "no_rule"],
        "labels-of-cell-type": ["reason"],
        "rules-for-cell-type": ["reason"],
    }.items():
        (source,) = (
            button["data-source"]
            for button in found.attributes("button", class_="csv")
            if button["data-file"] == f"report_{file}.csv"
        )
        about = {column["name"]: column for column in json.loads(found.sources[source])["columns"]}
        # among the first columns, so that they are seen without scrolling
        for name in columns:
            assert about[name]["main"] and list(about).index(name) < 8
    assert "type 0 is unassigned" in found.text and "because it is a test" in found.text


def test_nothing_was_done(page):
    found = page(AnnData(np.ones((3, 2))))
    assert "3 cells, 2 genes" in found.text and "crystallin.pp.add_programs(adata, …)" in found.text
    assert "No programs were added under 'programs'" in found.text
    assert not found.attributes("img")
    assert "0 cells" in page(AnnData(np.ones((0, 2)))).text


def test_programs_only(adata, page):
    found = page(adata, groupby="cell_type")
    assert "No activities were written" in found.text and "No loadings were written" in found.text
    assert len(found.table("report_clusters-of-cell-type.csv")) == 3


def test_dropped_sets_and_low_coverage(planted, page):
    sets = planted.sets | {"tiny": ["g1", "x"], "half": ["g1", "g2", "g3", "g4", "g5", *map(str, range(7))]}
    cr.pp.add_programs(planted.adata, sets)
    found = page(planted.adata)
    assert "10 gene sets were given, 9 of them became programs; left out: 1." in found.text
    assert "It is below one half for 1 program" in found.text
    table = found.table("report_gene-sets-and-the-genes-that-the-data-have.csv")
    assert table["set"][0] == "tiny" and "min_genes" in table["reason"][0]
    assert "n_decoys=50" in found.text


def test_query_without_table(result, page):
    del result.uns["programs"]["params"]
    table = result.uns["programs"]["table"]
    result.uns["programs"]["table"] = table[["name", "kept", "decoy"]]
    found = page(result)
    assert "the programs came with the model" in found.text


def test_results_of_other_keys_and_of_other_programs(full, model, page):
    cr.tl.leakage(full, model, groupby="batch", max_cells=5, key_added="leakage 2")
    full.uns["others"] = {"params": {"key": "hallmark"}, "table": full.uns["leakage"]["table"]}
    full.uns["of a program"] = {
        "params": {"program": "Unknown", "groupby": "batch", "group": "one", "reference": "two"},
        "table": full.uns["contrast"]["table"],
    }
    full.uns["foreign"] = {"params": {"method": "wilcoxon"}, "table": pd.DataFrame({"change": [1.0]})}
    cr.tl.attributions(full, model, groupby="cell_type", method="contributions", programs="decoy 1", key_added="decoys")
    found = page(full)
    assert "Leakage (leakage 2)" in found.text and "wilcoxon" not in found.text
    assert "Attributions (decoys)These are attributions of decoys only" in re.sub(r"\s*\n\s*", "", found.text)
    assert "others" not in found.text and "Unknown" not in found.text
    assert (
        "Results are by several columns ('cell_type', 'batch'); clusters here are those of 'cell_type'." in found.text
    )
    assert "Results are by several columns" not in page(full, groupby="batch").text


def test_readings_are_named(full, model, page):
    cr.tl.annotate(full, model, "cell_type", kind="total")
    del full.uns["rules"]["params"]["kind"]
    text = page(full).text
    assert "Shown are unique activities" in text and "Colour: mean unique activity" in text
    assert "The score is the total activity of the program" in text
    # version 0.1.0 had one reading only
    assert "Rules on unique activities" in text


def test_groupby_that_is_gone(full, page):
    del full.obs["cell_type"]
    assert "'cell_type', which is no longer a column of labels of these cells" in page(full).text


def test_stale_results_are_marked(full, page):
    assert "another state of it" not in page(full).text
    full.uns["programs"]["activity_params"]["digest"] = "newer"
    found = page(full)
    assert "'rank_programs_groups' was computed with another model, or another state of it" in found.text


def test_names_are_escaped_everywhere(full, page):
    rename(full, "Program/2", EVIL)
    full.obs["cell_type"] = full.obs["cell_type"].cat.rename_categories({"type 1": EVIL})
    rename(full, "type 1", EVIL)
    found = page(full, title=EVIL)
    # the parser fails on tags that do not fit; these are the scripts that we wrote
    assert len(found.attributes("script")) == len(found.sources) + 1
    assert "<script>alert" not in found.html and found.html.count("</script>") == len(found.sources) + 1
    assert EVIL in found.text
    names = found.table("report_programs-and-how-far-to-trust-them.csv")["program"]
    assert EVIL in names.tolist() and EVIL in found.table("report_clusters-of-cell-type.csv")["group"].tolist()


def test_policy_lets_nothing_in(drawn):
    (policy,) = drawn.attributes("meta", http_equiv="Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    (script,) = re.findall(r"<script>(.*?)</script>", drawn.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy["content"]
    outside = re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", drawn.html)
    assert not outside + re.findall(r"url\(|@import|fetch\(", drawn.html)


def dense(array):
    return array.toarray() if hasattr(array, "toarray") else array


def test_nothing_is_changed(_full, _full_path):
    adata, (before, settings, backend, figures_are_mine) = _full[0], _full_path[1]
    assert figures_are_mine
    assert dict(mpl.rcParams) == settings and mpl.get_backend() == backend
    for slot in ("obsm", "varm"):
        assert list(getattr(adata, slot)) == list(getattr(before, slot))
        for name, value in getattr(before, slot).items():
            np.testing.assert_array_equal(dense(getattr(adata, slot)[name]), dense(value))
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert list(adata.uns) == list(before.uns)
    for name, entry in before.uns.items():
        if isinstance(entry, dict) and "table" in entry:
            pd.testing.assert_frame_equal(adata.uns[name]["table"], entry["table"])


def test_views_and_backed_data(full, page, tmp_path):
    assert "400 cells" in page(full[:400]).text
    full.write_h5ad(tmp_path / "full.h5ad")
    for backed in (None, "r"):
        read = ad.read_h5ad(tmp_path / "full.h5ad", backed=backed)
        assert "Not computed" not in page(read).text


def test_returns_the_path_and_replaces_a_file(result, tmp_path):
    path = cr.report(result, str(tmp_path / "Über uns.html"), title="Mine")
    assert path == tmp_path / "Über uns.html" and "<title>Mine</title>" in path.read_text(encoding="utf-8")
    again = cr.report(result, path)
    assert "<title>Gene programs by cell_type</title>" in again.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("", IsADirectoryError, "is a folder; name a file in it"),
        ("data.h5ad", ValueError, "must end in .html"),
        ("none/report.html", FileNotFoundError, "does not exist; create it"),
        ("file/report.html", NotADirectoryError, "is a file, not a folder"),
    ],
)
def test_bad_paths(result, tmp_path, monkeypatch, name, error, words):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("crystallin._report._report.run_section", lambda *_: pytest.fail("work was done"))
    with pytest.raises(error, match=words):
        cr.report(result, tmp_path / name)


def test_no_permission(result, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("mine")
    monkeypatch.setattr(os, "access", lambda target, mode: str(target) != str(path))
    with pytest.raises(PermissionError, match=r"no permission for '.*report\.html'"):
        cr.report(result, path)
    assert path.read_text() == "mine"


def test_bad_arguments(result, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(TypeError, match="adata is a DataFrame"):
        cr.report(result.obs, path)
    with pytest.raises(KeyError, match=r"groupby='celltype' is not a column .* Did you mean 'cell_type'"):
        cr.report(result, path, groupby="celltype")
    with pytest.raises(ValueError, match="groupby='age' holds numbers"):
        cr.report(result, path, groupby="age")
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.report(result, path, n_genes=0)
    assert not path.exists()


def test_n_genes(full, page):
    assert set(page(full, n_genes=3).table("report_attributions.csv")["rank"]) == {1, 2, 3}


def test_key(result, page):
    cr.pp.add_programs(result, {"other": [f"g{i}" for i in range(9)]}, key_added="mine")
    found = page(result, key="mine")
    assert "1 gene program, under 'mine'" in found.text and "No activities were written" not in found.text
    assert "No programs were added under 'absent'" in page(result, key="absent").text


def test_limits_are_said(full, model, page, monkeypatch):
    full.obs["cluster"] = pd.Categorical([f"c{i % 5}" for i in range(400)] + 100 * ["c9"])
    cr.tl.rank_programs_groups(full, model, "cluster")
    cr.tl.attributions(full, model, groupby="cluster", method="contributions")
    cr.tl.rules(full, "cluster", n_bootstraps=0)
    for name in ("_clusters", "_names", "_genes", "_difference_figures", "_embedding"):
        monkeypatch.setattr(f"crystallin._report.{name}.MAX_GROUPS", 2)
    monkeypatch.setattr("crystallin._report._embedding.MAX_CELLS", 100)
    monkeypatch.setattr("crystallin._report._genes.N_LISTED", 3)
    monkeypatch.setattr("crystallin._report._blocks.MAX_ROWS", 40)
    found = page(full, groupby="cluster", n_genes=2)
    for words in (
        "The 2 largest of 6 clusters.",
        "The 2 largest of 6 clusters are coloured.",
        "100 random cells of 500.",
        "2 of 6 comparisons.",
        "2 of 6 clusters. Lines",
        "The first 40 of 48 rows are in this page.",
        "crystallin.get.rank_programs_groups_df(adata, key='rank_programs_groups')",
        "the 2 genes with the largest attribution of each program and group, 2 of 6 groups, 3 of 8 programs",
    ):
        assert words in found.text
    # c9 has 100 cells, the others 80 each, and the first of equals comes first
    attributions = found.table("report_attributions.csv")
    assert set(attributions["group"]) == {"c0", "c9"} and len(attributions) == 2 * 3 * 2
    dots = found.table("report_figure-programs-that-tell-the-clusters-apart.csv")
    mean = cr.get.activity_df(full).groupby(full.obs["cluster"].astype(str)).mean()
    assert set(dots["group"]) == {"c0", "c9"}
    shown = dots.pivot(index="group", columns="program", values="mean_activity")
    np.testing.assert_allclose(shown.loc["c9", mean.columns], mean.loc["c9"], rtol=1e-4, atol=1e-6)
    assert len(found.table("report_figure-cells-by-cluster.csv")) == 40


def test_within_many_strata_whole_strata_are_drawn(full, page, monkeypatch):
    monkeypatch.setattr("crystallin._report._difference_figures.MAX_GROUPS", 2)
    found = page(full)
    drawn = found.table("report_figure-at-a-glance-batch-against-one-within-cell-type.csv")
    sizes = full.obs["cell_type"].value_counts()
    assert set(drawn["stratum"]) == set(sizes.index[:2]) and "2 of 3 comparisons." in found.text


def test_clusters_of_one_cell_and_of_all(result, page):
    result.obs["single"] = np.where(np.arange(result.n_obs) == 0, "one", "others")
    result.obs["same"] = "all"
    clusters = page(result, groupby="single").table("report_clusters-of-single.csv").set_index("group")
    assert clusters.loc["one", "cells"] == 1 and clusters.loc["one", "top_programs"] == "none stands out"
    clusters = page(result, groupby="same").table("report_clusters-of-same.csv")
    assert clusters["top_programs"].tolist() == ["none stands out"]


def test_nothing_could_be_tested(full, page):
    full.uns["rank_programs_groups"]["table"]["q"] = np.nan
    found = page(full)
    assert "3 comparisons of 8 programs. None could be tested" in found.text
    assert "report_cell-type-each-against-all-other-cells.csv" in found.html
    assert "figure-at-a-glance-cell-type" not in found.html


def test_both_readings_of_differences(full, page):
    ranking = full.uns["rank_programs_groups"]
    table = ranking["table"] = ranking["table"].copy()
    table["opposed"] = False
    found = page(full)
    calls = int((table["total_q"] <= 0.05).sum())
    tested = int(table["total_q"].notna().sum())
    assert f"{calls} of {tested} tested differences of totals have a total_q of at most 0.05." in found.text
    assert "the two surely go in opposite directions" not in found.text
    table.loc[table.index[:2], "opposed"] = True
    names = ", ".join(dict.fromkeys(table["program"].iloc[:2]))
    assert f"In 2 differences the two surely go in opposite directions ({names})" in page(full).text
    # results of earlier versions have one reading
    ranking["table"] = table[[name for name in table if not name.startswith("total_") and name != "opposed"]]
    assert found.text.count("whichever programs explain it:") == 2
    assert page(full).text.count("whichever programs explain it:") == 1


def test_free_programs(freed, freed_model, page):
    found = page(freed, groupby="cell_type")
    assert "Free programs2, for variation that no gene set explains" in found.text
    assert [attrs["id"] for attrs in found.attributes("h2")][4:7] == ["programs", "free-programs", "genes"]
    table = found.table("report_free-programs-and-their-genes.csv").set_index("program")
    expected = cr.get.free_programs_df(freed)
    assert table.index.tolist() == freed_model.free_names.tolist()
    assert table["genes"].str.replace("−", "-").tolist() == expected["genes"].tolist()
    assert not table["genes"].str.contains("-").any()
    assert table["n_loadings"].tolist() == expected["n_genes"].tolist()
    mean = pd.DataFrame(freed.obsm["X_programs_free"]).groupby(freed.obs["cell_type"].astype(str).to_numpy()).mean()
    assert table["highest_in"].tolist() == mean.idxmax().tolist()
    assert table["reliability"].astype(float).between(0.1, 1).all()
    for slot in ("X_programs_free", "programs_free_sd"):
        del freed.obsm[slot]
    assert "highest_in" not in page(freed).table("report_free-programs-and-their-genes.csv")


def test_no_free_programs_no_section(page, result):
    assert "free program" not in page(result).text.lower()


def test_free_programs_that_explain_a_difference(freed, freed_model, page):
    cr.tl.rank_programs_groups(freed, freed_model, "cell_type")
    ranking = freed.uns["rank_programs_groups"]["table"]
    named = "; ".join(freed_model.free_names)
    ranking["explained_by"] = np.where(np.arange(len(ranking)) == 0, named, "")
    shown = page(freed).table("report_cell-type-each-against-all-other-cells.csv")["explained_by"]
    assert shown.tolist() == [named, *[""] * (len(ranking) - 1)]


def test_genes_of_totals(full, model, page):
    cr.tl.contrast(full, model, "Program/2", groupby="cell_type", group="type 1", kind="total")
    cr.tl.attributions(full, model, groupby="cell_type", method="contributions", kind="total")
    found = page(full)
    assert "Program/2 (total): type 1 against rest" in found.text and "Mean total activity differs by" in found.text
    assert "contributions of the total activity" in found.text


def test_other_levels_of_attributions(full, model, page):
    cr.tl.attributions(full, model, method="contributions", cells=full.obs_names[:50])
    cells = full.obs_names[:3]
    cr.tl.attributions(full, model, method="contributions", level="cell", cells=cells, key_added="of cells")
    found = page(full)
    assert set(found.table("report_attributions.csv")["group"]) == {"all"}
    assert set(found.table("report_attributions-of-cells.csv")["cell"]) == set(cells)


def test_knockdown_of_programs(full, model, page):
    cr.tl.knockdown(full, model, programs="Program/2", groupby="cell_type", max_cells=10)
    found = page(full)
    table = cr.get.knockdown_df(full)
    row = table.loc[table["change"].abs().idxmax()]
    assert "when programs are silenced: Program/2" in found.text
    assert f"The largest change: {row['gene']} in {row['group']}" in found.text


def test_contrasts_of_a_design(result, model, page):
    result.obs["donor"] = [f"d{i % 6}" for i in range(result.n_obs)]
    options = {"contrast": {"batch": ("one", "two")}, "sample_key": "donor", "within": "cell_type"}
    cr.tl.compare(result, model, "~ batch", **options, key_added="study")
    table = cr.get.compare_df(result, key="study", columns="all")
    drawn = page(result)
    surest = table.loc[table["statistic"].abs().idxmax(), "program"]
    for words in ("~ batch, within cell_type", f"Samples: {surest}", f"All contrasts of {surest}", "batch: two - one"):
        assert words in drawn.text
    shown = drawn.table("report_batch-within-cell-type.csv")
    assert len(shown) == len(table) and {"detectable", "effect_min", "most_influential"} <= set(shown)
