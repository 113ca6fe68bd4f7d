"""Section on audits of programs and completed sets."""

from __future__ import annotations

from _sections import load, said, table

LEVEL = "0.1"
UNKNOWN = "–"


def _percent(value: float | None, digits: int = 0) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}%}"


def _number(value: float | None, form: str = ".3f") -> str:
    return UNKNOWN if value is None else f"{value:{form}}"


def completion() -> str:
    results = load("completion")
    parts = [
        """## What the sets lack

`benchmarks/completion.py`: `tl.audit_programs` looks for genes that a set lacks and for members that do not
follow it; `cr.complete` adds the suggested genes and trains the model further. A suggestion says that a gene
varies with the program, given all other programs, and not that one causes the other. Rankings are over all
pairs of an audited program and a gene outside its set. The audit lists only pairs near its threshold, so all
others are tied below these; the other methods rank all pairs."""
    ]
    for name, section in SECTIONS.items():
        if results.get(name):
            parts.append(section(results[name]))
    if results.get("bars_met"):
        rows = [[what, said(is_met)] for what, is_met in results["bars_met"].items()]
        parts.append("Bars (false suggestions at most 1.2 × the nominal rate):\n\n" + table(["what", ""], rows))
    return "\n\n".join(parts) + "\n"


def _simulation(part: dict) -> str:
    summary = part["summary"]
    errors = [
        [
            label,
            f"{float(level):.0%}",
            at["calls"],
            _percent(at["false_discovery_proportion"], 1),
            f"{_percent(at['recall'])} / {_percent(at['recall_strong'])}",
        ]
        for label, row in summary.items()
        for level, at in row["levels"].items()
    ]
    activities = [
        [
            label,
            when,
            f"{row[when]['r_median_of_oracle']:.1%} / {row[when]['r_10th_percentile_of_oracle']:.1%}",
            f"{row[when]['gene_auroc']:.3f} / {row[when]['gene_auroc_strong']:.3f}",
            f"{100 * row[when]['coverage_off_by_at_most']:.1f}",
            f"{row[when]['decoy_auroc']:.3f}",
            f"{row[when]['sd_median_of_decoys']:.2f}",
        ]
        for label, row in summary.items()
        for when in ("before", "after")
    ]
    names = list(dict.fromkeys(name for row in summary.values() for name in row["auprc"]))
    ranked = [
        [
            name,
            *(
                f"{_number(row['auprc'].get(name))} / {_percent(row['recall_at_as_many_calls'].get(name))}"
                for row in summary.values()
            ),
        ]
        for name in names
    ]
    runs = part["runs"]
    seconds = [sum(run["seconds"][name] for run in runs) / len(runs) for name in ("training", "audit", "complete")]
    return f"""**Simulated cells**, as in the first section; programs are screened and all of them trained; summed over
seeds ({
        max(row["seeds"] for row in summary.values())
    }). Recall is the share of missing members of awake programs, of all
/ of those with a true loading of at least .1.

{table(["simulation", "nominal", "suggestions", "false", "recall, all / strong"], errors)}

![Error rates and recall](_static/completion.png)

Average precision / recall at as many calls as the audit makes at 10 %, means over seeds (attributions: one seed).
Loadings are 0 outside the sets, so they cannot rank these pairs.

{table(["ranked by", *summary], ranked)}

{_members(runs)}

Activities before and after the sets are completed; r as a share of the oracle's, means over seeds; coverage:
largest deviation, in points:

{
        table(
            [
                "simulation",
                "sets",
                "r: median / 10th percentile",
                "gene AUROC, all / strong",
                "coverage",
                "decoy AUROC",
                "sd of decoys",
            ],
            activities,
        )
    }

Seconds, mean: training {seconds[0]:.0f}, an audit {seconds[1]:.0f}, completing {seconds[2]:.0f}."""


def _members(runs: list[dict]) -> str:
    rows = []
    for level in runs[0]["members"]:
        total = {
            key: sum(run["members"][level][key] for run in runs)
            for key in ("members", "spurious", "contradicts", "contradicts_wrongly", "kept", "kept_wrongly")
        }
        found = total["contradicts"] - total["contradicts_wrongly"]
        rows.append(
            [
                f"{float(level):.0%}",
                total["contradicts"],
                _percent(total["contradicts_wrongly"] / total["contradicts"] if total["contradicts"] else None, 1),
                _percent(found / total["spurious"] if total["spurious"] else None),
                total["kept"],
                _percent(total["kept_wrongly"] / total["kept"] if total["kept"] else None, 1),
            ]
        )
    header = [
        "nominal",
        "contradicts",
        "true members among these",
        "of the spurious ones",
        "kept",
        "spurious among these",
    ]
    return "Annotated members of audited programs, all simulations:\n\n" + table(header, rows)


def _corruption(part: dict) -> str:
    rows = []
    for run in part["runs"]:
        missing = run["missing"][LEVEL]
        rows.append(
            [
                f"{run['dropped']:.0%}",
                missing["calls"],
                _percent(missing["false_discovery_proportion"], 1),
                _percent(missing["recall"]),
                run["completed_sets"]["added_edges"],
                *(
                    f"{run[when]['r_median_of_oracle']:.1%} / {run[when]['r_10th_percentile_of_oracle']:.1%}"
                    for when in ("before", "after")
                ),
            ]
        )
    header = [
        "dropped and added",
        "suggestions at 10 %",
        "false",
        "recall",
        "added by cr.complete",
        "r before: median / 10th percentile, of the oracle's",
        "r after",
    ]
    return f"""**How wrong the sets are** (log-additive, depth 500, one seed). Without corruption nothing is missing, so
any suggestion is false.

{table(header, rows)}"""


def _null(part: dict) -> str:
    rows = [
        [
            title,
            word,
            "beside the panel" if how == "beside_the_panel" else "alone",
            f"{found['pairs']:,}",
            found["suggested"],
            f"{found['suggested_for_own_sets']} of {found['pairs_of_own_sets']}" if word == "resampled" else UNKNOWN,
            found["suggested_in_the_panel"],
        ]
        for title, row in part.items()
        for word in ("permuted", "resampled")
        for how, found in row.get(word, {}).items()
    ]
    header = ["cells", "copies", "audited", "pairs", "suggested", "for the gene's own sets", "suggested in the panel"]
    text = f"""**Genes without a program**, at 10 %: copies of genes whose counts were shuffled among cells of
similar depth (permuted), and copies whose counts were drawn from the fitted model, which follow the sets of the
original gene and no others (resampled).

{table(header, rows)}"""
    said_ = [
        f"{words}: {row['suggested']} suggestions for {row['decoys']} decoys ({_percent(row['members_kept'])} of their "
        "members kept)"
        for words, row in (
            ("beside the true sets", part.get("simulated", {}).get("decoys_beside_true_sets", {})),
            ("in a model of decoys alone", part.get("simulated", {}).get("decoys_alone", {}).get("by_force", {})),
        )
        if "suggested" in row
    ]
    if "decoys_alone" in part.get("simulated", {}):
        row = part["simulated"]["decoys_alone"]
        said_.append(f"of decoys alone {row['awake']} are awake, with {row['suggested_for_awake_ones']} suggestions")
    return text + ("\n\nDecoy sets, audited although they are asleep: " + "; ".join(said_) + "." if said_ else "")


def _mean_of(repeats: list[dict], name: str, key: str) -> float | None:
    values = [row["rankings"]["scores"][name][key] for row in repeats if name in row["rankings"]["scores"]]
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def _held_out(part: dict) -> str:
    part = {title: row for title, row in part.items() if row["repeats"]}
    rows = [
        [
            title,
            len(row["awake"]),
            len(row["repeats"]),
            *(
                f"{sum(repeat[a] for repeat in row['repeats'])} of {sum(repeat[b] for repeat in row['repeats'])}"
                for a, b in (("found", "deleted"), ("found", "suggested"))
            ),
            _percent(sum(repeat["recall_of_knowable"] or 0 for repeat in row["repeats"]) / len(row["repeats"])),
        ]
        for title, row in part.items()
    ]
    names = list(dict.fromkeys(name for row in part.values() for name in row["repeats"][0]["rankings"]["scores"]))
    ranked = [
        [
            name,
            *(
                " / ".join(_number(_mean_of(row["repeats"], name, key)) for key in ("auprc", "auroc"))
                for row in part.values()
            ),
        ]
        for name in names
    ]
    header = [
        "sets",
        "awake",
        "repeats",
        "deleted members found",
        "deleted among suggestions",
        "recall of knowable ones",
    ]
    return f"""**Deleted members.** A random fifth of the members of awake sets was deleted and searched for at
10 %, on Kang. *Knowable* members are those that an audit of the whole sets calls kept. Other suggestions need
not be wrong.

{table(header, rows)}

Average precision / AUROC of deleted members, means over repeats:

{table(["ranked by", *part], ranked)}"""


def _time_split(part: dict) -> str:
    rows = []
    for file, row in part.items():
        for title in ("all sets", "awake", "similar size", "similar size, awake"):
            if title not in row:
                continue
            at = row[title]
            rows.append(
                [
                    file.split("_")[0],
                    f"{title} ({at['sets']})",
                    at["true"],
                    f"{at['suggested_and_added_by_curators']} of {at['suggested']}",
                    *(
                        f"{_number(at['scores'][name]['auprc'], '.4f')} / {_number(at['scores'][name]['auroc'], '.2f')}"
                        for name in ("audit", "correlation with the set's mean", "degree of the gene")
                    ),
                ]
            )
    header = [
        "cells",
        "sets",
        "added by curators",
        "among suggestions",
        "audit: average precision / AUROC",
        "correlation with the set's mean",
        "degree",
    ]
    return f"""**What curators added** to Reactome from 2013 to 2025: genes that the sets of 2013 lack, as the truth.
Curators add proteins of a pathway, which need not be expressed together, and much studied genes are in many sets.

{table(header, rows)}"""


def _replication(part: dict) -> str:
    rows = [
        [
            title,
            row["edges"],
            _percent(row["above_0_by_regression"]),
            _percent(row["all_candidates_above_0_by_regression"]),
            f"{_percent(row['listed_and_above_0'])} ({row['listed_by_the_audit']})",
            _percent(row["suggested_there_too"]),
        ]
        for title in ("other donors", "PBMC 3k")
        if (row := part.get(title))
    ]
    header = [
        "suggestions in",
        "edges there",
        "loading above 0, by regression",
        "all candidate pairs",
        "above 0 by the audit, of those in its table",
        "suggested there too",
    ]
    return f"""**Other cells.** {part["suggested"]} suggestions for Hallmark's {len(part["awake"])} awake sets, from
control cells of {len(part["donors"]["first half"])} donors of Kang, in those of the {
        len(part["donors"]["second half"])
    } other donors and in PBMC 3k. Above 0: one-sided, 95 %. The regression of log-normalised expression on all
activities does not depend on the audit.

{table(header, rows)}"""


def _interferon(part: dict) -> str:
    texts = []
    for title, row in part.items():
        if "suggestions" not in row:
            continue
        shares = [
            [
                f"sets named after {word}",
                _percent(found["suggestions"]),
                _percent(found["candidates"], 1),
            ]
            for word, found in row["in_other_sets"].items()
        ]
        suggested = [
            [
                edge["gene"],
                edge["program"].removeprefix("HALLMARK_").removeprefix("REACTOME_").replace("_", " ").lower(),
                f"{edge['loading']:.2f} ± {edge['sd']:.2f}",
                f"{edge['q']:.3f}",
                "yes" if edge["replicated"] else "no",
                edge["other_sets"],
            ]
            for edge in row["suggestions"][:30]
        ]
        effects = [
            [
                kind,
                when,
                f"{len(row[when][kind]['interferon_first_in'])} of {row[when][kind]['cell_types']}",
                _effects(row[when][kind]),
            ]
            for kind in row["before"]
            for when in ("before", "after")
        ]
        texts.append(
            f"""**Interferon on Kang, {title}**: {row["suggested_for_interferon"]} of {row["suggested"]} suggestions are
for programs named after interferon, {len(row["of_interferon"])} of the {len(row["awake"])} that are awake. Share of
them that is in another set of Hallmark, Reactome or GO biological processes with such a name:

{table(["in other sets", "suggestions", "all candidates"], shares)}

{table(["gene", "program", "loading ± sd", "q", "in both halves", "other such sets"], suggested)}

Effect of stimulation (Cohen's d) of interferon's two sets, smallest to largest over types, and in how many types an
interferon set comes first:

{table(["reading", "sets", "first in", "d"], effects)}"""
        )
    return "\n\n".join(texts)


def _effects(row: dict) -> str:
    return (
        "; ".join(f"{min(of.values()):.1f} to {max(of.values()):.1f}" for of in row["effect"].values() if of) or UNKNOWN
    )


def _speed(part: dict) -> str:
    rows = [
        [
            f"{row['cells']:,} × {row['genes']:,} × {row['programs']:,}",
            row["seconds_training"] if "audit_over_training" in row else UNKNOWN,
            row["seconds_audit"],
            _percent(row.get("audit_over_training")),
            row.get("seconds_complete", UNKNOWN),
            f"{(row['peak_mb_with_the_audit'] - row['peak_mb_before_the_audit']) / 1e3:.1f} of "
            f"{row['peak_mb_with_the_audit'] / 1e3:.1f}",
        ]
        for name in ("default", "large")
        if (row := part.get(name))
    ]
    header = [
        "cells × genes × programs",
        "training, s",
        "audit, s",
        "audit / training",
        "completing, s",
        "peak memory that the audit adds, GB",
    ]
    return f"""**Time and memory**, all programs audited, {part["threads"]} threads:

{table(header, rows)}"""


SECTIONS = {
    "simulation": _simulation,
    "corruption": _corruption,
    "null": _null,
    "held_out_members": _held_out,
    "time_split": _time_split,
    "replication": _replication,
    "interferon": _interferon,
    "speed": _speed,
}
