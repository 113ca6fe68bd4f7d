"""Names in figures: broken, shortened, never lost."""

import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.pl._style import mark_members, shorten, wrap

words = st.text(alphabet="ABCdef0-+'/", min_size=1, max_size=20)
names = st.lists(words, min_size=1, max_size=12).flatmap(
    lambda parts: st.sampled_from(["_", " "]).map(lambda s: s.join(parts))
)


@given(names, st.integers(21, 60))
def test_wrapped_lines_are_short_and_hold_all_words(name, width):
    lines = wrap(name, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace("_", "").replace(" ", "")


@given(names, st.integers(8, 60))
def test_shortened_names_keep_both_ends(name, width):
    whole = name.replace("_", " ")
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
