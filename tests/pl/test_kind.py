"""Figures of either reading of the activities."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import crystallin as cr

PROGRAM, BY = "Program/2", "cell_type"
# the figure; and where it says which reading it shows
FIGURES = {
    "dotplot": (lambda adata, **kind: cr.pl.dotplot(adata, BY, **kind), lambda axes: axes[1].get_ylabel()),
    "matrixplot": (lambda adata, **kind: cr.pl.matrixplot(adata, BY, **kind), lambda axes: axes[1].get_ylabel()),
    "violin": (lambda adata, **kind: cr.pl.violin(adata, PROGRAM, BY, **kind), lambda axes: axes[0].get_xlabel()),
    "embedding": (lambda adata, **kind: cr.pl.embedding(adata, PROGRAM, **kind), lambda axes: axes[1].get_xlabel()),
    "program": (lambda adata, **kind: cr.pl.program(adata, PROGRAM, BY, **kind), lambda axes: axes[0].get_xlabel()),
}
LABELS = {
    "dotplot": "mean {}",
    "matrixplot": "mean {}",
    "violin": "{}",
    "embedding": "{}",
    "program": "{}",
}
ALL = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture
def placed(result):
    result.obsm["X_umap"] = np.random.default_rng(0).normal(size=(result.n_obs, 2))
    return result


def drawn(name, adata, **kind):
    """Draw a figure; return its axes, and what is drawn on them as numbers."""
    FIGURES[name][0](adata, **kind)
    axes = plt.gcf().axes
    return axes, [array for ax in axes for array in numbers(ax)]


def numbers(ax: Axes) -> list[np.ndarray]:
    found = [np.asarray(line.get_xydata(), dtype=float) for line in ax.lines]
    for part in ax.collections:
        found += [np.asarray(part.get_offsets()), part.get_facecolors()]
        found += [] if part.get_array() is None else [np.ma.filled(part.get_array(), np.nan)]
        found += [path.vertices for path in part.get_paths()]
    return found + [np.asarray(image.get_array()) for image in ax.images]


@ALL
def test_the_reading_is_drawn_and_named(placed, exchanged, changes, name):
    since = changes(placed)
    axes, total = drawn(name, placed, kind="total")
    where = FIGURES[name][1]
    assert where(axes) == LABELS[name].format("total activity")
    others, unique = drawn(name, placed)
    assert where(others) == LABELS[name].format("activity")
    # the same figure as of the unique reading, if the values are there
    expected = drawn(name, exchanged(placed))[1]
    assert len(total) == len(expected) > 0
    for one, other in zip(total, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(total, unique, strict=False))
    assert not since()


@ALL
def test_readings_that_are_not_there(placed, earlier, name):
    with pytest.raises(ValueError, match="kind='both' is not one of 'unique', 'total'"):
        FIGURES[name][0](placed, kind="both")
    old = earlier(placed)
    with pytest.raises(KeyError, match=r"no total activities under 'X_programs_total'"):
        FIGURES[name][0](old, kind="total")
    assert not plt.get_fignums()
    assert drawn(name, old)[1]


def test_totals_are_not_offered_as_embeddings(placed):
    with pytest.raises(KeyError, match="which has 'umap'. Compute one"):
        cr.pl.embedding(placed, PROGRAM, basis="tsne")


@pytest.mark.parametrize(("given", "name"), [({}, "activity"), ({"kind": "total"}, "total activity")])
def test_results_say_what_they_were_computed_from(result, model, given, name):
    cr.tl.annotate(result, model, BY, **given)
    cr.tl.rules(result, BY, n_bootstraps=0, **given)
    assert cr.pl.annotation(result).figure.axes[1].get_ylabel() == f"score ({name}, sd)"
    assert cr.pl.rules(result).texts[-1].get_text() == f"rule ({name})"
    for tool in ("annotate", "rules"):
        # as version 0.1.0 wrote it
        assert result.uns[tool]["params"].pop("kind") == given.get("kind", "unique")
    assert cr.pl.annotation(result).figure.axes[1].get_ylabel() == "score (activity, sd)"
    assert cr.pl.rules(result).texts[-1].get_text() == "rule (activity)"


def test_page_of_a_program_in_the_order_of_its_totals(result):
    result.obsm["X_programs_total"][:, 2] = result.obs[BY].map({"type 0": 1, "type 1": 3, "type 2": 2}).to_numpy()
    active = cr.pl.program(result, PROGRAM, BY, kind="total")[0]
    assert [label.get_text() for label in active.get_yticklabels()] == ["type 1", "type 2", "type 0"]
    mean = pd.Series(active.collections[2].get_offsets()[:, 0])
    assert mean.tolist() == pytest.approx([3, 2, 1])
