"""Rules that distinguish groups of cells by their programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY, KIND, NAMES, PARAMS, RULES, TABLE, TERMS, Keys, given

from ._learn import Part, Rule, judged, learn, parts_of, resampled, telling_programs, why_not
from ._shared import choose_cells, origin_of, stored_activity

if TYPE_CHECKING:
    from anndata import AnnData

# largest numbers of cells to learn from, over all groups, and of programs to consider for a group
MAX_LEARNED, MAX_PROGRAMS = 6_000, 40
# no rule is learned for a group with fewer cells
MIN_CELLS = 5


def rules(
    adata: AnnData,
    groupby: str,
    *,
    kind: Literal["unique", "total"] = "unique",
    max_terms: int = 3,
    min_gain: float | None = 0.2,
    programs: Sequence[str] | None = None,
    sample_key: str | None = None,
    held_out: float = 1 / 3,
    n_bootstraps: int = 20,
    random_state: int = 0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Learn a readable rule on activities for each group, and test it on held-out cells.

    An example is ``"MHC class II antigen presentation > 0.8 and B cell receptor signalling > 0.4"``. Activities and
    thresholds are in prior standard deviations, relative to the average cell of the data, so a rule describes the
    groups of this data set only.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    groupby
        Column of ``obs`` with groups of cells.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    max_terms
        Largest number of terms in a rule.
    min_gain
        Smallest gain of a rule on held-out cells: by how much its precision exceeds the share of all cells that belong
        to the group, relative to the largest possible excess. The precision is taken at the lower end of its 95 %
        interval, so a rule that was tested on few cells has to do better. 0 is a rule that selects cells at random, 1 a
        perfect one. A group whose best rule gains less has no rule, and ``reason`` holds the numbers. The default of
        0.2 asks for a clear gain, and keeps rules of rare groups if they select mostly cells of the group; ``None``
        keeps every rule.
    programs
        Programs that rules may use. ``None`` uses all except decoys and, if the collection has categories (as
        ``"immune"`` does), except those of category ``"housekeeping"``: ribosomes or mitochondria differ between any
        cells, and say little about what a group is.
    sample_key
        Column of ``obs`` with samples (donors). Whole samples are then held out, and bootstraps draw samples, so that
        the results hold for further samples. Intervals still refer to numbers of cells.
    held_out
        Share of cells, or of samples, on which rules are tested.
    n_bootstraps
        How often to learn rules again on resampled cells (or samples), for the stability and the range of thresholds.
        This takes most of the computing time.
    random_state
        Seed.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    key_added
        Slot of ``uns`` for the result. ``None`` uses ``"rules"``, or ``key + "_rules"`` for programs under another
        ``key``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.uns[key_added]["table"]`` : :class:`pandas.DataFrame`
        One row per group:

        - ``group``; ``rule``, and ``n_terms``, its number of terms; ``reason``: why there is no rule, if it is empty
          (its figures are then NaN or 0);
        - ``precision``: share of the selected cells that belong to the group; ``recall``: share of the group that is
          selected; their 95 % Wilson intervals (``precision_lower``, …), and ``f1``; all on held-out cells;
        - ``prevalence``: share of the held-out cells that belong to the group, which is the precision of a random rule;
          ``gain``: ``(precision_lower - prevalence) / (1 - prevalence)``; ``support``: share that the rule selects;
          ``n_group``, ``n_picked``: the numbers of these cells;
        - ``certainty``: mean posterior probability that a selected cell meets the rule, from the activities' standard
          deviations;
        - ``stability``: mean overlap (Jaccard index) of the rule's terms with those in bootstraps, irrespective of
          thresholds.
    ``adata.uns[key_added]["terms"]`` : :class:`pandas.DataFrame`
        One row per term: ``group``, ``program``, ``direction`` (``"above"``, ``"not above"``), ``threshold``, ``lower``
        and ``upper`` (the middle 90 % of the thresholds in bootstraps), ``recurrence`` (share of bootstraps with the
        term).
    ``adata.uns[key_added]["params"]`` : dict
        The arguments and the samples that were held out.

    Raises
    ------
    KeyError
        If a column, a program or the activities (in this reading) do not exist.
    ValueError
        If there is only one group or one sample, labels are missing or are measurements, ``kind`` is not a reading,
        ``min_gain`` is not a number from 0 to 1, or ``held_out`` leaves no cells to learn from or to test on.

    Notes
    -----
    A rule is a node of a shallow decision tree that separates the group from all others: the node with the largest F1
    on the cells learned from. Its thresholds are rounded to a tenth, and terms that add less than .01 to F1 are left
    out. Groups that were found by clustering the same counts are easier to distinguish than labels from another source.
    Whether a rule gains enough is decided on the same held-out cells, so the precision of rules just above
    ``min_gain`` is slightly too high on average. At most 6,000 cells are learned from, taken as evenly as possible from
    all groups and weighted by the groups' sizes.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune", min_genes=3)
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(adata, model)
    >>> cr.tl.rules(adata, "bulk_labels", max_terms=2, n_bootstraps=2)
    >>> cr.get.rules_df(adata, "CD19+ B").shape[0]
    1
    """
    keys = Keys(key)
    checks.check_adata(adata, copy=copy)
    checks.check_activity(adata, keys, kind)
    slot = checks.check_result_key(adata, key_added, keys, RULES)
    checks.check_groups(checks.ALL, checks.REST, checks.check_labels(adata, groupby, "groupby").names, groupby)
    checks.check_int(max_terms, "max_terms", 1)
    if min_gain is not None:
        checks.check_number(min_gain, "min_gain", 0, 1)
    checks.check_int(n_bootstraps, "n_bootstraps", 0)
    checks.check_int(random_state, "random_state", 0)
    checks.check_number(held_out, "held_out", 0, 1, include_minimum=False, include_maximum=False)
    sample = None
    if sample_key is not None:
        sample = checks.check_labels(adata, sample_key, "sample_key").of_cells
    wanted = telling_programs(get.programs_df(adata, key=key, columns="all")) if programs is None else programs
    names = get.activity_df(adata, wanted, key=key).columns.unique().tolist()
    columns = [str(name) for name in adata.uns[keys.uns][NAMES]]
    mean, sd = (part[:, [columns.index(name) for name in names]] for part in stored_activity(adata, keys, kind))
    values = mean.astype(np.float32, copy=False)

    chosen = choose_cells(adata, groupby)
    group = pd.Categorical(chosen.labels, chosen.groups).codes
    rng = np.random.default_rng(random_state)
    split = parts_of(group, sample, held_out, MAX_LEARNED, rng)
    drawn = [resampled(split, rng) for _ in range(n_bootstraps)]
    table, terms = [], []
    for g, name in enumerate(chosen.groups):
        row, found = _of_group(split, drawn, values, sd, group == g, names, max_terms, min_gain, random_state)
        table.append({"group": name} | row)
        terms += [{"group": name} | term for term in found]

    adata = adata.copy() if copy else adata
    params = {
        "groupby": groupby,
        KIND: kind,
        "max_terms": max_terms,
        "min_gain": min_gain,
        "sample_key": sample_key,
        "held_out": held_out,
        "held_out_samples": split.held_out_samples,
        "n_bootstraps": n_bootstraps,
        "random_state": random_state,
    }
    columns = ["group", "program", "direction", "threshold", "lower", "upper", "recurrence"]
    params = given(params) | origin_of(RULES, adata, keys)
    adata.uns[slot] = {
        PARAMS: params,
        TABLE: pd.DataFrame(table),
        TERMS: pd.DataFrame(terms, columns=columns),
    }
    return adata if copy else None


def _of_group(
    split: Part,
    drawn: Sequence[np.ndarray],
    values: np.ndarray,
    sd: np.ndarray,
    inside: np.ndarray,
    names: list[str],
    max_terms: int,
    min_gain: float | None,
    seed: int,
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Learn and test the rule of a group; return its row of the table, and its rows of the terms."""
    learned, unseen = split.learned, split.held_out

    def no_rule(reason: str) -> tuple[dict[str, object], list[dict[str, object]]]:
        row = judged((), [], values[unseen], sd[unseen], inside[unseen])
        return row | {"stability": np.nan, "reason": reason}, []

    if inside[learned].sum() < MIN_CELLS or inside[learned].all():
        return no_rule(f"{int(inside[learned].sum())} cell(s) to learn from; {MIN_CELLS} and some others are needed")
    columns = _telling(values[learned], inside[learned], split.weight)
    shown = [names[column] for column in columns]
    values, sd = values[:, columns], sd[:, columns]

    def again(weight: np.ndarray) -> Rule:
        there = weight > 0
        cells = learned[there]
        enough = inside[cells].sum() >= 2
        return learn(values[cells], inside[cells], weight[there], max_terms, seed) if enough else ()

    rule = again(split.weight)
    row = judged(rule, shown, values[unseen], sd[unseen], inside[unseen])
    reason = why_not(row, min_gain) if rule else "no threshold separates the group from the others"
    if reason:
        return no_rule(reason)
    others = [again(weight) for weight in drawn]
    kinds = [{(term.program, term.above) for term in other} for other in others]
    own = {(term.program, term.above) for term in rule}
    stability = np.mean([len(own & kind) / len(own | kind) for kind in kinds]) if kinds else np.nan
    terms = []
    for term in rule:
        alike = [t.threshold for other in others for t in other if (t.program, t.above) == (term.program, term.above)]
        lower, upper = np.quantile(alike, [0.05, 0.95]) if alike else (np.nan, np.nan)
        terms.append(
            {
                "program": shown[term.program],
                "direction": "above" if term.above else "not above",
                "threshold": term.threshold,
                "lower": lower,
                "upper": upper,
                "recurrence": len(alike) / len(others) if others else np.nan,
            }
        )
    return row | {"stability": stability, "reason": ""}, terms


def _telling(values: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the programs that differ most between the group and the others, in their original order."""
    mean = [np.average(values[side], axis=0, weights=weight[side]) for side in (inside, ~inside)]
    size = np.abs(mean[0] - mean[1]) / np.fmax(values.std(axis=0), 1e-6)
    return np.sort(np.argsort(-size, kind="stable")[:MAX_PROGRAMS])
