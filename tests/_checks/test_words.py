import pytest

from crystallin._checks._words import did_you_mean

NAMES = ["B cell", "Naive B cell", "T cell", "Type I interferon response", "Interferon gamma response", "Basophil"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Interferon", ["Type I interferon response", "Interferon gamma response"]),
        ("interferon response", ["Interferon gamma response", "Type I interferon response"]),
        ("HALLMARK_INTERFERON", []),
        ("nothing", []),
    ],
)
def test_names_by_words(name, expected):
    hint = did_you_mean(name, NAMES, n=6)
    assert all(repr(other) in hint for other in expected) and bool(hint) == bool(expected)
    assert hint.count("'") == 2 * len(expected)


@pytest.mark.parametrize("name", ["b cell", "B_CELL", "Bcell", "b-cell"])
def test_case_and_punctuation(name):
    assert did_you_mean(name, NAMES) == " Did you mean 'B cell'?"


def test_short_words_are_whole_words():
    assert "Basophil" not in did_you_mean("b", NAMES, n=6) and "'Naive B cell'" in did_you_mean("b", NAMES, n=6)


def test_similar_spelling_comes_before_common_words():
    assert did_you_mean("Naive B cel", NAMES) == " Did you mean 'Naive B cell'?"
    assert did_you_mean("programme", ["Program/1", "Program/2"]).startswith(" Did you mean 'Program/")
