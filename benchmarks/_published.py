"""Published labels of cells, the collection's labels that are right for them, and how names are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from crystallin.programs import read_gene_sets

UNASSIGNED = "unassigned"
OUTCOMES = ("same", "finer", "coarser", "other branch", "wrong lineage", UNASSIGNED)
CELL_TYPE = "cell type"

# For each published label the one label of the collection that says the same. Coarser ones of its lineage are right as
# to the lineage only; finer ones cannot be checked against the published label and count as right.
EXACT = {
    "pbmc3k": {
        "Naive CD4 T": "Naive CD4 T cell",
        "Memory CD4 T": "Memory CD4 T cell",
        "CD14+ Mono": "Classical monocyte",
        "B": "B cell",
        "CD8 T": "CD8 T cell",
        "FCGR3A+ Mono": "Non-classical monocyte",
        "NK": "NK cell",
        "DC": "Dendritic cell",
        "Platelet": "Platelet",
    },
    "kang": {
        "CD14 Mono": "Classical monocyte",
        "CD4 Naive T": "Naive CD4 T cell",
        "CD4 Memory T": "Memory CD4 T cell",
        "CD16 Mono": "Non-classical monocyte",
        "B": "B cell",
        "CD8 T": "CD8 T cell",
        # both CD4 and CD8 T cells may be activated; the label does not say
        "T activated": "T cell",
        "NK": "NK cell",
        "DC": "Dendritic cell",
        # the collection has no label for activated B cells
        "B Activated": "B cell",
        # megakaryocytes of blood are platelets on other cells
        "Mk": "Platelet",
        "pDC": "Plasmacytoid dendritic cell",
        "Eryth": "Erythroid cell",
    },
    "pbmc68k": {
        "Dendritic": "Dendritic cell",
        "CD14+ Monocyte": "Classical monocyte",
        "CD19+ B": "B cell",
        "CD4+/CD25 T Reg": "Regulatory T cell",
        "CD8+ Cytotoxic T": "CD8 T cell",
        "CD8+/CD45RA+ Naive Cytotoxic": "Naive CD8 T cell",
        "CD56+ NK": "NK cell",
        "CD4+/CD45RO+ Memory": "Memory CD4 T cell",
        "CD34+": "Haematopoietic progenitor",
        "CD4+/CD45RA+/CD25- Naive T": "Naive CD4 T cell",
    },
    "symphony": {
        "T_CD4": "CD4 T cell",
        "Mono_CD14": "Classical monocyte",
        "T_CD8": "CD8 T cell",
        "B": "B cell",
        "Mono_CD16": "Non-classical monocyte",
        "NK": "NK cell",
        "DC": "Dendritic cell",
        "MK": "Platelet",
        "HSC": "Haematopoietic progenitor",
    },
    "muscat": {
        "CD14 Mono": "Classical monocyte",
        "CD4 T": "CD4 T cell",
        "B": "B cell",
        "FCGR3A Mono": "Non-classical monocyte",
        "CD8 T": "CD8 T cell",
    },
}

# PanglaoDB has no hierarchy: names that are right for a lineage. Macrophages are not of the blood, thymocytes neither.
PANGLAO = {
    "T cell": [
        "T_cells",
        "T_cells_naive",
        "T_memory_cells",
        "T_helper_cells",
        "T_cytotoxic_cells",
        "T_regulatory_cells",
        "T_follicular_helper_cells",
        "Gamma_delta_T_cells",
        "Natural_killer_T_cells",
    ],
    "NK cell": ["NK_cells"],
    "B cell": ["B_cells", "B_cells_naive", "B_cells_memory", "Plasma_cells"],
    "Monocyte": ["Monocytes"],
    "Dendritic cell": ["Dendritic_cells", "Plasmacytoid_dendritic_cells"],
    "Platelet": ["Platelets", "Megakaryocytes"],
}


def immune() -> tuple[dict[str, list[str]], dict[str, str], list[str]]:
    """Genes of each set of the collection, the next coarser label of those that are cell types, and their names."""
    read = read_gene_sets("immune")
    sets = {name: list(part["target"]) for name, part in read.edges.groupby("source", sort=False)}
    meta = read.meta
    names = meta.index[meta["category"] == CELL_TYPE].tolist()
    return sets, {name: meta["parent"][name] for name in names if meta["parent"][name]}, names


def path(label: str, parents: Mapping[str, str]) -> list[str]:
    """The label and all coarser ones, the coarsest first."""
    found = [label]
    while found[0] in parents:
        found.insert(0, parents[found[0]])
    return found


def within_reach(exact: Mapping[str, str], there: Sequence[str], parents: Mapping[str, str]) -> dict[str, str]:
    """For each published label the exact one, or the nearest coarser one of which the data hold a set or a finer one.

    A lineage without any set keeps its exact label, which then nobody can give.
    """
    known = {coarser for label in there for coarser in path(label, parents)}
    return {
        name: next((step for step in reversed(path(label, parents)) if step in known), label)
        for name, label in exact.items()
    }


def outcome(label: str, right: str, parents: Mapping[str, str]) -> str:
    """One of ``OUTCOMES``."""
    if label == UNASSIGNED:
        return UNASSIGNED
    given, wanted = path(label, parents), path(right, parents)
    if label == right:
        return "same"
    if right in given:
        return "finer"
    if label in wanted:
        return "coarser"
    return "other branch" if given[0] == wanted[0] else "wrong lineage"


def is_fine(found: str) -> bool:
    return found in ("same", "finer")


def is_of_lineage(found: str) -> bool:
    return found not in ("wrong lineage", UNASSIGNED)


def of_groups(label: Mapping[str, str], right: Mapping[str, str], parents: Mapping[str, str]) -> dict:
    """Names of groups, judged; what is not of the right lineage is listed."""
    found = {group: outcome(label[group], right[group], parents) for group in right}
    return {
        "groups": len(found),
        "lineage": sum(map(is_of_lineage, found.values())),
        "fine": sum(map(is_fine, found.values())),
        "outcomes": counted(found.values()),
        "labels": {group: [label[group], right[group], found[group]] for group in found},
    }


def of_cells(label: np.ndarray, published: np.ndarray, right: Mapping[str, str], parents: Mapping[str, str]) -> dict:
    """Labels of cells, judged: accuracy, and F1 as a mean over lineages and over published labels.

    A cell is a false positive of a published label if its own label is wrong for it and would be right there.
    """
    pairs = Counter(zip(label.tolist(), published.tolist(), strict=True))
    found = {pair: outcome(pair[0], right[pair[1]], parents) for pair in pairs}
    n = len(label)
    fine = []
    for name in dict.fromkeys(published.tolist()):
        hits = sum(k for pair, k in pairs.items() if pair[1] == name and is_fine(found[pair]))
        false = sum(
            k
            for pair, k in pairs.items()
            if pair[1] != name and not is_fine(found[pair]) and is_fine(outcome(pair[0], right[name], parents))
        )
        fine.append(2 * hits / (hits + false + int((published == name).sum())))
    root = {given: path(given, parents)[0] for given, _ in pairs}
    of_right = {name: path(right[name], parents)[0] for _, name in pairs}
    coarse = []
    for lineage in set(of_right.values()):
        hits = sum(k for (a, b), k in pairs.items() if root[a] == of_right[b] == lineage)
        both = sum(k * ((root[a] == lineage) + (of_right[b] == lineage)) for (a, b), k in pairs.items())
        coarse.append(2 * hits / both)
    outcomes = Counter()
    for pair, k in pairs.items():
        outcomes[found[pair]] += k
    return {
        "cells": n,
        "lineage": round(sum(k for name, k in outcomes.items() if is_of_lineage(name)) / n, 4),
        "fine": round(sum(k for name, k in outcomes.items() if is_fine(name)) / n, 4),
        "macro_f1_lineage": round(float(np.mean(coarse)), 4),
        "macro_f1_fine": round(float(np.mean(fine)), 4),
        "outcomes": {name: round(outcomes[name] / n, 4) for name in OUTCOMES if outcomes[name]},
    }


def counted(values: object) -> dict[str, int]:
    counts = Counter(values)
    return {name: counts[name] for name in OUTCOMES if counts[name]}
