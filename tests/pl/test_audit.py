"""One program on one page: what is drawn is what the audit holds."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import DOWN, MUTED, UP


def words(labels):
    return [label.get_text() for label in labels]


def points(ax, n):
    """Loadings of the n-th group of genes: collections are lines and dots in turn."""
    return ax.collections[2 * n + 1]


def test_all_genes_of_a_program(audited):
    adata = audited()
    _, given = plt.subplots()
    ax = cr.pl.audit(adata, "T/one", ax=given)
    assert ax is given
    table = cr.get.audit_df(adata, "T/one", columns="all").set_index("gene")
    # too few suggestions for an estimate
    title = "T/one: 12 + 4 genes\nexpected share of false suggestions: 10%"
    assert ax.get_title(loc="left") == title
    adata.uns["audit_programs"]["params"] |= {"n_suggested": 40, "realised": 0.075}
    more = cr.pl.audit(adata, "T/one").get_title(loc="left")
    assert more == f"{title}; estimated over all programs: 8%"
    names = [name.removesuffix(" †") for name in words(ax.get_yticklabels())]
    assert len(names) == 16 and names == [
        *table.query("verdict == 'suggested'").sort_values("q").index,
        "g2",
        *table.query("verdict == 'kept'").sort_values("loading", ascending=False).index,
        *table.query("verdict == 'silent'").sort_values("loading", ascending=False).index,
    ]
    assert [label.get_style() for label in ax.get_yticklabels()] == ["italic"] * 4 + ["normal"] * 12
    drawn = np.concatenate([points(ax, i).get_offsets() for i in range(4)])
    np.testing.assert_allclose(drawn[:, 0], table.loc[names, "loading"])
    np.testing.assert_array_equal(drawn[:, 1], ax.get_yticks())
    lines = [segment for i in range(4) for segment in ax.collections[2 * i].get_segments()]
    np.testing.assert_allclose([line[:, 0] for line in lines], table.loc[names, ["lower", "upper"]])
    edges = [to_rgba(points(ax, i).get_edgecolor()[0]) for i in range(4)]
    assert edges == [to_rgba(colour) for colour in (UP, DOWN, "0.25", MUTED)]
    # silent genes have white dots
    assert to_rgba(points(ax, 3).get_facecolor()[0]) == to_rgba("white")
    # 0, typical loading and threshold
    np.testing.assert_allclose([line.get_xdata()[0] for line in ax.lines[:3]], [0, 0.55, 0.55 * 0.25])
    shown = words(ax.texts)
    for text in (
        "suggested: 4 genes (2 more came near)",
        "members that do not follow the program: 1 gene",
        "members that follow it: 9 genes",
        "members that the data cannot judge: 2 genes",
        "moves with",
        "T two",
    ):
        assert text in shown
    assert "same sign\nin samples" not in shown
    # members are not asked
    missing = table.loc[names].query("kind == 'missing'")
    assert shown.count("yes") == missing["replicated"].sum()
    assert (
        "† not among the genes" in ax.get_xlabel()
        and sum(name.endswith("†") for name in words(ax.get_yticklabels())) == 1
    )


def test_wide_intervals_of_silent_genes_do_not_hide_the_others(audited):
    adata = audited()
    table = adata.uns["audit_programs"]["table"]
    silent = (table["program"] == "T/one") & (table["verdict"] == "silent")
    table.loc[silent, ["lower", "upper"]] = [-40.0, 60.0]
    ax = cr.pl.audit(adata, "T/one")
    low, high = ax.get_xlim()
    clear = table[(table["program"] == "T/one") & ~silent]
    assert high < 2 * clear["upper"].max() and low > -0.6
    arrows = {line.get_marker(): list(line.get_xdata()) for line in ax.lines if line.get_marker() in "<>"}
    assert arrows == {"<": [low, low], ">": [high, high]}
    assert "arrow: the interval goes on" in ax.get_xlabel()
    table.loc[silent, ["lower", "upper"]] = [0.0, 0.1]
    ax = cr.pl.audit(adata, "T/one")
    assert not {line.get_marker() for line in ax.lines} & {"<", ">"} and "arrow" not in ax.get_xlabel()


def test_signed_sets(audited):
    ax = cr.pl.audit(audited(), "Signed")
    verticals = {round(line.get_xdata()[0], 4) for line in ax.lines if line.get_linestyle() in (":", "--")}
    assert verticals == {0.55, -0.55, 0.1375, -0.1375}
    # members that fall when the activity rises are no less members
    kept = points(ax, 2).get_offsets()[:, 0]
    assert (kept < 0).any() and (kept > 0).any() and (np.diff(np.abs(kept)) <= 0).all()


def test_many_genes(audited):
    sets = {"big": [f"g{i}" for i in range(42)], "small": [f"g{i}" for i in range(50, 60)]}
    adata = audited(sets, n_decoys=0, n_suggested=8, n_samples=6, n_silent=7)
    ax = cr.pl.audit(adata, "big", n_genes=5)
    shown = words(ax.texts)
    assert len(ax.get_yticks()) == 5 + 1 + 5 + 5
    assert "suggested: 8 genes (2 more came near), 5 shown" in shown
    assert "members that follow it: 34 genes, 5 shown" in shown
    assert "same sign\nin samples" in shown and "6 of 6" in shown


def test_no_suggestions(audited):
    ax = cr.pl.audit(audited(n_suggested=0), "T two")
    assert ax.get_title(loc="left") == "T two: 10 genes"
    assert "no gene is suggested (2 more came near)" in words(ax.texts)
    adata = audited(n_suggested=0, n_possible=0, n_silent=10, n_contradicts=0)
    summary = adata.uns["audit_programs"]["summary"]
    summary.loc[summary["program"] == "T two", ["reason", "typical_loading"]] = ["all members are silent", np.nan]
    ax = cr.pl.audit(adata, "T two")
    assert "no genes were sought: all members are silent" in words(ax.texts)
    assert "dotted" not in ax.get_xlabel() and len(ax.get_yticks()) == 10


def test_results_under_another_key(audited):
    assert len(cr.pl.audit(audited(key="mine"), "T two", key="mine").get_yticks()) == 12


def test_what_cannot_be_drawn(audited):
    adata = audited()
    with pytest.raises(KeyError, match="'T/on' is not one of the 4 programs. Did you mean 'T/one'"):
        cr.pl.audit(adata, "T/on")
    with pytest.raises(ValueError, match="'asleep' was not audited: asleep: not more coherent"):
        cr.pl.audit(adata, "asleep")
    with pytest.raises(TypeError, match="must be the name of one program"):
        cr.pl.audit(adata, ["T/one"])
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.pl.audit(adata, "T/one", n_genes=0)
    del adata.uns["audit_programs"]
    with pytest.raises(KeyError, match=r"crystallin.tl.audit_programs\(adata, model\)"):
        cr.pl.audit(adata, "T/one")
