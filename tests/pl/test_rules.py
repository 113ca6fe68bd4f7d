import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr


@pytest.fixture
def ruled(result):
    table = pd.DataFrame(
        {
            "group": ["one", "two", "three"],
            "rule": [
                "T cell > 1.0",
                "Hypoxia and glycolysis > 0.2 and Memory CD8 T cell of forty characters or so ≤ 1.0 and B cell > -0.4",
                "",
            ],
            "precision": [0.9, 0.5, np.nan],
            "precision_lower": [0.8, 0.3, np.nan],
            "precision_upper": [0.95, 0.7, np.nan],
            "recall": [0.7, 0.2, np.nan],
            "recall_lower": [0.6, 0.1, np.nan],
            "recall_upper": [0.75, 0.4, np.nan],
            "prevalence": [0.5, 0.4, 0.1],
            "reason": ["", "", "3 cell(s) to learn from"],
        }
    )
    result.uns["rules"] = {"table": table, "terms": pd.DataFrame(), "params": {}}
    return result


def test_rules_show_shares_and_words(ruled):
    ax = cr.pl.rules(ruled)
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["precision"].get_xdata(), [0.9, 0.5])
    np.testing.assert_array_equal(lines["recall"].get_xdata(), [0.7, 0.2])
    np.testing.assert_array_equal(lines["of all cells"].get_xdata(), [0.5, 0.4])
    texts = [text.get_text() for text in ax.texts]
    assert texts[0] == "T cell > 1.0"
    # broken between terms, not at the "and" of a name
    assert texts[1].split("\n")[0] == "Hypoxia and glycolysis > 0.2"
    assert texts[1].replace("\n", " ") == ruled.uns["rules"]["table"]["rule"][1]
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose(segments[0][:, 0], [0.8, 0.95])


def test_groups_without_a_rule_are_counted_and_not_drawn(ruled):
    ax = cr.pl.rules(ruled)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    words = "without a rule: {} of {} groups (get.rules_df says why)"
    assert words.format(1, 3) in [text.get_text() for text in ax.texts]
    alone = cr.pl.rules(ruled, group="three")
    assert words.format(1, 1) in [text.get_text() for text in alone.texts] and not alone.get_yticklabels()
    assert "without a rule" not in " ".join(text.get_text() for text in cr.pl.rules(ruled, group="one").texts)


def test_rules_of_some_groups(ruled):
    _, given = plt.subplots()
    ax = cr.pl.rules(ruled, group="two", ax=given)
    assert ax is given and [t.get_text() for t in ax.get_yticklabels()] == ["two"]
    with pytest.raises(ValueError, match="is not one of"):
        cr.pl.rules(ruled, group="four")


def test_rules_missing(result):
    with pytest.raises(KeyError, match=r"tl.rules\(adata, groupby\) first"):
        cr.pl.rules(result)
