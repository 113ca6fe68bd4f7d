"""Names in figures: broken, shortened, never lost."""

import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.pl._names import readable
from crystallin.pl._style import italics, legend_below, mark_members, shorten, wrap

words = st.text(alphabet="ABCdef0-+'/", min_size=1, max_size=20)
names = st.lists(words, min_size=1, max_size=12).flatmap(
    lambda parts: st.sampled_from(["_", " "]).map(lambda s: s.join(parts))
)


@given(names, st.integers(21, 60))
def test_wrapped_lines_are_short_and_hold_all_words(name, width):
    lines = wrap(name, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == readable(name).replace(" ", "")


def test_lines_are_even_and_words_are_whole():
    assert wrap("Antigen processing and presentation by cells", 40) == "Antigen processing and\npresentation by cells"
    # not after a hyphen
    assert wrap("Checkpoints CTLA-4 and PD-1", 24) == "Checkpoints\nCTLA-4 and PD-1"
    assert wrap("HALLMARK_IL6_JAK_STAT3_SIGNALING", 20) == "Hallmark IL6 JAK\nSTAT3 signaling"


@given(names, st.integers(8, 60))
def test_shortened_names_keep_both_ends(name, width):
    whole = readable(name)
    short = shorten(name, width)
    assert len(short) <= max(width, 1)
    if len(whole) <= width:
        assert short == whole
    else:
        head, _, tail = short.partition("…")
        assert whole.startswith(head) and whole.endswith(tail)


@pytest.mark.parametrize("name", ["", "_", "   "])
def test_a_name_without_words_stays(name):
    assert wrap(name) == name


def test_genes_outside_the_program_are_in_italics():
    _, ax = plt.subplots()
    ax.set_yticks(range(3), ["a", "b", "c"])
    mark_members(ax, [True, False, True])
    assert [label.get_style() for label in ax.get_yticklabels()] == ["normal", "italic", "normal"]
    # and the legend says so, if there are any
    assert italics([True, True]) == {}
    legend_below(ax, italics([True, False]), 30)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["not a member of the program"]
