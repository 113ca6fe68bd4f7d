"""The section that a page opens with."""

from __future__ import annotations

from collections.abc import Callable

from crystallin import get
from crystallin._keys import ANNOTATE, COMPARE, MAP, RANK_PROGRAMS_GROUPS, RULES
from crystallin._report._blocks import Section, Text
from crystallin._report._found import Source, Stored
from crystallin._report._missing import stale
from crystallin._report._values import count

from . import _changes as changes
from . import _fits as fits
from . import _mapped as mapped
from . import _names as names
from ._compared import Compared

TITLE = "Findings"
# of each kind of result; further ones are in their own sections
N_RESULTS = 4


def findings_section(source: Source) -> Section:
    """Say what was compared, what changed, which clusters are what, and how far this can be trusted."""
    found = [
        *_each(source, MAP, _mapped),
        *_each(source, RANK_PROGRAMS_GROUPS, _ranking),
        *_each(source, COMPARE, _design),
        *_each(source, ANNOTATE, _annotation),
        *_each(source, RULES, _rules),
    ]
    if not found:
        found = [Text("No groups were compared and none were named, so there is nothing to conclude yet.", "missing")]
    return Section(TITLE, [Text(_data(source), lead="Data"), *found, *_trust(source)])


def _each(source: Source, kind: str, say: Callable[[Source, Stored], list[Text]]) -> list[Text]:
    """Return the sentences on all results of a kind, with a warning before those that are out of date."""
    found = source.of(kind)
    texts = [text for stored in found[:N_RESULTS] for text in [*stale(source, stored), *say(source, stored)]]
    if len(found) > N_RESULTS:
        n = len(found) - N_RESULTS
        texts.append(Text(f"{count(n, 'more result')} of this kind {'is' if n == 1 else 'are'} shown below."))
    return texts


def _data(source: Source) -> str:
    adata = source.adata
    text = f"{count(adata.n_obs, 'cell')} with {count(adata.n_vars, 'gene')}"
    params = [stored.params for results in source.results.values() for stored in results]
    samples = dict.fromkeys(str(each.get("sample_key", "")) for each in params)
    for column in samples:
        if column and column in adata.obs:
            text += f", from {adata.obs[column].nunique():,} samples ({column})"
    if not source.programs:
        return f"{text}. No programs were added."
    n = len(get.programs_df(adata, key=source.key, columns="all"))
    return f"{text}; {count(n, 'gene program')}."


def _mapped(source: Source, stored: Stored) -> list[Text]:
    table = get.map_df(source.adata, key=stored.slot, columns="all")
    cells = get.map_cells_df(source.adata, key=stored.slot)
    return [Text(" ".join([*mapped.verdicts(table), mapped.unlike(cells["p"])]), lead="Against the reference")]


def _ranking(source: Source, stored: Stored) -> list[Text]:
    return _changed(
        Compared.of(get.rank_programs_groups_df(source.adata, key=stored.slot, columns="all"), stored.params)
    )


def _design(source: Source, stored: Stored) -> list[Text]:
    return _changed(Compared.of(get.compare_df(source.adata, key=stored.slot, columns="all"), stored.params))


def _changed(compared: Compared) -> list[Text]:
    if compared.table.empty:
        return []
    said, lead = [compared.in_words, changes.called(compared)], "What changed"
    highest = ""
    if compared.is_against_rest:
        lead = "Differences"
    if compared.is_against_rest and not compared.within and len(compared.groups) > 1:
        highest = changes.highest(compared)
    else:
        said += changes.strongest(compared)
    texts = [Text(" ".join(said), lead=lead)]
    texts += [Text(highest, lead="Highest in each group")] if highest else []
    return [*texts, Text(compared.unit, "text" if compared.sample else "warning")]


def _annotation(source: Source, stored: Stored) -> list[Text]:
    table = get.annotation_df(source.adata, key=stored.slot, columns="all")
    return [Text(" ".join(names.names(table, stored.groupby)), lead="Which clusters are what")]


def _rules(source: Source, stored: Stored) -> list[Text]:
    return [Text(names.rules(get.rules_df(source.adata, key=stored.slot, columns="all"), stored.groupby), lead="Rules")]


def _trust(source: Source) -> list[Text]:
    if not source.programs:
        return []
    table = get.programs_df(source.adata, key=source.key, columns="all")
    said = [fits.repeated(table["stability"])] if "stability" in table and table["stability"].notna().any() else []
    if "coverage" in table:
        said.append(fits.barely_covered(table["coverage"].astype(float)))
    text = " ".join(filter(None, said))
    return [Text(text, lead="How far to trust this")] if text else []
