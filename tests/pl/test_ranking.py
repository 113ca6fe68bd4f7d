import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._ranking import found, special
from crystallin.pl._style import DOWN, MUTED, UP, shorten

N = 60


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def ranked():
    """Two strata of sixty programs with long names, as tl.rank_programs_groups leaves them."""
    rng = np.random.default_rng(0)
    parts = []
    for stratum in ("CD14+ monocytes", "B cells"):
        effect = np.sort(rng.normal(0, 1, N))[::-1]
        q = np.where(np.abs(effect) > 1, 1e-12, 0.5)
        q[-3:] = np.nan
        part = pd.DataFrame(
            {
                "stratum": stratum,
                "group": "stim",
                "reference": "ctrl",
                "program": [f"REACTOME_A_RATHER_LONG_NAME_OF_A_PATHWAY_THAT_GOES_ON_{i:02d}" for i in range(N)],
                "family": [f"f{i // 2}" for i in range(N)],
                "lead": np.arange(N) % 2 == 0,
                "effect": effect,
                "lower": effect - 0.3,
                "upper": effect + 0.3,
                "effect_sd": effect / 2,
                "q": q,
                "decoy_q": np.where(np.arange(N) % 3, 0.01, 0.2),
                "conditional_q": np.where(np.arange(N) % 5, 0.01, 0.2),
            }
        )
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return AnnData(np.zeros((2, 2)), uns={"rank_programs_groups": {"params": {}, "table": table}})


def colours(collection):
    return [to_rgba(colour) for colour in collection.get_edgecolors()]


def test_rank(ranked):
    axes = cr.pl.rank_programs_groups(ranked, n_programs=4)
    assert [ax.get_title().replace("\n", " ") for ax in axes] == [
        "CD14+ monocytes: stim against ctrl",
        "B cells: stim against ctrl",
    ]
    _, ax = plt.subplots()
    drawn = cr.pl.rank_programs_groups(ranked, stratum="B cells", n_programs=50, families="all", ax=ax)
    assert drawn is ax and len(ax.get_yticklabels()) == 50
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells").head(50)
    dots = ax.collections[1]
    np.testing.assert_allclose(dots.get_offsets()[:, 0], part["effect"])
    expected = [
        to_rgba(MUTED if not q <= 0.05 else UP if effect > 0 else DOWN)
        for q, effect in zip(part["q"], part["effect"], strict=True)
    ]
    assert colours(dots) == expected
    white = (dots.get_facecolors() == 1).all(axis=1)
    np.testing.assert_array_equal(white, ~special(part, 0.05))
    assert ax.yaxis_inverted() and max(len(label.get_text()) for label in ax.get_yticklabels()) <= 44
    with pytest.raises(ValueError, match=r"The figure shows one comparison, but there are 2 \(CD14"):
        cr.pl.rank_programs_groups(ranked, ax=ax)
    with pytest.raises(ValueError, match="n_programs=0"):
        cr.pl.rank_programs_groups(ranked, n_programs=0)


def test_volcano(ranked):
    ax = cr.pl.volcano(ranked, stratum="B cells", n_labels=3)
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells")
    drawn = np.concatenate([collection.get_offsets() for collection in ax.collections])
    assert len(drawn) == N
    assert drawn[:, 1].max() <= 10 and (np.sort(drawn[:, 1])[:3] == 0).all()
    labels = [text.get_text() for text in ax.texts]
    chosen = part[special(part, 0.05)]["program"].head(3)
    assert set(labels) == {shorten(name, 36) for name in chosen}
    with pytest.raises(ValueError, match="Choose one with group and stratum"):
        cr.pl.volcano(ranked)
    assert not cr.pl.volcano(ranked, "stim", stratum="B cells", n_labels=0, families="lead").texts


def test_effects(ranked):
    ax = cr.pl.effects(ranked, n_programs=30)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "stim against ctrl"
    assert len(ax.get_yticklabels()) == 29  # leads that are tested somewhere
    table = cr.get.rank_programs_groups_df(ranked)
    names = table["program"].unique()[:5]
    ax = cr.pl.effects(ranked, names, stratum="B cells", families="all")
    shown = np.asarray(ax.images[0].get_array())[:, 0]
    part = table[table["stratum"] == "B cells"].set_index("program").loc[names]
    np.testing.assert_allclose(shown, part["effect_sd"])
    full, hollow = ax.collections[:2]
    assert len(full.get_offsets()) == special(part, 0.05).sum()
    assert len(hollow.get_offsets()) == (found(part, 0.05) & ~special(part, 0.05)).sum()
    untested = table["program"].unique()[-1]
    assert np.ma.getmaskarray(cr.pl.effects(ranked, [untested]).images[0].get_array()).all()
    with pytest.raises(KeyError, match="'nothing' is not one of the 60 programs"):
        cr.pl.effects(ranked, "nothing")


def test_against_the_rest(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    table["group"], table["stratum"], table["reference"] = table["stratum"], "", "rest"
    ax = cr.pl.effects(ranked)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "against rest"


def test_what_is_shown_of_whom():
    table = pd.DataFrame(
        {
            "q": [0.01, 0.01, 0.01, 0.2, np.nan],
            "decoy_q": [0.02, 0.3, np.nan, 0.01, np.nan],
            "conditional_q": [0.01, 0.01, 0.3, 0.01, 0.01],
        }
    )
    assert found(table, 0.05).tolist() == [True, True, True, False, False]
    assert special(table, 0.05).tolist() == [True, False, False, False, False]


def test_shorten():
    assert shorten("HALLMARK_HYPOXIA") == "HALLMARK HYPOXIA"
    name = "REACTOME_IMMUNOREGULATORY_INTERACTIONS_BETWEEN_A_LYMPHOID_AND_A_NON_LYMPHOID_CELL"
    assert len(shorten(name)) <= 44
    assert shorten(name).startswith("REACTOME IMMUNO") and shorten(name).endswith("… A NON LYMPHOID CELL")
    assert len(shorten("x" * 100, 20)) == 20
