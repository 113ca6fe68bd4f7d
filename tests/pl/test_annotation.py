import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr


@pytest.fixture
def annotated(result):
    """Results as the tools write them, with what figures could stumble over."""
    labels = ["T cell", "CD8 T cell", "B cell", "a label of no group", "Monocyte with a name of forty characters ..."]
    table = pd.DataFrame(
        {
            "group": ["one", "two", "three"],
            "label": ["CD8 T cell", "B cell", "unassigned"],
            "path": ["T cell > CD8 T cell", "B cell", ""],
            "best": ["CD8 T cell", "B cell", labels[-1]],
            "carried_by": ["CD8 T cell", "B cell", labels[-1]],
            "second": ["B cell", "T cell", "B cell"],
            "specificity": 0.9,
            "ambiguous": [False, True, False],
        }
    )
    rng = np.random.default_rng(0)
    scores = pd.DataFrame([(g, name) for g in table["group"] for name in labels], columns=["group", "label"])
    scores["score"], scores["support"] = rng.uniform(-1, 3, len(scores)), rng.random(len(scores))
    result.uns["annotate"] = {"table": table, "scores": scores, "params": {"groupby": "x"}}
    return result


def test_annotation_shows_scores_support_and_what_was_given(annotated):
    ax = cr.pl.annotation(annotated)
    names = [label.get_text() for label in ax.get_xticklabels()]
    # labels that are no group's first or second are left out
    assert names[:3] == ["T cell", "CD8 T cell", "B cell"] and len(names) == 4
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows[0] == "one  →  CD8 T cell" and rows[1] == "two  →  B cell?" and rows[2] == "three  →  unassigned"
    dots, rings = ax.collections[:2]
    scores = annotated.uns["annotate"]["scores"].set_index(["group", "label"])
    values = dots.get_array().reshape(3, 4)
    assert values[0, 1] == scores.loc[("one", "CD8 T cell"), "score"]
    sizes = np.asarray(dots.get_sizes()).reshape(3, 4)
    supports = [scores.loc[("two", name), "support"] for name in names[:3]]
    np.testing.assert_allclose(sizes[1, :3] / sizes[1, 0], np.array(supports) / supports[0])
    assert rings.get_offsets().tolist() == [[1, 0], [2, 1]]
    explained = [text.get_text() for text in ax.figure.axes[1].get_legend().get_texts()]
    assert explained == ["25%", "50%", "100%", "label given", "?  second label is close", "grey: no label"]
    ax = cr.pl.annotation(annotated, group="one")
    assert [text.get_text() for text in ax.figure.axes[1].get_legend().get_texts()][3:] == ["label given"]


def test_the_finer_label_that_has_the_score_is_drawn(annotated):
    annotated.uns["annotate"]["table"].loc[1, "carried_by"] = "a label of no group"
    ax = cr.pl.annotation(annotated)
    assert "a label of no group" in [label.get_text() for label in ax.get_xticklabels()]


def test_annotation_of_some_groups_on_given_axes(annotated):
    _, given = plt.subplots()
    ax = cr.pl.annotation(annotated, group=["three", "one"], ax=given)
    # in the order of the table
    assert ax is given and [t.get_text()[:3] for t in ax.get_yticklabels()] == ["one", "thr"]
    with pytest.raises(ValueError, match="is not one of"):
        cr.pl.annotation(annotated, group="four")


def test_annotation_missing(result):
    with pytest.raises(KeyError, match=r"tl.annotate\(adata, model, groupby\) first"):
        cr.pl.annotation(result)
