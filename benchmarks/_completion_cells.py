"""Parts of completion.py on real cells."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA
from _completion import (
    MIN_GENES,
    ONE_SIDED,
    Audit,
    added_edges,
    all_awake,
    as_matrix,
    audited,
    awake_sets,
    baselines,
    completed,
    conditional_t,
    fitted,
    memberships,
    rankings,
    real_cells,
    scores_of,
    sets_of,
    share,
)
from _fits import interferon as effects_of_interferon
from _fits import readings_of
from kang import COLLECTIONS

import crystallin as cr
from crystallin.programs import read_gene_sets

KANG, PBMC = "kang_ifnb_2800", "pbmc3k_2638"
REPEATS = {"Hallmark": 5, "Reactome": 3}
DELETED = 0.2
EARLIER, LATER = "reactome_msigdb_v4_part.symbols.gmt", "reactome_msigdb_v2025.symbols.gmt"
SIMILAR, LARGEST = 0.4, 300
GO = "gobp_enrichr_2021.symbols.gmt"
# what the names of sets that interferon's genes should be in hold
WORDS = {"interferon": ("interferon",), "interferon or virus": ("interferon", "virus")}
UNKNOWN = "unknown"


def genes_of(file: str) -> dict[str, set[str]]:
    """Sets of a file of the folder of gene sets."""
    edges = read_gene_sets(Path(DATA / "genesets" / file)).edges
    return {str(name): set(part) for name, part in edges.groupby("source", sort=False)["target"]}


def titles(args: argparse.Namespace) -> list[str]:
    return ["Hallmark"] if args.quick else list(COLLECTIONS)


# ------------------------------------------------------------------------------------------------ deleted members


def held_out_members(args: argparse.Namespace) -> Iterator[dict]:
    """Delete a fifth of the members of awake sets, and seek them."""
    result: dict[str, dict] = {}
    for title in titles(args):
        adata = real_cells(KANG, quick=args.quick)
        awake, members = awake_sets(adata, DATA / "genesets" / COLLECTIONS[title], quick=args.quick)
        degree, members = members.to_numpy().sum(axis=1), members[awake]
        cr.pp.add_programs(adata, sets_of(members), min_genes=3)
        whole = audited(adata, fitted(adata, args.max_epochs, n_unannotated=args.free)[0], programs=awake)
        kept = whole.members[whole.members["verdict"].eq("kept")]
        knowable = as_matrix(kept, adata.var_names, awake)
        row = result[title] = {
            "awake": awake,
            "members": int(members.to_numpy().sum()),
            "verdicts_on_members": whole.members["verdict"].value_counts().to_dict(),
            "suggested_with_whole_sets": len(whole.suggested),
            "repeats": [],
        }
        yield result
        for repeat in range(1 if args.quick else args.repeats or REPEATS[title]):
            row["repeats"].append(one_deletion(args, adata, members, knowable, degree, repeat))
            print("held_out_members", title, json.dumps(row["repeats"][-1]), flush=True)
            yield result


def one_deletion(
    args: argparse.Namespace,
    adata: ad.AnnData,
    members: pd.DataFrame,
    knowable: np.ndarray,
    degree: np.ndarray,
    repeat: int,
) -> dict:
    rng = np.random.default_rng(repeat)
    deleted = np.zeros(members.shape, dtype=bool)
    for column, name in enumerate(members):
        genes = np.flatnonzero(members[name])
        deleted[rng.choice(genes, max(1, round(DELETED * len(genes))), replace=False), column] = True
    left = members & ~deleted
    cr.pp.add_programs(adata, sets_of(left), min_genes=3)
    model, seconds = fitted(adata, args.max_epochs, seed=repeat, n_unannotated=args.free)
    audit = audited(adata, model, programs=list(left))
    programs = list(left)
    called = as_matrix(audit.suggested, adata.var_names, programs)
    others = baselines(adata, programs, degree - deleted.sum(axis=1))
    scores = {"audit": scores_of(audit, adata.var_names, programs), **others}
    found = called & deleted
    return {
        "seed": repeat,
        "deleted": int(deleted.sum()),
        "knowable": int((deleted & knowable).sum()),
        "suggested": int(called.sum()),
        "found": int(found.sum()),
        "recall": share(found.sum(), deleted.sum()),
        "recall_of_knowable": share((found & knowable).sum(), (deleted & knowable).sum()),
        "estimated_by_the_audit": audit.params.get("realised"),
        "rankings": rankings(deleted, scores, ~left.to_numpy(), int(called.sum())),
        "seconds": {"training": seconds, "audit": audit.seconds},
    }


# ----------------------------------------------------------------------------------------------------- time split


def time_split(args: argparse.Namespace) -> Iterator[dict]:
    """What curators added in twelve years."""
    earlier, later = genes_of(EARLIER), genes_of(LATER)
    same = {name: genes for name, genes in earlier.items() if name in later}
    similar = {
        name
        for name, genes in same.items()
        if max(len(genes), len(later[name])) <= LARGEST
        and len(genes & later[name]) >= SIMILAR * len(genes | later[name])
    }
    result: dict[str, dict] = {}
    for file in [KANG] if args.quick else [KANG, PBMC]:
        adata = real_cells(file, quick=args.quick)
        awake, members = awake_sets(adata, {name: sorted(genes) for name, genes in same.items()}, quick=args.quick)
        if args.quick:
            members = members.iloc[:, :30]
            cr.pp.add_programs(adata, sets_of(members), min_genes=3)
        model, seconds = fitted(adata, args.max_epochs, n_unannotated=args.free)
        programs = list(members)
        awake = [name for name in awake if name in set(programs)]
        # those that are asleep by force, and those that are awake without them, as a user would have them
        audits = {"all": audited(adata, model, programs=programs), "awake": audited(adata, model, programs=awake)}
        others = baselines(adata, programs)
        edges = [(name, gene) for name in programs for gene in later[name] - same[name]]
        additions = as_matrix(pd.DataFrame(edges, columns=["program", "gene"]), adata.var_names, programs)
        row = result[file] = {
            "sets": len(programs),
            "awake_sets": awake,
            "seconds": {"training": seconds, "audit": audits["all"].seconds},
        }
        for title, which, names in (
            ("all sets", "all", programs),
            ("awake", "awake", awake),
            ("similar size", "all", similar),
            ("similar size, awake", "awake", similar & set(awake)),
        ):
            audit = audits[which]
            called = as_matrix(audit.suggested, adata.var_names, programs)
            scores = {"audit": scores_of(audit, adata.var_names, programs), **others}
            chosen = np.isin(programs, list(names))
            candidates = ~members.to_numpy()[:, chosen]
            suggested = called[:, chosen] & candidates
            right = suggested & additions[:, chosen]
            row[title] = {
                "sets": int(chosen.sum()),
                "suggested": int(suggested.sum()),
                "suggested_and_added_by_curators": int(right.sum()),
                **rankings(
                    additions[:, chosen],
                    {name: score[:, chosen] for name, score in scores.items()},
                    candidates,
                    int(suggested.sum()),
                ),
                "found": [
                    f"{adata.var_names[gene]} in {np.array(programs)[chosen][column]}"
                    for gene, column in np.argwhere(right)[:40]
                ],
            }
        print("time_split", file, json.dumps(row), flush=True)
        yield result


# ---------------------------------------------------------------------------------------------------- replication


def replication(args: argparse.Namespace) -> Iterator[dict]:
    """Suggestions of half of the donors' control cells, in the other half's and in PBMC 3k."""
    path = DATA / "genesets" / COLLECTIONS["Hallmark"]
    adata = real_cells(KANG, quick=False)
    donor = adata.obs["donor"].astype(str)
    adata = adata[adata.obs["condition"].eq("ctrl").to_numpy() & donor.ne(UNKNOWN).to_numpy()].copy()
    donors = sorted(adata.obs["donor"].astype(str).unique())
    is_first = adata.obs["donor"].astype(str).isin(donors[::2]).to_numpy()
    first, second = adata[is_first].copy(), adata[~is_first].copy()
    awake, members = awake_sets(first, path, quick=args.quick)
    sets = sets_of(members, awake)
    for cells in (first, second):
        cr.pp.add_programs(cells, sets, min_genes=1, max_genes=None)
    model, _ = fitted(first, args.max_epochs, n_unannotated=args.free)
    found = audited(first, model, sample_key="donor", programs=awake)
    suggested = found.suggested.sort_values("score", ascending=False)
    cr.tl.activity(second, model)
    there = audited(second, model, sample_key="donor", programs=awake)
    result = {
        "donors": {"first half": donors[::2], "second half": donors[1::2]},
        "cells": {"first half": first.n_obs, "second half": second.n_obs},
        "awake": awake,
        "suggested": len(suggested),
        "estimated_by_the_audit": found.params.get("realised"),
        "replicated_within_the_first_half": share(suggested["replicated"].sum(), len(suggested)),
        "other donors": held(second, suggested, there),
        "suggestions": suggested["program"].str.cat(suggested["gene"], sep=": ").head(60).tolist(),
    }
    print("replication", json.dumps(result), flush=True)
    yield result
    pbmc = real_cells(PBMC, quick=False, keep=suggested["gene"].unique().tolist())
    if args.quick:
        pbmc = pbmc[::5].copy()
    cr.pp.add_programs(pbmc, path, min_genes=MIN_GENES)
    present = memberships(pbmc)
    cr.pp.add_programs(pbmc, sets_of(present, [name for name in awake if name in present]), min_genes=1)
    model, _ = fitted(pbmc, args.max_epochs, n_unannotated=args.free)
    names = [name for name in awake if name in present]
    there = audited(pbmc, model, programs=names)
    result["PBMC 3k"] = {"sets": len(names), **held(pbmc, suggested, there)}
    print("replication", json.dumps(result["PBMC 3k"]), flush=True)
    yield result


def held(adata: ad.AnnData, suggested: pd.DataFrame, there: Audit) -> dict:
    """How many suggested edges have a loading above 0 in these cells, and how many of all candidate pairs do."""
    t = conditional_t(adata, cr.get.activity_df(adata, decoys=True))
    candidates = ~memberships(adata)[list(t)]
    edges = suggested[suggested["gene"].isin(t.index) & suggested["program"].isin(t.columns)]
    pairs = zip(edges["gene"], edges["program"], strict=True)
    edges = edges[np.array([candidates.at[gene, name] for gene, name in pairs], dtype=bool)]
    above = [t.at[gene, name] > ONE_SIDED for gene, name in zip(edges["gene"], edges["program"], strict=True)]
    listed = there.table.set_index(["program", "gene"])
    pairs = pd.MultiIndex.from_frame(edges[["program", "gene"]])
    listed = listed.loc[listed.index.intersection(pairs)]
    of_audit = listed["loading"] - ONE_SIDED * listed["sd"] > 0
    everything = t.to_numpy()[candidates.to_numpy()] > ONE_SIDED
    return {
        "edges": len(edges),
        "above_0_by_regression": share(sum(above), len(edges)),
        "all_candidates_above_0_by_regression": round(float(everything.mean()), 4),
        "listed_by_the_audit": len(listed),
        "listed_and_above_0": share(of_audit.sum(), len(listed)),
        "above_0_by_the_audit_of_all": share(of_audit.sum(), len(edges)),
        "suggested_there_too": share(listed["verdict"].eq("suggested").sum(), len(edges)),
    }


# ----------------------------------------------------------------------------------------------------- interferon


def interferon(args: argparse.Namespace) -> Iterator[dict]:
    """Kang: what interferon's programs lack, and their effect before and after."""
    known = named_after_interferon()
    result: dict[str, dict] = {"sets_to_compare_with": {word: len(sets) for word, sets in known.items()}}
    for title in titles(args):
        adata = real_cells(KANG, quick=args.quick)
        awake, members = awake_sets(adata, DATA / "genesets" / COLLECTIONS[title], quick=args.quick)
        cr.pp.screen_programs(adata, within="cell_type", drop=True, keep=awake)
        if args.quick:
            all_awake(adata)
        model, _ = fitted(adata, args.max_epochs, n_unannotated=args.free)
        audit = audited(adata, model)
        after, _ = completed(adata, model)
        added = added_edges(adata)
        of_interferon = [name for name in awake if "INTERFERON" in name]
        best_first = audit.suggested.sort_values("score", ascending=False)
        suggested = best_first[best_first["program"].isin(of_interferon)]
        result[title] = {
            "awake": awake,
            "of_interferon": of_interferon,
            "suggested": len(audit.suggested),
            "suggested_for_interferon": len(suggested),
            "added_for_interferon": added[added["program"].isin(of_interferon)].to_dict("records"),
            "in_other_sets": {
                word: in_other_sets(sets, suggested, adata.var_names, members[of_interferon])
                for word, sets in known.items()
            },
            "suggestions": [described(row, known["interferon or virus"]) for _, row in suggested.iterrows()],
            "suggested_for_others": {
                str(name): genes.head(15).tolist()
                for name, genes in best_first.groupby("program")["gene"]
                if name not in of_interferon
            },
            "before": {
                kind: effects_of_interferon(adata, values, title) for kind, values in readings_of(model, adata).items()
            },
            "after": {
                kind: effects_of_interferon(adata, values, title) for kind, values in readings_of(after, adata).items()
            },
        }
        print("interferon", title, json.dumps(result[title]), flush=True)
        yield result


def named_after_interferon() -> dict[str, dict[str, set[str]]]:
    """Sets of three collections by words in their names."""
    everything: dict[str, set[str]] = {}
    for file in (*COLLECTIONS.values(), GO):
        everything |= genes_of(file)
    return {
        title: {name: genes for name, genes in everything.items() if any(word in name.lower() for word in words)}
        for title, words in WORDS.items()
    }


def others_with(gene: str, program: str, sets: Mapping[str, set[str]]) -> list[str]:
    return [name for name, genes in sets.items() if name != program and gene in genes]


def in_other_sets(
    sets: Mapping[str, set[str]], suggested: pd.DataFrame, genes: pd.Index, members: pd.DataFrame
) -> dict[str, float | None]:
    """Share of suggestions in any of the other sets, and that of all candidates of the same programs."""
    hits = [bool(others_with(row["gene"], row["program"], sets)) for _, row in suggested.iterrows()]
    base = [
        bool(others_with(gene, name, sets)) for name in members for gene in genes[~members[name].to_numpy(dtype=bool)]
    ]
    return {"suggestions": share(sum(hits), len(hits)), "candidates": share(sum(base), len(base))}


def described(row: pd.Series, known: Mapping[str, set[str]]) -> dict:
    others = others_with(row["gene"], row["program"], known)
    return {
        "program": row["program"],
        "gene": row["gene"],
        "loading": round(float(row["loading"]), 3),
        "sd": round(float(row["sd"]), 3),
        "ratio": round(float(row["ratio"]), 2),
        "q": round(float(row["q"]), 4),
        "replicated": bool(row["replicated"]),
        "degree": int(row["degree"]),
        "competitor": str(row["competitor"]),
        "other_sets": len(others),
        "such_as": others[:3],
    }
