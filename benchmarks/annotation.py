"""Are groups of cells given the right names, is "unassigned" said where no name is right, and do rules hold?

    python benchmarks/annotation.py                      # writes benchmarks/results/annotation.json and a figure
    python benchmarks/annotation.py --only missing       # one part again, the others as they were; --data likewise
    python benchmarks/annotation.py --quick              # one small data set and few epochs, writes nothing

* accuracy: labels from the "immune" collection on five data sets, against published labels (``_published.py`` says
  which names are right), for the published groups, for Leiden clusters and for single cells; decoupler's ulm and
  scanpy's score_genes on the same sets, genes and clusters. Thresholds and scoring were designed while looking at the
  first three data sets; nobody had looked at the other two then (BLIND).
* calibration (in the same part, of the same models): the probability of a cell's own label against how often its
  lineage is right.
* rules (likewise): rules of the published groups on held-out cells, against decision trees on genes.
* panglao: labels from all of PanglaoDB, of all tissues, on PBMC 3k.
* missing: a lineage's sets are taken out before training; are its cells "unassigned", do the others keep their names?
* resolutions: the lineages of Leiden clusters at six resolutions, on the same data, on more data of blood, a lymphoma
  and other tissues, and on data in which one lineage is removed or dominates (``_resolutions.py``). Files that are not
  there are left out and named.

2,000 variable genes (or those that the data come with) and all genes of the sets. Leiden needs ``igraph``.
Data: see kang.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import anndata as ad
import decoupler as dc
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc
from _common import BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, seconds_of, versions, write
from _published import EXACT, PANGLAO, UNASSIGNED, immune, of_cells, of_groups, path, within_reach
from _resolutions import CHANGED, OTHER, RESOLUTIONS, SOURCES, changed, clusters, of_lineages, read, there
from _resolutions import draw as draw_resolutions
from kang import variable_genes
from sklearn.tree import DecisionTreeClassifier

import crystallin as cr
from crystallin.programs import read_gmt
from crystallin.tl._learn._held_out import parts_of
from crystallin.tl._learn._rule import learn, picked
from crystallin.tl._rules import MAX_LEARNED, _telling
from crystallin.tl._shared._cells import choose_cells

N_GENES, FEWEST = 2_000, 5
# files, column of the published labels, batches, and smallest sets: 3 genes where the data come with few selected genes
FILES = {
    "pbmc3k": ("pbmc3k_2638.h5ad", "cell_type", None, FEWEST),
    "kang": ("kang_ifnb_2800.h5ad", "seurat_annotation", "condition", FEWEST),
    "pbmc68k": (None, "bulk_labels", None, 3),
    "symphony": ("pbmc_3batch_symphony_1200.h5ad", "cell_type", "batch", 3),
    "muscat": ("kang_muscat_1556.h5ad", "cell_type", "condition", 3),
}
BLIND = ["symphony", "muscat"]
MISSING_IN = ["pbmc68k", "symphony", "pbmc3k", "kang"]
LINEAGES = ["B cell", "NK cell", "Monocyte", "T cell", "Dendritic cell", "Platelet"]
GROUPINGS = {"published": "published groups", "leiden": "Leiden clusters"}
BINS = [0, 0.5, 0.7, 0.9, 0.99, 1]
DEPTH = 3


@dataclass
class Data:
    """One data set."""

    adata: ad.AnnData
    exact: dict[str, str]
    batch_key: str | None
    min_genes: int
    max_epochs: int | None

    @cached_property
    def published(self) -> np.ndarray:
        return self.adata.obs["published"].astype(str).to_numpy()

    def right(self, grouping: str, there: Sequence[str], parents: Mapping[str, str]) -> dict[str, str]:
        """For each group the label that is right: that of most of its cells."""
        labels = within_reach(self.exact, there, parents)
        most = self.adata.obs.groupby(grouping, observed=True)["published"].agg(lambda part: part.mode().iloc[0])
        return {str(group): labels[name] for group, name in most.items()}

    def trained(self, programs: object) -> tuple[ad.AnnData, cr.ProgramVAE]:
        adata = self.adata.copy()
        cr.pp.add_programs(adata, programs, min_genes=self.min_genes)
        cr.ProgramVAE.setup_anndata(adata, batch_key=self.batch_key)
        model = cr.ProgramVAE(adata)
        model.train(max_epochs=self.max_epochs, enable_progress_bar=False)
        cr.tl.activity(adata, model)
        return adata, model


def with_logged(adata: ad.AnnData, genes: Sequence[str]) -> ad.AnnData:
    """Variable genes and those of the sets, with logged counts of all genes' totals in a layer."""
    adata = adata[:, np.asarray(adata.X.sum(axis=0)).ravel() > 0].copy()
    adata.X = adata.X.astype(np.float32)
    logged = adata.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    adata.layers["logged"] = logged.X
    return variable_genes(adata, keep=genes, n_genes=N_GENES) if adata.n_vars > N_GENES else adata


def prepared(name: str, args: object, genes: Sequence[str], min_genes: int | None = None) -> Data:
    """Counts in X, logged counts in a layer, published labels and Leiden clusters."""
    file, column, batch_key, fewest = FILES[name]
    adata = ad.read_h5ad(DATA / file) if file else cr.datasets.pbmc68k()
    if "counts" in adata.layers:
        adata.X = adata.layers["counts"].copy()
    adata = with_logged(adata, genes)
    adata.obs["published"] = pd.Categorical(adata.obs[column].astype(str))
    adata.obs["leiden"] = pd.Categorical(clusters(adata, adata.layers["logged"], [1.0])[1.0])
    return Data(adata, EXACT[name], batch_key, min_genes or fewest, 5 if args.quick else None)


def labels_there(adata: ad.AnnData, names: Sequence[str]) -> list[str]:
    known = set(cr.get.programs_df(adata, columns="all").index)
    return [name for name in names if name in known]


# ------------------------------------------------------------------------------------------------------- baselines


def scores_of_cells(adata: ad.AnnData, sets: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
    """Cells x sets, by each of the other methods."""
    known = {name: [gene for gene in genes if gene in adata.var_names] for name, genes in sets.items()}
    logged = ad.AnnData(adata.layers["logged"].copy(), obs=adata.obs[[]], var=adata.var[[]])
    net = pd.DataFrame([(name, gene, 1.0) for name, genes in known.items() for gene in genes])
    net.columns = ["source", "target", "weight"]
    ulm, _ = dc.mt.ulm(logged.to_df(), net, tmin=0)
    for name, genes in known.items():
        sc.tl.score_genes(logged, genes, score_name=name, random_state=0)
    return {"ulm": ulm[list(known)], "score_genes": logged.obs[list(known)]}


def others(adata: ad.AnnData, scores: dict[str, pd.DataFrame], grouping: str) -> dict[str, dict[str, str]]:
    """Label of each group by each of the other methods."""
    group = adata.obs[grouping].astype(str).to_numpy()
    found = {
        f"{method}, mean": table.groupby(group).mean().idxmax(axis=1).to_dict() for method, table in scores.items()
    }
    ranked = dc.tl.rankby_group(
        ad.AnnData(scores["ulm"].astype(float), obs=pd.DataFrame({"group": group}, index=scores["ulm"].index)),
        groupby="group",
        method="t-test_overestim_var",
    )
    first = ranked[ranked["stat"] > 0].groupby("group", observed=True).head(1)
    found["ulm, rankby_group"] = dict(zip(first["group"].astype(str), first["name"].astype(str), strict=True))
    return found


# -------------------------------------------------------------------------------------------------------- accuracy


def accuracy(data: Data, adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    sets, parents, names = immune()
    there = labels_there(adata, names)
    scores = scores_of_cells(adata, {name: sets[name] for name in there})
    right = within_reach(data.exact, there, parents)
    results: dict = {
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "min_genes": data.min_genes,
        "labels": len(there),
        "without_a_set": sorted(name for name, label in right.items() if not reachable(label, there, parents)),
        "coarser_than_published": {name: right[name] for name in right if right[name] != data.exact[name]},
    }
    for grouping in GROUPINGS:
        cr.tl.annotate(adata, model, grouping, cell_label_added=f"own_{grouping}", key_added=f"by_{grouping}")
        table = cr.get.annotation_df(adata, key=f"by_{grouping}", columns="all").set_index("group")
        by_group = {"crystallin": table["label"].to_dict()} | others(adata, scores, grouping)
        of_group = data.right(grouping, there, parents)
        member = adata.obs[grouping].astype(str)
        results[grouping] = {
            method: of_groups(label, of_group, parents)
            | {"of_cells": of_cells(member.map(label).to_numpy(), data.published, right, parents)}
            for method, label in by_group.items()
        }
        results[grouping]["crystallin"]["reasons"] = {
            group: f"{row['best']}: {row['reason']}" for group, row in table.iterrows() if row["reason"]
        }
        # what clusters could give at best
        best = member.map(of_group).to_numpy()
        results[grouping]["best possible"] = {"of_cells": of_cells(best, data.published, right, parents)}
    own = {"crystallin, by Leiden clusters": adata.obs["own_leiden"].astype(str).to_numpy()}
    own |= {f"{method}, largest": table.idxmax(axis=1).to_numpy().astype(str) for method, table in scores.items()}
    results["single_cells"] = {method: of_cells(label, data.published, right, parents) for method, label in own.items()}
    return results


def reachable(label: str, there: Sequence[str], parents: Mapping[str, str]) -> bool:
    return label in {coarser for name in there for coarser in path(name, parents)}


def calibration(data: Data, adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Cells by the probability of their own label: how many are of the right lineage, and have the right label."""
    _, parents, names = immune()
    right = within_reach(data.exact, labels_there(adata, names), parents)
    cr.tl.annotate(adata, model, "leiden", cell_label_added="any", min_probability=0, key_added="any")
    label = adata.obs["any"].astype(str).to_numpy()
    probability = adata.obs["any_probability"].to_numpy()
    named = label != UNASSIGNED
    results = []
    for low, high in zip(BINS[:-1], BINS[1:], strict=True):
        inside = named & (probability >= low) & ((probability < high) | (high == 1))
        if not inside.any():
            continue
        judged = of_cells(label[inside], data.published[inside], right, parents)
        results.append(
            {
                "from": low,
                "to": high,
                "cells": int(inside.sum()),
                "probability": round(float(probability[inside].mean()), 4),
                "lineage": judged["lineage"],
                "fine": judged["fine"],
            }
        )
    return {"unassigned_groups_cells": int((~named).sum()), "bins": results}


# ----------------------------------------------------------------------------------------------------------- rules


def rules(adata: ad.AnnData, args: object, sample_key: str | None = None) -> dict:
    """Rules on programs, the same learner on genes, and trees on genes; all on the same held-out cells."""
    cr.tl.rules(adata, "published", sample_key=sample_key, n_bootstraps=2 if args.quick else 20)
    table = cr.get.rules_df(adata, columns="all").set_index("group")
    chosen = choose_cells(adata, "published")
    group = pd.Categorical(chosen.labels, chosen.groups).codes
    sample = adata.obs[sample_key].astype(str).to_numpy() if sample_key else None
    split = parts_of(group, sample, 1 / 3, MAX_LEARNED, np.random.default_rng(0))
    logged = adata.layers["logged"]
    genes = np.asarray(logged.todense() if hasattr(logged, "todense") else logged, dtype=np.float32)
    learned, unseen = genes[split.learned], genes[split.held_out]
    groups = {}
    for g, name in enumerate(chosen.groups):
        inside, truth = group[split.learned] == g, group[split.held_out] == g
        row = table.loc[name]
        if row["n_group"] != truth.sum():
            msg = f"The split differs from that of tl.rules for {name!r}."
            raise RuntimeError(msg)
        groups[name] = {
            "cells": int(truth.sum()),
            "rule": row["rule"],
            "certainty": rounded(row["certainty"]),
            "stability": rounded(row["stability"]),
            "rules on programs": {
                "precision": rounded(row["precision"]),
                "recall": rounded(row["recall"]),
                "f1": rounded(row["f1"]),
                "terms": int(row["n_terms"]),
            },
        }
        if inside.sum() < 5:
            continue
        columns = _telling(learned, inside, split.weight)
        rule = learn(learned[:, columns], inside, split.weight, DEPTH, 0)
        chosen_cells = picked(rule, unseen[:, columns]) if rule else np.zeros(len(unseen), bool)
        groups[name]["same learner on genes"] = judged(chosen_cells, truth) | {
            "terms": len(rule),
            "rule": " and ".join(term.text(adata.var_names[columns]) for term in rule),
        }
        tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(learned, inside, split.weight)
        groups[name]["tree on genes"] = judged(tree.predict(unseen), truth) | {"terms": terms_of(tree)}
    methods = ["rules on programs", "same learner on genes", "tree on genes"]
    return {
        "held_out_samples": split.held_out_samples,
        "cells_held_out": len(split.held_out),
        "means": {method: mean_of(groups, method) for method in methods},
        "groups": groups,
    }


def judged(chosen: np.ndarray, truth: np.ndarray) -> dict:
    hits, n_chosen, n = int((chosen & truth).sum()), int(chosen.sum()), int(truth.sum())
    return {
        "precision": rounded(hits / n_chosen if n_chosen else np.nan),
        "recall": rounded(hits / n if n else np.nan),
        "f1": rounded(2 * hits / (n_chosen + n) if n_chosen + n else np.nan),
    }


def terms_of(tree: DecisionTreeClassifier) -> int:
    """Distinct conditions that have to be read to know which cells the tree picks."""
    nodes = tree.tree_

    def read(node: int, way: tuple) -> set:
        if nodes.children_left[node] < 0:
            values = nodes.value[node, 0]
            return set(way) if len(values) > 1 and values[1] > values[0] else set()
        step = (int(nodes.feature[node]), float(nodes.threshold[node]))
        return read(nodes.children_left[node], (*way, step)) | read(nodes.children_right[node], (*way, step))

    return len(read(0, ()))


def mean_of(groups: dict, method: str) -> dict:
    """Means over groups with cells on both sides; where nothing is picked F1 is 0 and precision is left out."""
    rows = [row[method] for row in groups.values() if "tree on genes" in row and row["cells"]]

    def mean(values: list) -> float:
        there = [value for value in values if value is not None]
        return round(float(np.mean(there)), 3) if there else float("nan")

    return {
        "groups": len(rows),
        "picks_nothing": sum(row["precision"] is None for row in rows),
        "precision": mean([row["precision"] for row in rows]),
        "recall": mean([row["recall"] or 0 for row in rows]),
        "f1": mean([row["f1"] or 0 for row in rows]),
        "terms": mean([row["terms"] for row in rows if row["terms"]]),
    }


def rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)


# --------------------------------------------------------------------------------------------------------- missing


def missing(name: str, lineage: str, data: Data) -> dict:
    """Names without the lineage's sets; ``affected`` are the groups of the lineage."""
    sets, parents, names = immune()
    left = {label: genes for label, genes in sets.items() if label not in names or path(label, parents)[0] != lineage}
    adata, model = data.trained(left)
    there = labels_there(adata, [label for label in names if label in left])
    known = {label: parents[label] for label in there if parents.get(label) in there}
    results = {"labels": len(there)}
    for grouping in GROUPINGS:
        cr.tl.annotate(adata, model, grouping, programs=there, parents=known)
        table = cr.get.annotation_df(adata, columns="all").set_index("group")
        # what is right does not depend on what was taken out
        right = data.right(grouping, names, parents)
        label = table["label"].to_dict()
        parts = {"affected": {}, "others": {}}
        for group, wanted in right.items():
            parts["affected" if path(wanted, parents)[0] == lineage else "others"][group] = wanted
        results[grouping] = {}
        for part, groups in parts.items():
            judged_groups = of_groups(label, groups, parents)
            n = dict.fromkeys(("cells", "cells_unassigned", "cells_lineage"), 0)
            for group in groups:
                size, found = int(table.loc[group, "n_cells"]), judged_groups["labels"][group][2]
                n["cells"] += size
                n["cells_unassigned"] += size * (found == UNASSIGNED)
                n["cells_lineage"] += size * (found not in (UNASSIGNED, "wrong lineage"))
            results[grouping][part] = {
                "groups": len(groups),
                "unassigned": judged_groups["outcomes"].get(UNASSIGNED, 0),
                "lineage": judged_groups["lineage"],
                "wrong": {
                    group: [*judged_groups["labels"][group][:2], round(float(table.loc[group, "score"]), 2)]
                    for group in groups
                    if judged_groups["labels"][group][2] == "wrong lineage"
                },
                "unassigned_groups": [group for group in groups if judged_groups["labels"][group][2] == UNASSIGNED],
                **n,
            }
    return results


# --------------------------------------------------------------------------------------------------------- panglao


def panglao(args: object) -> dict:
    """PBMC 3k with sets of all tissues."""
    name = "pbmc68k" if args.quick else "pbmc3k"
    file = DATA / "genesets" / "panglaodb_markers_27_Mar_2020.gmt"
    sets = {source: list(genes) for source, genes in read_gmt(file).items()}
    data = prepared(name, args, [gene for genes in sets.values() for gene in genes])
    immune_sets, parents, names = immune()
    narrow = prepared(name, args, [gene for genes in immune_sets.values() for gene in genes])
    start = time.process_time()
    other, model = narrow.trained("immune")
    cr.tl.annotate(other, model, "published")
    of_immune = time.process_time() - start
    start = time.process_time()
    adata, model = data.trained(file)
    cr.tl.annotate(adata, model, "published", key_added="by_published")
    of_panglao = time.process_time() - start
    cr.tl.annotate(adata, model, "leiden", key_added="by_leiden")
    there = labels_there(adata, list(sets))
    scores = scores_of_cells(adata, {label: sets[label] for label in there})
    results = {
        "genes": adata.n_vars,
        "sets_in_file": len(sets),
        "labels": len(there),
        "cpu_time_of_immune": round(of_panglao / of_immune, 2),
    }
    for grouping in GROUPINGS:
        table = cr.get.annotation_df(adata, key=f"by_{grouping}", columns="all").set_index("group")
        by_group = {"crystallin": table["label"].to_dict()} | others(adata, scores, grouping)
        right = data.right(grouping, names, parents)
        results[grouping] = {method: of_panglao_groups(label, right, parents) for method, label in by_group.items()}
    return results


def of_panglao_groups(label: Mapping[str, str], right: Mapping[str, str], parents: Mapping[str, str]) -> dict:
    found = {}
    for group, wanted in right.items():
        lineage = path(wanted, parents)[0]
        given = label[group].removeprefix("panglao_")
        is_right = given in PANGLAO.get(lineage, ())
        found[group] = [given, lineage, "right" if is_right else UNASSIGNED if given == UNASSIGNED else "wrong"]
    outcomes = [row[2] for row in found.values()]
    return (
        {"groups": len(found)}
        | {what: outcomes.count(what) for what in ("right", "wrong", UNASSIGNED)}
        | {"labels": found}
    )


# ----------------------------------------------------------------------------------------------------- resolutions


def resolutions(name: str, how: str, lineage: str, genes: Sequence[str], args: object) -> dict:
    """Lineages of Leiden clusters at each resolution."""
    source = SOURCES[name]
    adata = read(name)
    if lineage:
        adata = changed(adata, how, lineage)
    adata = with_logged(adata, genes)
    data = Data(adata, {}, source.batch_key, source.min_genes, 5 if args.quick else None)
    adata, model = data.trained("immune")
    sets, _, names = immune()
    labels = labels_there(adata, names)
    scores = scores_of_cells(adata, {label: sets[label] for label in labels})
    truth = adata.obs["lineage"].to_numpy(dtype=str)
    found: dict = {"cells": adata.n_obs, "labels": len(labels), "resolutions": {}}
    found |= {"blind": source.blind, "in_profiles": source.in_profiles}
    for resolution, cluster in clusters(adata, adata.layers["logged"], RESOLUTIONS).items():
        adata.obs["cluster"] = cluster
        cr.tl.annotate(adata, model, "cluster")
        table = cr.get.annotation_df(adata, columns="all").set_index("group")
        by_cluster = {"crystallin": table["label"].to_dict()} | others(adata, scores, "cluster")
        known = pd.Series(truth).replace("", np.nan)
        most = known.groupby(cluster).agg(lambda part: part.mode().get(0, UNASSIGNED))
        by_cluster["best possible"] = most.replace(OTHER, UNASSIGNED).to_dict()
        found["resolutions"][str(resolution)] = {"clusters": len(table)} | {
            method: of_lineages(np.array([given.get(group, UNASSIGNED) for group in cluster]), truth)
            for method, given in by_cluster.items()
        }
    return found


# ---------------------------------------------------------------------------------------------------------- figure


def draw(results: dict) -> mpl.figure.Figure:
    """Left and middle: groups with the right lineage and the right label; right: cells of lineages without sets."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.8), layout="constrained", width_ratios=[1, 1, 0.9])
    methods = {"crystallin": BLUE, "ulm, mean": VERMILION, "ulm, rankby_group": "#E69F00", "score_genes, mean": GREY}
    names = [name for name in FILES if name in results["accuracy"]]
    for ax, what in zip(axes, ("lineage", "fine"), strict=False):
        for i, (method, colour) in enumerate(methods.items()):
            values = [results["accuracy"][name]["leiden"][method]["of_cells"][what] for name in names]
            at = np.arange(len(names)) + 0.2 * (i - 1.5)
            ax.bar(at, values, 0.19, color=colour, label=method)
        best = [results["accuracy"][name]["leiden"]["best possible"]["of_cells"][what] for name in names]
        ax.hlines(best, np.arange(len(names)) - 0.42, np.arange(len(names)) + 0.42, color="black", lw=1)
        ax.set_xticks(
            range(len(names)), [f"{name}\n(blind at first)" if name in BLIND else name for name in names], fontsize=7
        )
        ax.set(ylim=(0, 1.02), title={"lineage": "right lineage", "fine": "right label"}[what])
        ax.set_ylabel("share of cells, each with its cluster's label")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].plot([], [], color="black", lw=1, label="best possible")
    rows = [
        (f"{name}: {lineage}", part["leiden"])
        for name, by_lineage in results.get("missing", {}).items()
        for lineage, part in by_lineage.items()
    ]
    for y, (_, part) in enumerate(rows):
        affected, rest = part["affected"], part["others"]
        if affected["cells"]:
            axes[2].plot(affected["cells_unassigned"] / affected["cells"], y, "o", color=BLUE, ms=5)
        axes[2].plot(rest["cells_lineage"] / rest["cells"], y, "|", color=VERMILION, ms=9, mew=2)
    axes[2].set_yticks(range(len(rows)), [text for text, _ in rows], fontsize=7)
    axes[2].invert_yaxis()
    axes[2].set(xlim=(-0.03, 1.03), xlabel="share of cells", title="sets of a lineage taken out")
    axes[2].plot([], [], "o", color=BLUE, label="its cells unassigned")
    axes[2].plot([], [], "|", color=VERMILION, ms=9, mew=2, label="others with their lineage")
    handles, labels = (a + b for a, b in zip(*(axes[i].get_legend_handles_labels() for i in (0, 2)), strict=True))
    figure.legend(handles, labels, loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    axes[2].spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    options = parser("annotation")
    parts = ["accuracy", "panglao", "missing", "resolutions"]
    options.add_argument("--only", choices=parts, help="one part; the others keep their stored results")
    options.add_argument(
        "--data",
        nargs="+",
        choices=tuple(dict.fromkeys((*FILES, *SOURCES))),
        help="some data sets; the others likewise",
    )
    args = options.parse_args()
    mpl.use("agg")
    quiet()
    stored = args.out or RESULTS / "annotation.json"
    results = json.loads(stored.read_text()) if (args.only or args.data) and stored.exists() else {}
    results["versions"] = versions("scvi-tools", "torch", "decoupler", "scanpy", "scikit-learn", "igraph")
    results["blind"] = BLIND
    sets, _, _ = immune()
    genes = [gene for part in sets.values() for gene in part]
    for part in [args.only] if args.only else parts:
        for name, work in units(part, genes, args):
            if args.data and name[0].partition(",")[0] not in args.data:
                continue
            result, seconds = seconds_of(work)
            print(part, name, f"{seconds:.0f} s", json.dumps(result), flush=True)
            place = results.setdefault(part, {})
            for key in name[:-1]:
                place = place.setdefault(key, {})
            place[name[-1]] = result
            write(results, "annotation", args)
    if "accuracy" in results:
        save(draw(results), "annotation", args)
    if "resolutions" in results:
        colours = {"crystallin": BLUE, "ulm, rankby_group": VERMILION}
        save(draw_resolutions(results["resolutions"], colours), "names", args)


def units(part: str, genes: Sequence[str], args: object) -> list:
    """Places in the results, and the work that fills them."""
    if part == "panglao":
        return [(("pbmc3k",), lambda: panglao(args))]
    if part == "resolutions":
        return units_of_resolutions(genes, args)
    if part == "accuracy":
        names = ["pbmc68k"] if args.quick else [*FILES, *[f"{name}, min_genes=5" for name in BLIND]]
        return [((name,), lambda name=name: of_data(name, genes, args)) for name in names]
    found = []
    for name in ["pbmc68k"] if args.quick else MISSING_IN:
        _, parents, _ = immune()
        present = {path(label, parents)[0] for label in EXACT[name].values()}
        for lineage in LINEAGES[:1] if args.quick else LINEAGES:
            if lineage in present:
                found.append(
                    (
                        (name, lineage),
                        lambda name=name, lineage=lineage: missing(name, lineage, prepared(name, args, genes)),
                    )
                )
    return found


def units_of_resolutions(genes: Sequence[str], args: object) -> list:
    """Whole data sets, and those with a lineage removed or dominating."""
    asked = [(name, "", "") for name in SOURCES if there(name)]
    asked += [
        (name, how, lineage)
        for name, lineages in CHANGED.items()
        if there(name)
        for how in ("dominated", "removed")
        for lineage in lineages
    ]
    absent = [name for name in SOURCES if not there(name)]
    if absent:
        print("left out, because their files are not there:", ", ".join(absent), flush=True)
    if args.quick:
        asked = [("pbmc68k", "", "")]
    return [
        (
            (f"{name}, {lineage} {how}" if lineage else name,),
            lambda name=name, how=how, lineage=lineage: resolutions(name, how, lineage, genes, args),
        )
        for name, how, lineage in asked
    ]


def of_data(name: str, genes: Sequence[str], args: object) -> dict:
    """All that is measured on the model of one data set."""
    name, _, fewest = name.partition(", min_genes=")
    data = prepared(name, args, genes, min_genes=int(fewest) if fewest else None)
    adata, model = data.trained("immune")
    results = accuracy(data, adata, model)
    if fewest:
        return results
    results["calibration"] = calibration(data, adata, model)
    results["rules"] = {"cells": rules(adata, args)}
    if name == "kang":
        known = adata[adata.obs["donor"].astype(str) != "unknown"].copy()
        known.obs["published"] = known.obs["published"].cat.remove_unused_categories()
        results["rules"]["donors"] = rules(known, args, sample_key="donor")
    return results


if __name__ == "__main__":
    main()
