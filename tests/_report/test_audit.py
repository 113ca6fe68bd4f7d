"""What the report says of members and suggested genes."""

import pandas as pd
import pytest

import crystallin as cr


def test_suggestions_and_doubts(full, drawn):
    audit, summary = cr.get.audit_df(full, columns="all"), cr.get.audit_df(full, summary=True)
    suggested = audit[audit["verdict"] == "suggested"]
    for words in (
        "7 programs of 8 could be audited for missing genes. 7 genes are suggested for 3 programs",
        "The audit was asked for at most 10% false suggestions.",
        # too few for an estimate
        "The same threshold calls 0 of them beside 7 suggestions.",
        f"Most are suggested for Program/0 ({summary['n_members'][0]} + 4 genes).",
        "This does not mean that the program regulates them.",
    ):
        assert words in drawn.text
    shown = drawn.table("report_suggested-genes.csv")
    assert shown["gene"].tolist() == suggested.sort_values("q", kind="stable")["gene"].tolist()
    doubted = drawn.table("report_members-in-doubt.csv")
    assert sorted(doubted["gene"]) == sorted(audit.loc[audit["verdict"] == "contradicts", "gene"])
    notable = drawn.table("report_programs-with-suggestions-or-doubts.csv")
    assert notable["program"].tolist()[:3] == ["Program/0", "Program/1", "Program/2"] and "Program/7" not in set(
        notable["program"]
    )
    assert len(drawn.table("report_all-genes-that-were-audited.csv")) == len(audit)
    every = drawn.table("report_all-programs-that-were-to-be-audited.csv")
    assert every["reason"].iloc[-1].startswith("asleep")
    # the three programs with most suggestions are drawn
    files = [button["data-file"] for button in drawn.attributes("button", class_="csv")]
    assert [file for file in files if "figure-audit" in file] == [
        f"report_figure-audit-programs-program-{i}.csv" for i in range(3)
    ]


def test_nothing_found(audited, page):
    found = page(audited(n_suggested=0, n_possible=0, n_contradicts=0, n_silent=0))
    assert "0 genes are suggested for 0 programs. Of 32 members that were audited, 0 do not follow" in found.text
    assert "No gene passed." in found.text
    files = [button["data-file"] for button in found.attributes("button", class_="csv")]
    assert not [file for file in files if "suggest" in file or "doubt" in file]


def test_decoys_and_several_audits(audited, audit_of, page):
    adata = audited(n_samples=4)
    other = audit_of(adata, n_suggested=1)
    decoy = next(name for name in adata.uns["programs"]["names"] if name.startswith("decoy"))
    for part in ("table", "summary"):
        other[part] = pd.concat([other[part], other[part].tail(1).assign(program=decoy)], ignore_index=True)
    adata.uns["second"] = other
    found = page(adata)
    assert "Audit under 'second'" in found.text and "Audit under 'audit_programs'" in found.text
    assert decoy not in set(found.table("report_all-programs-that-were-to-be-audited-second.csv")["program"])
    assert len(found.table("report_suggested-genes-second.csv")) == 1
    assert len(found.table("report_suggested-genes.csv")) == 7


@pytest.mark.parametrize("missing", ["realised", "fdr"])
def test_what_the_parameters_do_not_say_is_left_out(audited, page, missing):
    adata = audited()
    adata.uns["audit_programs"]["params"]["n_suggested"] = 50
    del adata.uns["audit_programs"]["params"][missing]
    text = page(adata).text
    assert ("The audit was asked for" in text) == (missing != "fdr")
    assert ("% are false" in text) == (missing != "realised")
