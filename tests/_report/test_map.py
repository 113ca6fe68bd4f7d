"""What the report says of a mapped query."""

import numpy as np
import pytest

import crystallin as cr


@pytest.fixture
def query(result, add_map):
    result.obs["cluster"] = [f"cluster {i % 5}" for i in range(result.n_obs)]
    add_map(result, groupby="cluster")
    return result


def test_verdicts_are_shown(query, page):
    found = page(query)
    assert "against-the-reference" in [attrs["id"] for attrs in found.attributes("h2")]
    unlike = int((cr.get.map_cells_df(query)["p"] < 0.05).sum())
    for words in (
        "Of 5 groups: 2 like the reference, 1 shifted, 1 new, 1 too few cells. New: cluster 2. Shifted: cluster 1.",
        f"{unlike} of 500 cells ({unlike / 500:.0%}) are unlike the reference (p below 0.05); 5% are expected by",
    ):
        assert words in found.text
    table = found.table("report_verdicts-map.csv")
    assert set(table) == set(cr.get.map_df(query, columns="all")) and table["group"].tolist() == [
        f"cluster {i}" for i in range(5)
    ]
    assert len(found.table("report_figure-map.csv")) == 5
    assert "without samples" not in found.text
    # the column with the groups is that of the clusters
    assert "clusters-of-cluster" in found.html


def test_without_samples_the_page_says_what_does_not_hold(query, add_map, page):
    add_map(query, limit=np.nan, verdicts=("like the reference",))
    text = page(query).text
    assert "The reference was calibrated without samples" in text and "Of 3 groups: 3 like the reference." in text
    assert "New:" not in text


def test_cells_that_were_not_mapped(result, page):
    assert "reference was" not in page(result).text and "crystallin.map" not in page(result).text
