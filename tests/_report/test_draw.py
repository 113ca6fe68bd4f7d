"""Figures within a page."""

import base64

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin._report._draw import picture

WORDS = {"title": "A title", "alt": "Something", "data": pd.DataFrame({"x": [1]})}


def bars(name="a name"):
    _, ax = plt.subplots(figsize=(2, 1))
    ax.bar([name], [1])
    return ax


def test_small_figures_are_vectors_and_large_ones_pixels():
    small = picture(bars, **WORDS)
    kind, content = small.source.split(";base64,")
    assert kind == "data:image/svg+xml" and b"<svg" in base64.b64decode(content)
    # two inches, give or take what lies outside the axes
    assert 150 < small.width < 230

    def many():
        _, ax = plt.subplots(figsize=(2, 1))
        ax.plot(np.random.default_rng(0).normal(size=(3, 20_000)).T, ".")
        return [ax]

    large = picture(many, **WORDS)
    assert large.source.startswith("data:image/png;base64,iVBOR") and abs(large.width - small.width) < 60


def test_settings_of_the_user_do_not_change_figures():
    plain = picture(bars, **WORDS)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert picture(bars, **WORDS).source == plain.source
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize("name", ["costs $5 and $\\frac", "日本語", "<b>&amp;</b> -->"])
def test_names_are_taken_as_they_are(name):
    picture(lambda: bars(name), **WORDS)


def test_figures_are_closed_even_after_an_error(result):
    mine = plt.figure()

    def fail():
        cr.pl.loadings(result, "Program/1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        picture(fail, **WORDS)
    assert plt.get_fignums() == [mine.number] and plt.gcf() is mine
    plt.close(mine)
