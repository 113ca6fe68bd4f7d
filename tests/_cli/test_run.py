import re

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crystallin._cli import main, top_programs


@pytest.fixture
def counts_file(planted, tmp_path):
    path = tmp_path / "in.h5ad"
    planted.adata.layers["counts"] = planted.adata.X.copy()
    planted.adata.write_h5ad(path)
    gmt = tmp_path / "sets.gmt"
    gmt.write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in planted.sets.items()))
    return path, gmt


def test_run(counts_file, tmp_path, capsys):
    path, gmt = counts_file
    out, figures = tmp_path / "new" / "out.h5ad", tmp_path / "figures"
    command = [
        "run",
        str(path),
        "--programs",
        str(gmt),
        "--layer",
        "counts",
        "--batch-key",
        "batch",
        "--max-epochs",
        "2",
    ]
    mine = plt.figure()
    figures_before = plt.get_fignums()
    status = main([*command, "--groupby", "cell_type", "--out", str(out), "--figures", str(figures)])
    assert status == 0
    assert plt.get_fignums() == figures_before
    plt.close(mine)
    printed = capsys.readouterr().out
    assert (
        "Most active programs by cell_type (Cohen's d of unique activities" in printed and "type 2: Program/" in printed
    )
    adata = ad.read_h5ad(out)
    assert {"X_programs", "programs_sd", "X_programs_total", "programs_total_sd"} <= set(
        adata.obsm
    ) and "programs_loadings" in adata.varm
    assert {path.name for path in figures.iterdir()} == {"history.png", "loadings.png", "matrixplot.png", "umap.png"}
    assert all(path.stat().st_size > 5_000 for path in figures.iterdir())


def test_run_with_free_programs(counts_file, tmp_path, capsys):
    path, gmt = counts_file
    few = tmp_path / "few.gmt"
    few.write_text("".join(gmt.read_text().splitlines(keepends=True)[:4]))
    command = ["run", str(path), "--programs", str(few), "--max-epochs", "1", "--free", "2"]
    assert main([*command, "--out", str(tmp_path / "out.h5ad")]) == 0
    table = ad.read_h5ad(tmp_path / "out.h5ad").uns["programs"]["free"]
    printed = capsys.readouterr().out
    assert len(table) and all(f"  {name}\n" in printed for name in table["name"])


def test_groups_that_do_not_differ(counts_file, tmp_path, capsys):
    path, gmt = counts_file
    adata = ad.read_h5ad(path)
    adata.obs["half"] = np.arange(500) % 2
    adata.write_h5ad(path)
    command = ["run", str(path), "--programs", str(gmt), "--max-epochs", "1", "--groupby", "half"]
    assert main([*command, "--out", str(tmp_path / "out.h5ad"), "--figures", str(tmp_path / "figures")]) == 0
    assert "none stands out" in capsys.readouterr().out
    assert len(list((tmp_path / "figures").iterdir())) == 4


def test_run_without_groups_or_figures(counts_file, tmp_path, capsys):
    path, gmt = counts_file
    out = tmp_path / "out.h5ad"
    assert main(["run", str(path), "--programs", str(gmt), "--max-epochs", "1", "--out", str(out)]) == 0
    assert out.exists()
    assert "Most active" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"--groupby": "celltype"}, "--groupby='celltype' is not a column of adata.obs.*Did you mean 'cell_type'"),
        ({"--programs": "nope.gmt"}, "There is no gene-set file 'nope.gmt'"),
        ({"--layer": "raw"}, "layer='raw' is not a layer"),
        ({"in": "missing.h5ad", "--out": "new/folder/out.h5ad"}, "There is no file 'missing.h5ad'"),
    ],
)
def test_bad_input_is_a_message_and_status_2(counts_file, tmp_path, capsys, monkeypatch, change, match):
    path, gmt = counts_file
    monkeypatch.chdir(tmp_path)
    options = {"--programs": str(gmt), "--out": "out.h5ad", "in": str(path), **change}
    source = options.pop("in")
    status = main(["run", source, *(word for pair in options.items() for word in pair)])
    assert status == 2
    message = capsys.readouterr().err
    assert message.startswith("crystallin: ") and "Traceback" not in message
    assert re.search(match, message)
    assert not (tmp_path / "out.h5ad").exists() and not (tmp_path / "new").exists()


def test_the_input_is_not_overwritten(counts_file, capsys):
    path, gmt = counts_file
    before = path.read_bytes()
    assert main(["run", str(path), "--programs", str(gmt), "--out", str(path)]) == 2
    assert "--out is the input" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_top_programs(result):
    import crystallin as cr

    acts = cr.get.activity(result)
    top = top_programs(acts, "cell_type", n=3)
    assert list(top) == ["type 0", "type 1", "type 2"]
    for group, effects in top.items():
        assert effects.is_monotonic_decreasing
        inside = (acts.obs["cell_type"] == group).to_numpy()
        gap = acts.X[inside].mean(0) - acts.X[~inside].mean(0)
        # the program with the largest effect is also far up in plain difference
        assert gap[list(acts.var_names).index(effects.index[0])] > 0


def test_programs_that_hardly_vary_or_are_down_are_not_on_top():
    group = np.repeat(["a", "b"], 50)
    rng = np.random.default_rng(0)
    # clearly up in a, tiny but very regular in a, down in a
    values = np.column_stack([group == "a", 0.01 * (group == "a"), -1.0 * (group == "a")]).astype(float)
    values += rng.normal(0, [0.5, 1e-4, 0.5], (100, 3))
    acts = ad.AnnData(values, obs=pd.DataFrame({"group": group}, index=[f"c{i}" for i in range(100)]))
    acts.var_names = ["up", "tiny", "down"]
    assert list(top_programs(acts, "group")["a"].index) == ["up"]
    assert list(top_programs(acts, "group")["b"].index) == ["down"]


def test_help_is_quick_and_lists_both_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "run" in (shown := capsys.readouterr().out) and "demo" in shown


def test_run_with_names_and_a_report(counts_file, tmp_path, capsys):
    path, gmt = counts_file
    out, page = tmp_path / "out.h5ad", tmp_path / "new" / "page.html"
    options = [
        "--max-epochs",
        "1",
        "--n-top-genes",
        "30",
        "--groupby",
        "cell_type",
        "--annotate",
        "--report",
        str(page),
    ]
    assert main(["run", str(path), "--programs", str(gmt), "--out", str(out), *options]) == 0
    adata = ad.read_h5ad(out)
    assert "cell_type_label" in adata.obs and {"annotate", "rank_programs_groups"} <= set(adata.uns)
    assert adata.n_vars == 240 and 30 < adata.var["selected"].sum() < 240
    assert "Names of cell_type:" in capsys.readouterr().out and page.stat().st_size > 10_000


def test_groups_that_cannot_be_compared_do_not_cost_the_training(counts_file, tmp_path, caplog, capsys):
    path, gmt = counts_file
    data = ad.read_h5ad(path)
    data.obs["donor"] = data.obs["cell_type"].astype(str)
    data.write_h5ad(path)
    words = ["--max-epochs", "1", "--groupby", "cell_type", "--sample-key", "donor", "--out", str(tmp_path / "o.h5ad")]
    assert main(["run", str(path), "--programs", str(gmt), *words]) == 0
    adata = ad.read_h5ad(tmp_path / "o.h5ad")
    assert "X_programs" in adata.obsm and "rank_programs_groups" not in adata.uns
    assert "Differences between groups were not computed" in capsys.readouterr().err + caplog.text
