"""Sentences that a report opens with."""

import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin._report._findings import _changes as changes
from crystallin._report._findings import _fits as fits
from crystallin._report._findings import _mapped as mapped
from crystallin._report._findings import _names as names
from crystallin._report._findings._compared import Compared
from crystallin._report._findings._words import amount, interval, listed, percent

WITHIN = {"groupby": "condition", "within": "cell_type", "reference": "ctrl"}
REST = {"groupby": "leiden", "reference": "rest"}


def differences(rows, *, reference="ctrl"):
    """Rows are stratum, group, program, effect, half of the interval, and whether the difference is called."""
    table = pd.DataFrame(rows, columns=["stratum", "group", "program", "effect", "half", "is_called"])
    table["reference"] = reference
    table["lower"], table["upper"] = table["effect"] - table["half"], table["effect"] + table["half"]
    table["q"], table["lead"] = 0.01, True
    table["call"] = np.where(table["is_called"], np.where(table["effect"] < 0, "down", "up"), "")
    return table


@pytest.fixture
def kang():
    return differences(
        [
            ("CD14 monocytes", "stim", "Interferon", 4.51, 0.4, True),
            ("CD14 monocytes", "stim", "Ribosome", -1.2, 0.3, True),
            ("B cells", "stim", "Interferon", 3.0, 0.2, True),
            ("B cells", "stim", "Ribosome", -0.1, 0.3, False),
            # eight cells
            ("Megakaryocytes", "stim", "Interferon", 9.0, 8.0, True),
            ("Megakaryocytes", "stim", "Ribosome", -0.5, 2.0, False),
        ]
    )


def test_a_condition_within_cell_types(kang):
    found = Compared.of(kang, WITHIN)
    assert found.in_words == "stim was compared with ctrl (condition) within each of 3 groups of cell_type."
    assert changes.called(found) == (
        "2 of 2 programs changed in at least one of the 3 groups at a false discovery rate of 5 %. Most changed in "
        "CD14 monocytes (2)."
    )
    assert changes.strongest(found) == [
        "Interferon rose in all 3 groups, most clearly by 4.5 prior standard deviations (95 % interval 4.1 to 4.9) in "
        "CD14 monocytes.",
        "Ribosome fell most clearly: by 1.2 prior standard deviations (95 % interval 0.90 to 1.5) in CD14 monocytes, "
        "and is called in no other.",
    ]


def test_doubts_stand_beside_a_difference(kang):
    found = Compared.of(kang.assign(breadth=[1.2, 8, 8, 8, 8, 8], opposed=kang["program"] == "Ribosome"), WITHIN)
    rose, fell, narrow = changes.strongest(found)
    assert rose.endswith("in CD14 monocytes. A single gene carries this difference.")
    assert narrow == (
        "1 of the 4 differences called rests on one or two genes (breadth below 2): read these as changes of genes, "
        "not of programs."
    )
    assert fell.endswith(
        "and is called in no other. The total activity of its genes goes the other way, because of other programs."
    )


def test_one_comparison(kang):
    found = Compared.of(kang[kang["stratum"] == "CD14 monocytes"].assign(stratum=""), {"groupby": "condition"})
    assert found.in_words == "stim was compared with ctrl (condition)."
    assert changes.called(found) == "2 of 2 programs changed at a false discovery rate of 5 %: 1 rose and 1 fell."
    assert changes.strongest(found)[0] == (
        "Interferon rose most clearly: by 4.5 prior standard deviations (95 % interval 4.1 to 4.9)."
    )


def test_nothing_changed_or_nothing_was_tested(kang):
    found = Compared.of(kang.assign(call=""), WITHIN)
    assert changes.called(found) == (
        "None of 2 programs changed in any of the 3 groups at a false discovery rate of 5 %."
    )
    assert changes.strongest(found) == []
    untested = Compared.of(kang.assign(call="", q=np.nan), WITHIN)
    assert changes.called(untested) == (
        "No program could be tested, because the counts determine the activities too little."
    )
    one = Compared.of(kang[kang["stratum"] == "B cells"].iloc[:1].assign(call=""), {"groupby": "condition"})
    assert changes.called(one) == "None of 1 program changed at a false discovery rate of 5 %."


def test_several_groups_within_several_labels(kang):
    more = pd.concat([kang, kang.assign(group="late", call="")])
    found = Compared.of(more, WITHIN)
    assert (
        found.in_words == "stim and late were each compared with ctrl (condition) within each of 3 groups of cell_type."
    )
    assert changes.called(found) == (
        "2 of 2 programs changed in at least one of the 6 comparisons at a false discovery rate of 5 %. Most changed "
        "in stim, CD14 monocytes (2); none did in 3."
    )


def test_clusters_against_all_other_cells():
    rows = [("", "0", "T cell", 2.0, 0.1, True), ("", "0", "CD4 T cell", 3.0, 2.9, True)]
    rows += [
        ("", "1", "B cell", 2.5, 0.2, True),
        ("", "1", "T cell", -1.0, 0.2, True),
        ("", "2", "B cell", 0, 1, False),
    ]
    found = Compared.of(differences(rows, reference="rest"), REST)
    assert found.in_words == "Each of 3 groups of leiden was compared with all other cells."
    assert changes.called(found) == (
        "3 of 3 programs differed in at least one of the 3 groups at a false discovery rate of 5 %. Most differed in "
        "group 0 (2); none did in 1."
    )
    assert changes.highest(found) == (
        "In prior standard deviations above all other cells: 0: T cell (by 2.0); 1: B cell (by 2.5)."
    )
    assert changes.highest(Compared.of(found.table.assign(call=""), REST)) == ""
    one = Compared.of(found.table.iloc[:2], REST)
    assert one.in_words == "0 of leiden was compared with all other cells."
    assert changes.strongest(one) == [
        "T cell was higher most clearly: by 2.0 prior standard deviations (95 % interval 1.9 to 2.1)."
    ]


def test_contrasts_of_a_design(kang):
    table = kang.iloc[:2].drop(columns=["group", "reference"]).assign(contrast="arm: b - a", stratum="")
    found = Compared.of(table, {"design": "~ arm + sex", "sample_key": "donor"})
    assert found.in_words == "Under the design ~ arm + sex, the contrast was estimated: arm: b - a."
    assert changes.called(found) == "2 of 2 programs changed at a false discovery rate of 5 %: 1 rose and 1 fell."
    other = table.assign(contrast="sex: m - f", lower=-1.0, upper=5.0)
    several = Compared.of(pd.concat([table, other]), {"design": "~ arm + sex"})
    assert several.in_words == "Under the design ~ arm + sex, the contrasts were estimated: arm: b - a and sex: m - f."
    assert changes.strongest(several)[0].startswith("Interferon rose in all 2 comparisons, most clearly by")


def test_the_unit_of_observation(kang):
    assert Compared.of(kang, WITHIN).unit == (
        "The unit of observation is the cell. Cells are not replicates, so these differences describe these cells "
        "only: one that is due to a single donor cannot be told from one that all donors share."
    )
    samples = Compared.of(kang, WITHIN | {"sample_key": "donor"})
    assert samples.unit == "The unit of observation is the sample (donor), so error rates hold for further samples."
    small = Compared.of(kang.assign(n_samples_group=2, n_samples_reference=3), {"sample_key": "donor"})
    assert small.unit.endswith(
        "(donor; 2 against 3 or more), so error rates hold for further samples. With so few samples, how much they "
        "vary is mostly taken from other programs: only large differences can be found, and what is found should be "
        "seen in more samples."
    )
    sized = kang.assign(n_samples_group=[8, 8, 7, 7, 8, 8], n_samples_reference=8)
    assert Compared.of(sized, WITHIN | {"sample_key": "donor"}).unit == (
        "The unit of observation is the sample (donor; 7 against 8 or more), so error rates hold for further samples."
    )


def annotated(*rows):
    columns = ["group", "label", "ambiguous", "second", "best", "reason"]
    return pd.DataFrame(rows, columns=columns)


def test_names_of_clusters():
    table = annotated(
        ("0", "T cell", False, "NK cell", "T cell", ""),
        ("1", "B cell", False, "T cell", "B cell", ""),
        ("2", "T cell", True, "NK cell", "T cell", ""),
        ("3", "unassigned", False, "", "Monocyte", "the largest score, 0.62, is below 1"),
    )
    assert names.names(table, "leiden") == [
        "Of leiden, 3 of 4 groups are named: T cell (0 and 2); B cell (1).",
        "1 of these names is uncertain: 2 could also be NK cell.",
        "3 is unassigned (closest to Monocyte), because the largest score, 0.62, is below 1.",
    ]
    assert names.names(table.iloc[:2], "leiden") == ["Of leiden, all 2 groups are named: T cell (0); B cell (1)."]
    assert names.names(table.iloc[:1], "leiden") == ["Of leiden, 1 of 1 group is named: T cell (0)."]
    none = pd.concat([table.iloc[3:]] * 6)
    assert names.names(none, "leiden")[0] == "Of leiden, none of 6 groups is named."
    assert names.names(none, "leiden")[-1] == "2 more groups are unassigned."


def test_rules_that_hold():
    table = pd.DataFrame(
        {
            "group": ["0", "1", "2"],
            "rule": ["T cell > 1.0", "B cell > 1.1", ""],
            "precision": [0.9, 0.8, np.nan],
            "recall": [0.7, 1.0, np.nan],
            "f1": [0.79, 0.89, np.nan],
        }
    )
    assert names.rules(table, "leiden") == (
        "A rule on activities picks the cells of 2 of 3 groups of leiden (median precision 85 %, recall 85 %, on "
        "held-out cells); the best is that of 1: B cell > 1.1."
    )
    assert names.rules(table.iloc[2:], "leiden") == (
        "No rule on activities picks the cells of any group of leiden clearly better than chance."
    )


def test_verdicts_on_a_query():
    table = pd.DataFrame(
        [
            ("0", "like the reference", "B cells", "P (+0.2)"),
            ("1", "shifted", "CD14+ monocytes", "Interferon (+3.1)"),
            ("2", "new", "NK cells", ""),
            ("3", "too few cells", "NK cells", ""),
        ],
        columns=["group", "verdict", "label", "moved"],
    )
    assert mapped.verdicts(table) == [
        "Of the query, 1 of 4 groups is like the reference: 0 (B cells).",
        "2 is new: as far from every label as labels are from each other.",
        "1 is CD14+ monocytes, but shifted (Interferon (+3.1)).",
    ]
    assert mapped.verdicts(table.iloc[3:]) == ["Of the query, none of 1 group is like the reference."]
    assert mapped.unlike(pd.Series([0.01, 0.5, 0.6, 0.7])) == (
        "1 of 4 cells (25 %) is unlike the reference (p below 0.05); 5 % are expected by chance."
    )


def test_what_other_fits_repeat_and_what_is_barely_covered():
    stability = pd.Series([0.95, 0.4, 0.9, np.nan], index=["a", "b", "c", "d"])
    assert fits.repeated(stability) == (
        "Other fits of the model repeat 2 of 3 programs (correlation of activities of at least 0.8). Do not build on "
        "the others: b."
    )
    assert fits.repeated(stability.iloc[:1]).endswith(
        "repeat 1 of 1 program (correlation of activities of at least 0.8)."
    )
    coverage = pd.Series([0.4, 0.9, 0.2], index=["a", "b", "c"])
    assert fits.barely_covered(coverage) == (
        "2 of 3 programs have less than half of their genes in the data and represent only this part: a and c."
    )
    assert fits.barely_covered(coverage.iloc[:2]) == (
        "1 of 2 programs has less than half of its genes in the data and represents only this part: a."
    )
    assert fits.barely_covered(coverage[1:2]) == ""


def test_words():
    assert [listed(list("abcdefghi"[:n])) for n in (0, 1, 2, 3, 7)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c, d, e, f and g",
    ]
    assert listed(list("abcdefghi")) == "a, b, c, d, e, f and 3 more"
    assert [amount(value) for value in (4.51, -0.126, 0.999, 0, np.nan)] == [
        "4.5",
        "0.13",
        "1.0",
        "0.00",
        "an unknown amount",
    ]
    assert interval(-4.9, -4.1) == "95 % interval 4.1 to 4.9"
    assert interval(-0.2, 1.5) == "95 % interval −0.20 to 1.5"
    assert [percent(share) for share in (0, 0.001, 0.5, 0.998, 1)] == [
        "0 %",
        "below 1 %",
        "50 %",
        "above 99 %",
        "100 %",
    ]


def test_the_page_opens_with_them(full, drawn):
    text = drawn.text[drawn.text.index("Findings", drawn.text.index("What was run")) :]
    text = text[: text.index("Figures")].replace("\N{NO-BREAK SPACE}", " ")
    assert "Data. 500 cells with 240 genes, from 6 samples (donor); 8 gene programs." in text
    for key in ("rank_programs_groups", "response"):
        found = Compared.of(cr.get.rank_programs_groups_df(full, key=key, columns="all"), full.uns[key]["params"])
        for sentence in (found.in_words, changes.called(found), found.unit):
            assert sentence in text
    for sentence in names.names(cr.get.annotation_df(full, columns="all"), "cell_type"):
        assert sentence in text
    assert names.rules(cr.get.rules_df(full, columns="all"), "cell_type") in text


def test_nothing_to_conclude(result, page):
    assert "No groups were compared and none were named, so there is nothing to conclude yet." in page(result).text


def test_of_many_results_the_first_are_told(full, page):
    for i in range(4):
        full.uns[f"again {i}"] = full.uns["rank_programs_groups"]
    text = page(full).text
    assert "2 more results of this kind are shown below." in text
