"""What the gene sets lack: suggested genes, and members that do not follow their program."""

from __future__ import annotations

import math

import pandas as pd

from crystallin import get, pl
from crystallin._keys import AUDIT_PROGRAMS, MIN_ESTIMATED

from ._blocks import Gallery, Heading, Section, Table, Text
from ._draw import picture
from ._found import Source, Stored
from ._missing import missing, stale
from ._trust import without_decoys
from ._values import count, shorten

TITLE = "What the sets lack"
# programs that are drawn
N_DRAWN = 3
SUGGESTED = ("program", "gene", "loading", "lower", "upper", "q", "replicated", "n_agree", "n_samples", "competitor")
DOUBTED = ("program", "gene", "loading", "lower", "upper", "q", "replicated", "n_agree", "n_samples")
MAIN = {"suggested": SUGGESTED, "contradicts": DOUBTED}
EXPLAINED = (
    "Gene sets are incomplete and partly wrong. Suggested genes are not in the set, but move with its program beyond "
    "what all other programs explain, at least as strongly as a share of what is typical of its members. This does not "
    "mean that the program regulates them. Members are in doubt if the counts suffice to tell, and the gene does not "
    "follow the program; members that the counts cannot judge are silent. All loadings here are estimated without the "
    "gene's own counts."
)


def audit_section(source: Source) -> Section:
    """Show every stored audit of programs."""
    found = source.of(AUDIT_PROGRAMS)
    if not found:
        return Section(TITLE, [missing(AUDIT_PROGRAMS)])
    blocks = [Text(EXPLAINED), *(block for stored in found for block in _audit(source, stored, len(found) > 1))]
    return Section(TITLE, blocks)


def _audit(source: Source, stored: Stored, is_one_of_several: bool) -> list:
    table = without_decoys(source, get.audit_df(source.adata, key=stored.slot, columns="all"))
    summary = without_decoys(source, get.audit_df(source.adata, summary=True, key=stored.slot))
    order = ["n_suggested", "n_contradicts"]
    notable = summary[summary[order].gt(0).any(axis=1)].sort_values(order, ascending=False, kind="stable")
    call = f"crystallin.get.audit_df(adata, key={stored.slot!r})"
    # names of files tell apart what has the same title
    mark = f" ({stored.slot})" if stored.slot != stored.kind else ""
    blocks: list = [Heading(f"Audit under {stored.slot!r}")] if is_one_of_several else []
    blocks += [*stale(source, stored), Text(_found_in_words(summary, table)), Text(_error_in_words(stored))]
    if len(notable):
        blocks.append(Table(notable, f"Programs with suggestions or doubts{mark}", n_first=10))
    blocks += _figures(source, stored, notable)
    for verdict, title in (("suggested", "Suggested genes"), ("contradicts", "Members in doubt")):
        rows = table[table["verdict"] == verdict].sort_values("q", kind="stable")
        if len(rows):
            blocks.append(Table(rows, f"{title}{mark}", _filled(rows, MAIN[verdict]), call=call))
    return [
        *blocks,
        Table(summary, f"All programs that were to be audited{mark}", folded=True),
        Table(table, f"All genes that were audited{mark}", call=call, folded=True),
    ]


def _filled(rows: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Return the columns to show, without those of samples if there were none."""
    has_samples = bool((rows["n_samples"] > 0).any())
    return [name for name in names if has_samples or name not in ("n_agree", "n_samples")]


def _found_in_words(summary: pd.DataFrame, table: pd.DataFrame) -> str:
    reasons = summary["reason"].astype(object).fillna("").astype(str)
    audited, members = summary[reasons == ""], int((table["kind"] == "member").sum())
    n_suggested, n_doubted, n_silent = (
        int(summary[f"n_{verdict}"].sum()) for verdict in ("suggested", "contradicts", "silent")
    )
    text = (
        f"{count(len(audited), 'program')} of {len(summary):,} could be audited for missing genes. "
        f"{count(n_suggested, 'gene')} are suggested for {count(int((summary['n_suggested'] > 0).sum()), 'program')}"
    )
    if n_suggested:
        held = table.loc[table["verdict"] == "suggested", "replicated"].astype(bool)
        text += f", {held.sum():,} of them seen in each half of the cells or samples"
    text += (
        f". Of {members:,} members that were audited, {n_doubted:,} do not follow their program, and {n_silent:,} are "
        "silent."
    )
    if n_suggested:
        top = summary.nlargest(1, "n_suggested", keep="first").iloc[0]
        text += (
            f" Most are suggested for {shorten(str(top['program']), 60)} "
            f"({top['n_members']:,} + {top['n_suggested']:,} genes)."
        )
    return text


def _error_in_words(stored: Stored) -> str:
    params = stored.params
    n, mirrored = int(params.get("n_suggested", 0)), int(params.get("n_mirror", 0))
    realised = float(params.get("realised", math.nan))
    text = f"The audit was asked for at most {float(params['fdr']):.0%} false suggestions. " if "fdr" in params else ""
    if not n:
        return f"{text}No gene passed."
    return (
        f"{text}How many are can be estimated from mirror images: genes that fall with a program as clearly as a "
        f"missing member would rise, which no true member does. The same threshold calls {mirrored:,} of them beside "
        f"{count(n, 'suggestion')}"
        + (f", so about {realised:.0%} are false." if math.isfinite(realised) and n >= MIN_ESTIMATED else ".")
    )


def _figures(source: Source, stored: Stored, notable: pd.DataFrame) -> list:
    names = [str(name) for name in notable.loc[notable["n_suggested"] > 0, "program"]][:N_DRAWN]
    figures = []
    for name in names:
        data = get.audit_df(source.adata, name, key=stored.slot, columns="all")
        genes = data.loc[data["verdict"] == "suggested"].sort_values("q", kind="stable")["gene"].astype(str)
        figure = picture(
            lambda name=name: pl.audit(source.adata, name, n_genes=source.n_genes, key=stored.slot),
            title=f"{name}: members and suggested genes",
            name=f"{stored.slot} {name}",
            alt=f"Loadings with intervals of members and suggested genes, among the latter {', '.join(genes[:3])}.",
            data=data,
            note=(
                "Blue: suggested genes. Orange: members that do not follow the program. Dark: members that do. White "
                "dots: members that the data cannot judge. Lines: 95 % intervals."
            ),
        )
        figures.append(figure)
    return [Gallery(figures)] if figures else []
