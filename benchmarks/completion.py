"""Does the audit find what sets lack, is it wrong as often as it says, and are activities of completed sets better?

    python benchmarks/completion.py               # writes benchmarks/results/completion.json and docs/_static/*.png
    python benchmarks/completion.py --only null   # one part again, the others' results are kept
    python benchmarks/completion.py --quick       # a small check that writes nothing

Parts on simulated cells (recovery.py: 100 true programs and 100 decoys, sets lack a fifth of their true members and
hold as many spurious ones; pp.screen_programs first, but all sets are trained):

* simulation: both arms at depth 500 and log-additive at 2,000, three seeds each.
* corruption: a share of 0, .1, .2 and .4 dropped and added, log-additive, depth 500, one seed. Where the sets are
  right, completing them may not cost anything.
* null: genes that follow no program, given to the audit beside the panel (``genes=``) and alone (``candidates=``), on
  simulated cells and on Kang with Hallmark. *Permuted*: counts of 1,000 genes dealt anew among cells of like total.
  *Resampled*: drawn from the fitted model at each cell's posterior mean; the copy of a gene does follow the gene's own
  sets, so these pairs are counted apart and say what share is found. *Decoys*: decoy sets audited although they are
  asleep, in the model of all sets and in a model of decoys alone.
* speed: 10,000 cells x 2,000 genes x 200 programs, all of them audited, in a process of its own. With ``--large`` also
  5,000 programs x 20,000 genes x 2,000 cells, on a model at its start.

Parts on real cells (4,000 variable genes, sets of at least 12 genes, n_unannotated="auto"):

* held_out_members: Kang with Hallmark and Reactome; a random fifth of the members of awake sets is deleted and sought.
  ``--repeats`` says how often. "knowable" are deleted members that an audit of the whole sets calls kept.
* time_split: Reactome of 2013 (MSigDB 4.0) trained on Kang and PBMC 3k; the members that curators added until 2025 are
  the truth: all same-named sets and those of similar size (at most 300 genes in both, Jaccard index .4 or more), all of
  them and the awake ones. Curators add proteins of a pathway, which need not be expressed together.
* replication: Kang's control cells; Hallmark's suggestions of half of the donors in the cells of the other half, and in
  PBMC 3k with a model trained there on the given sets.
* interferon: Kang, Hallmark and Reactome; suggestions for interferon's programs, by membership in other sets named
  after interferon or viruses (Hallmark, Reactome, GO biological processes), against candidates at large; effect of
  stimulation (Cohen's d) before and after the sets are completed.

Measures:

* false discovery proportion: suggestions at a nominal rate (one audit for each) that are not true members, pooled over
  seeds in the summary; "estimated by the audit" is what it says about itself (params["realised"]).
* recall: share of missing members of audited programs that are suggested; "strong": with a true loading of at least .1
  in log rate per standard deviation.
* AUPRC (average precision), AUROC: over all pairs of an audited program and a gene outside its set. The audit's table
  has only pairs near a call; all others are tied below them, which counts against it. The baselines rank all pairs:
  correlation of log-normalised expression with the activity and with the set's mean z-score, both as it is (members of
  unsigned sets rise) and absolute; the number of sets that have the gene; and mean absolute attributions of activities
  (seed 0 only, 300 cells). Loadings are 0 outside the sets and rank nothing. "Recall at as many calls" takes as many
  pairs from the top of a ranking as the audit suggests at 10 %.
* members: error of "contradicts" is the share of true members among them, error of "kept" that of spurious ones.
* activities: r with the truth, median and 10th percentile over true programs, as a share of the oracle's (recovery.py);
  gene AUROC, coverage, and the standard deviation of decoys' activities, before and after cr.complete.
* holds elsewhere: the loading is above 0, one-sided 95 %. By regression: log-normalised expression on all activities,
  of other cells than those with the suggestion, beside the same for all candidate pairs. By the audit: of those pairs
  that its table has there.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _common import BLACK, BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, seconds_of, versions, write
from _completion import (
    DEFAULT_LEVEL,
    LEVELS,
    Audit,
    Truth,
    added_edges,
    all_awake,
    attributions,
    audited,
    awake_sets,
    baselines,
    completed,
    fitted,
    memberships,
    of_members,
    of_missing,
    rankings,
    real_cells,
    scores_of,
    sets_of,
    share,
)
from _completion_cells import REPEATS, held_out_members, interferon, replication, time_split
from _fits import UNTRAINED
from kang import COLLECTIONS
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from recovery import SMALL, correlations, coverage, decoy_auroc, gene_auroc, oracle, truth_of
from scaling import random_cells
from scipy import sparse
from training import peak_mb

import crystallin as cr

SETTINGS = [
    *({"arm": "log-additive", "depth": 500, "random_state": seed} for seed in (0, 1, 2)),
    *({"arm": "log-additive", "depth": 2_000, "random_state": seed} for seed in (0, 1, 2)),
    *({"arm": "additive-rate", "depth": 500, "random_state": seed} for seed in (0, 1, 2)),
]
DEFAULTS = SETTINGS[0]
CORRUPTION = (0.0, 0.1, 0.2, 0.4)
N_COPIES, N_TOTALS = 1_000, 50
SPEED = {"cells": 10_000, "genes": 2_000, "programs": 200}
LARGE = {"cells": 2_000, "genes": 20_000, "programs": 5_000, "share_of_counts_not_zero": 0.03}
BARS = {
    "realised_over_nominal": 1.2,
    "recall_at_10_percent": 0.5,
    "r_median_of_oracle": {"500": 0.96, "2000": 0.98},
    "r_10th_percentile_of_oracle": {"500": 0.93, "2000": 0.96},
    # a second training moves r by as much
    "lost_without_corruption": 0.002,
    "null_share_of_suggestions": 0.1,
    "suggestions_per_decoy": 0.1,
    "audit_over_training": 0.25,
}


# ------------------------------------------------------------------------------------------------------ simulation


def judged(adata: ad.AnnData, model: cr.ProgramVAE, truth: pd.DataFrame, best: dict) -> dict:
    """Activities and loadings of a model beside the truth."""
    mean, sd = model.get_activity(return_sd=True)
    frame = {"index": truth.index, "columns": list(map(str, model.program_names))}
    activity, sd = pd.DataFrame(mean, **frame), pd.DataFrame(sd, **frame)
    target = truth
    if adata.uns["simulation"]["params"]["arm"] == "additive-rate":
        target = (truth - truth.mean()) / truth.std()
    sets = adata.uns["simulation"]["sets"]
    decoys = sets.loc[sets["is_decoy"].astype(bool), "name"]
    row = correlations(truth, activity)
    return {
        **row,
        **{f"{key}_of_oracle": round(row[key] / best[key], 4) for key in row},
        **decoy_auroc(adata, activity.var()),
        **gene_auroc(adata, model.get_loadings()),
        **coverage(target.to_numpy(), activity[truth.columns].to_numpy(), sd[truth.columns].to_numpy()),
        "sd_median_of_decoys": round(float(activity[decoys].std().median()), 4),
        "sd_median_of_true_programs": round(float(activity[truth.columns].std().median()), 4),
    }


def simulated(args: argparse.Namespace, options: dict) -> tuple[ad.AnnData, pd.DataFrame]:
    """Cells with programs that are screened, and the true activities."""
    adata = cr.datasets.simulate(**options, **(SMALL if args.quick else {}))
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.pp.screen_programs(adata)
    if args.quick:
        all_awake(adata)
    return adata, truth_of(adata)


def one(args: argparse.Namespace, setting: dict, *, with_attributions: bool = False) -> dict:
    """One simulation: audits at each nominal rate, baselines, and activities before and after."""
    adata, truth = simulated(args, setting)
    best = oracle(adata, truth)
    model, seconds_training = fitted(adata, args.max_epochs)
    audits = {level: audited(adata, model, fdr=level) for level in LEVELS}
    audit = audits[DEFAULT_LEVEL]
    known = Truth.of(adata, audit.programs)
    scores = {"audit": scores_of(audit, adata.var_names, known.programs), **baselines(adata, known.programs)}
    if with_attributions:
        scores |= attributions(adata, model, known.programs, quick=args.quick)
    before = judged(adata, model, truth, best)
    refitted, seconds_complete = completed(adata, model)
    added = added_edges(adata)
    everything = Truth.of(adata, [str(name) for name in adata.uns["programs"]["names"]])
    right = everything.holds(added, everything.missing)
    return {
        **setting,
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "programs": len(adata.uns["programs"]["names"]),
        "audited": len(audit.programs),
        "audited_decoys": int((~known.member.any(axis=0)).sum()),
        "missing": of_missing(audits, known),
        "members": of_members(audits, known),
        "rankings": rankings(known.missing, scores, ~known.annotated, len(audit.suggested)),
        "before": before,
        "after": judged(adata, refitted, truth, best),
        "completed_sets": {
            "added_edges": len(added),
            "false_discovery_proportion": share((~right).sum(), len(added)),
            "share_of_all_missing": share(right.sum(), everything.missing.sum()),
        },
        "oracle": {key: best[key] for key in ("r_median", "r_10th_percentile")},
        "seconds": {"training": seconds_training, "audit": audit.seconds, "complete": seconds_complete},
    }


def simulation(args: argparse.Namespace) -> Iterator[dict]:
    runs: list[dict] = []
    for setting in [DEFAULTS, SETTINGS[-1]] if args.quick else SETTINGS:
        runs.append(one(args, setting, with_attributions=setting["random_state"] == 0))
        print("simulation", json.dumps(runs[-1]), flush=True)
        yield {"runs": runs, "summary": summary_of(runs)}


def summary_of(runs: list[dict]) -> dict[str, dict]:
    """Over seeds: pooled proportions, and means of correlations."""
    result: dict[str, dict] = {}
    for label in dict.fromkeys(label_of(run) for run in runs):
        rows = [run for run in runs if label_of(run) == label]
        row = result[label] = {"seeds": len(rows), "depth": rows[0]["depth"], "levels": {}}
        for level in map("{:g}".format, LEVELS):
            total = {
                key: sum(run["missing"][level][key] for run in rows)
                for key in ("calls", "false", "found", "missing", "found_strong", "missing_strong")
            }
            row["levels"][level] = {
                "calls": total["calls"],
                "false_discovery_proportion": share(total["false"], total["calls"]),
                "recall": share(total["found"], total["missing"]),
                "recall_strong": share(total["found_strong"], total["missing_strong"]),
            }
        for when in ("before", "after"):
            row[when] = {
                key: round(float(np.mean([run[when][key] for run in rows])), 4)
                for key in (
                    "r_median_of_oracle",
                    "r_10th_percentile_of_oracle",
                    "gene_auroc",
                    "gene_auroc_strong",
                    "decoy_auroc",
                    "sd_median_of_decoys",
                )
            }
            off = [max(map(abs, run[when]["coverage_minus_nominal"].values())) for run in rows]
            row[when]["coverage_off_by_at_most"] = round(float(max(off)), 4)
        row["auprc"] = {
            name: round(float(np.mean(values)), 4)
            for name in rows[0]["rankings"]["scores"]
            if (
                values := [v for run in rows if (v := run["rankings"]["scores"].get(name, {}).get("auprc")) is not None]
            )
        }
        row["recall_at_as_many_calls"] = {
            name: round(float(np.mean(values)), 4)
            for name in rows[0]["rankings"]["scores"]
            if (
                values := [
                    v
                    for run in rows
                    if (v := run["rankings"]["scores"].get(name, {}).get("recall_at_as_many_calls")) is not None
                ]
            )
        }
    return result


def label_of(run: dict) -> str:
    return f"{run['arm']}, depth {run['depth']}"


def corruption(args: argparse.Namespace) -> Iterator[dict]:
    runs: list[dict] = []
    for wrong in CORRUPTION[::2] if args.quick else CORRUPTION:
        runs.append(one(args, {**DEFAULTS, "dropped": wrong, "added": wrong}))
        print("corruption", json.dumps(runs[-1]), flush=True)
        yield {"runs": runs}


# ------------------------------------------------------------------------------------------------------------ null


def permuted(adata: ad.AnnData, genes: np.ndarray, rng: np.random.Generator) -> ad.AnnData:
    """Copies of genes, whose counts are dealt anew among cells of like total."""
    total = np.asarray(adata.X.sum(axis=1)).ravel()
    order = np.argsort(total + rng.random(len(total)))
    counts = np.asarray(adata.X.tocsc()[:, genes].todense())
    for cells in np.array_split(order, min(N_TOTALS, max(1, len(order) // 20))):
        counts[cells] = rng.permuted(counts[cells], axis=0)
    return copies(adata, counts, genes, "permuted")


@torch.no_grad()
def resampled(adata: ad.AnnData, model: cr.ProgramVAE, genes: np.ndarray, rng: np.random.Generator) -> ad.AnnData:
    """Copies of genes drawn from the fitted model, given each cell's activities and total."""
    module = model.module.eval()
    z = np.zeros((adata.n_obs, module.n_latent), dtype=np.float32)
    parts = [model.get_activity(kind=kind) for kind in ("unique", *(["free"] if len(model.free_names) else []))]
    z[:, : sum(part.shape[1] for part in parts)] = np.concatenate(parts, axis=1)
    log_total = np.log(np.asarray(adata.X.sum(axis=1), dtype=np.float32))
    theta = np.exp(module.px_r.cpu().numpy())[genes]
    counts = np.zeros((adata.n_obs, len(genes)), dtype=np.float32)
    for cells in np.array_split(np.arange(adata.n_obs), -(-adata.n_obs // 1_000)):
        batch = torch.zeros((len(cells), 1), dtype=torch.long)
        generated = module.generative(
            z=torch.as_tensor(z[cells]), library=torch.as_tensor(log_total[cells]), batch_index=batch
        )
        mean = generated["px"].mean.cpu().numpy()[:, genes]
        counts[cells] = rng.poisson(rng.gamma(theta, np.maximum(mean, 1e-12) / theta))
    return copies(adata, counts, genes, "resampled")


def copies(adata: ad.AnnData, counts: np.ndarray, genes: np.ndarray, word: str) -> ad.AnnData:
    names = [f"{word} {name}" for name in adata.var_names[genes]]
    var = pd.DataFrame({"of": adata.var_names[genes]}, index=names)
    return ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)), obs=adata.obs[[]], var=var)


def of_copies(audit: Audit, others: ad.AnnData, followed: pd.DataFrame) -> dict:
    """Suggestions among copies, of programs that the copy follows (genes x programs) and of all others: wrong ones."""
    table = audit.table[audit.table["gene"].isin(others.var_names) & audit.table["verdict"].eq("suggested")]
    original = others.var["of"]
    pairs = zip(original[table["gene"]], table["program"], strict=True)
    right = sum(bool(followed.at[gene, name]) for gene, name in pairs)
    n_followed = int(followed.loc[original, audit.programs].to_numpy().sum())
    wrong, in_panel = len(table) - right, len(audit.suggested)
    return {
        "copies": others.n_vars,
        "programs": len(audit.programs),
        "pairs": others.n_vars * len(audit.programs) - n_followed,
        "suggested": wrong,
        "pairs_of_own_sets": n_followed,
        "suggested_for_own_sets": right,
        "suggested_in_the_panel": in_panel,
        "share_of_suggestions": share(wrong, len(table) + in_panel) or 0.0,
    }


def null(args: argparse.Namespace) -> Iterator[dict]:
    result: dict[str, dict] = {}
    for title, cells in {"simulated": null_simulated, "Kang, Hallmark": null_kang}.items():
        adata, model, options = cells(args)
        rng, members = np.random.default_rng(0), memberships(adata)
        n = min(N_COPIES, adata.n_vars // 2)
        genes = np.sort(rng.choice(adata.n_vars, n, replace=False))
        row = result[title] = {}
        for word, others, followed in (
            ("permuted", permuted(adata, genes, rng), members & False),
            ("resampled", resampled(adata, model, genes, rng), members),
        ):
            beside = audited(adata, model, genes=others, **options)
            alone = audited(adata, model, genes=others, candidates=list(others.var_names), **options)
            row[word] = {
                "beside_the_panel": of_copies(beside, others, followed),
                "alone": of_copies(alone, others, followed),
            }
            print("null", title, word, json.dumps(row[word]), flush=True)
            yield result
        if title == "simulated":
            row["decoys_beside_true_sets"] = of_decoys(adata, model)
            yield result
            row["decoys_alone"] = decoys_alone(args)
            yield result


def null_simulated(args: argparse.Namespace) -> tuple[ad.AnnData, cr.ProgramVAE, dict]:
    adata, _ = simulated(args, DEFAULTS)
    return adata, fitted(adata, args.max_epochs)[0], {}


def null_kang(args: argparse.Namespace) -> tuple[ad.AnnData, cr.ProgramVAE, dict]:
    adata = real_cells("kang_ifnb_2800", quick=args.quick)
    path = DATA / "genesets" / COLLECTIONS["Hallmark"]
    awake, members = awake_sets(adata, path, quick=args.quick)
    cr.pp.add_programs(adata, sets_of(members, awake), min_genes=3)
    return adata, fitted(adata, args.max_epochs, n_unannotated=args.free)[0], {"programs": awake}


def of_decoys(adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Decoy sets audited by force."""
    sets = adata.uns["simulation"]["sets"]
    decoys = [str(name) for name in sets.loc[sets["is_decoy"].astype(bool), "name"]]
    decoys = [name for name in decoys if name in memberships(adata)]
    return forced(adata, model, decoys)


def forced(adata: ad.AnnData, model: cr.ProgramVAE, decoys: list[str]) -> dict:
    row: dict = {"decoys": len(decoys)}
    try:
        audit = audited(adata, model, programs=decoys)
    except ValueError as error:
        return {**row, "refused": str(error)}
    suggested = len(audit.suggested)
    return {
        **row,
        "audited": len(audit.programs),
        "suggested": suggested,
        "suggested_per_decoy": share(suggested, len(decoys)),
        "members_kept": share(audit.members["verdict"].eq("kept").sum(), len(audit.members)),
    }


def decoys_alone(args: argparse.Namespace) -> dict:
    """A collection of decoys: those called awake, and all of them by force."""
    adata = cr.datasets.simulate(**DEFAULTS, **(SMALL if args.quick else {}))
    simulation = adata.uns["simulation"]
    decoys = set(simulation["sets"].loc[simulation["sets"]["is_decoy"].astype(bool), "name"])
    annotation = simulation["annotation"]
    cr.pp.add_programs(adata, annotation[annotation["source"].isin(decoys)])
    cr.pp.screen_programs(adata)
    programs = cr.get.programs_df(adata, columns="all")
    model, _ = fitted(adata, args.max_epochs)
    awake = programs.index[programs["awake"].astype(bool)].tolist()
    row = {"awake": len(awake), "by_force": forced(adata, model, programs.index.tolist())}
    try:
        row["suggested_for_awake_ones"] = len(audited(adata, model).suggested)
    except ValueError as error:
        row |= {"suggested_for_awake_ones": 0, "refused": str(error)}
    return row


# ----------------------------------------------------------------------------------------------------------- speed


def speed(args: argparse.Namespace) -> Iterator[dict]:
    """Each size in a process of its own, so that peaks of memory are its own."""
    result = {"threads": torch.get_num_threads()}
    for name in ("default", *(["large"] if args.large else [])):
        work = json.dumps({"size": name, "quick": args.quick})
        child = subprocess.run([sys.executable, __file__, "--one", work], stdout=subprocess.PIPE, text=True, check=True)
        # the last line that is an object
        result[name] = json.loads([line for line in child.stdout.splitlines() if line.startswith("{")][-1])
        yield result


def speed_of_one(size: str, *, quick: bool) -> dict:
    if size == "large":
        setting = {**LARGE, "cells": 300, "genes": 500, "programs": 60} if quick else LARGE
        adata = random_cells(*setting.values())
        settings = UNTRAINED
    else:
        setting = {"cells": 600, "genes": 300, "programs": 20} if quick else SPEED
        half = setting["programs"] // 2
        options = {"program_size": (10, 30)} if quick else {}
        adata = cr.datasets.simulate(
            setting["cells"], setting["genes"], n_programs=half, n_decoys=setting["programs"] - half, **options
        )
        cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
        cr.pp.screen_programs(adata)
        if quick:
            all_awake(adata)
        settings = {"max_epochs": 3 if quick else None}
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    _, training = seconds_of(lambda: model.train(enable_progress_bar=False, **settings))
    peak_of_training = peak_mb()
    _, reading = seconds_of(lambda: cr.tl.activity(adata, model))
    row = {
        **setting,
        "edges": int(adata.varm["programs"].nnz),
        "seconds_training": round(training, 1),
        "seconds_activity": round(reading, 1),
        "peak_mb_of_training": peak_of_training,
        "peak_mb_before_the_audit": peak_mb(),
    }
    programs = [str(name) for name in adata.uns["programs"]["names"]]
    audit = audited(adata, model, programs=programs)
    row |= {"seconds_audit": audit.seconds, "audited": len(audit.programs), "peak_mb_with_the_audit": peak_mb()}
    if size != "large":
        row["audit_over_training"] = round(audit.seconds / training, 3)
        # those that are awake
        _, row["seconds_complete"] = completed(adata, model)
        row["peak_mb_with_complete"] = peak_mb()
    return row


# ------------------------------------------------------------------------------------------------- bars and figure


def bars_met(results: dict) -> dict[str, bool]:
    """Each bar, where there are results."""
    met: dict[str, bool] = {}
    for label, row in results.get("simulation", {}).get("summary", {}).items():
        for level, at in row["levels"].items():
            false = at["false_discovery_proportion"] or 0.0
            met[f"{label}: false at {float(level):.0%}"] = false <= BARS["realised_over_nominal"] * float(level)
        recall = row["levels"][f"{DEFAULT_LEVEL:g}"]["recall"]
        met[f"{label}: recall at {DEFAULT_LEVEL:.0%}"] = (recall or 0.0) >= BARS["recall_at_10_percent"]
        for key in ("r_median_of_oracle", "r_10th_percentile_of_oracle"):
            met[f"{label}: {key}"] = row["after"][key] >= BARS[key][str(row["depth"])]
    for run in results.get("corruption", {}).get("runs", ()):
        if not run["dropped"]:
            lost = max(run["before"][key] - run["after"][key] for key in ("r_median", "r_10th_percentile"))
            met["nothing lost without corruption"] = lost <= BARS["lost_without_corruption"]
    for title, row in results.get("null", {}).items():
        for word in ("permuted", "resampled"):
            for how, found in row.get(word, {}).items():
                # permuted genes alone: a single suggestion is all of them
                wrong = found["share_of_suggestions"]
                met[f"{title}: {word}, {how.replace('_', ' ')}"] = wrong <= BARS["null_share_of_suggestions"]
        if "decoys_alone" in row:
            per_decoy = row["decoys_alone"]["by_force"].get("suggested_per_decoy") or 0.0
            met[f"{title}: decoys alone"] = per_decoy <= BARS["suggestions_per_decoy"]
    if "default" in results.get("speed", {}):
        met["seconds of the audit"] = results["speed"]["default"]["audit_over_training"] <= BARS["audit_over_training"]
    return met


def draw(part: dict) -> Figure:
    """Realised against nominal rates, and recall beside that of baselines."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
    nominal = np.array(LEVELS)
    axes[0].plot([0, 0.25], [0, 0.25], color="black", linewidth=0.8)
    axes[0].plot([0, 0.25], [0, 0.25 * BARS["realised_over_nominal"]], color=GREY, linestyle=":", label="bar")
    for (label, row), colour in zip(part["summary"].items(), (BLUE, VERMILION, BLACK), strict=False):
        realised = [row["levels"][f"{level:g}"]["false_discovery_proportion"] or 0.0 for level in nominal]
        axes[0].plot(nominal, realised, marker="o", color=colour, label=label)
        runs = [run for run in part["runs"] if label_of(run) == label]
        for run in runs if len(runs) > 1 else ():
            one_run = [run["missing"][f"{level:g}"]["false_discovery_proportion"] or 0.0 for level in nominal]
            axes[0].scatter(nominal, one_run, s=9, color=colour, alpha=0.5)
    axes[0].set(xlabel="nominal false discovery rate", ylabel="false among suggestions", xlim=(0, 0.22))
    axes[0].set_xticks(nominal, [f"{level:.0%}" for level in nominal])
    axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=8)
    label, row = next(iter(part["summary"].items()))
    recall = sorted(row["recall_at_as_many_calls"].items(), key=lambda item: item[1])
    names = [name for name, _ in recall]
    colours = [VERMILION if name == "audit" else BLUE for name in names]
    axes[1].barh(range(len(names)), [value for _, value in recall], color=colours)
    axes[1].set_yticks(range(len(names)), names, fontsize=8)
    axes[1].set(xlabel="recall of missing members, at as many calls", title=label, xlim=(0, 1))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure


PARTS = {
    "simulation": simulation,
    "corruption": corruption,
    "null": null,
    "held_out_members": held_out_members,
    "time_split": time_split,
    "replication": replication,
    "interferon": interferon,
    "speed": speed,
}


def main() -> None:
    options = parser("completion")
    options.add_argument("--only", nargs="*", choices=list(PARTS), help="parts to run; the others' results are kept")
    options.add_argument("--repeats", type=int, help=f"deletions of each collection instead of {REPEATS}")
    options.add_argument("--large", action="store_true", help="part speed: the large size as well")
    options.add_argument("--one", type=json.loads, help="used by the script itself")
    args = options.parse_args()
    args.max_epochs, args.free = (3, 0) if args.quick else (None, "auto")
    mpl.use("agg")
    quiet()
    if args.one:
        print("\n" + json.dumps(speed_of_one(**args.one)), flush=True)
        return
    path = args.out or RESULTS / "completion.json"
    results = json.loads(path.read_text()) if args.only and path.is_file() else {}
    results |= {"versions": versions("scvi-tools", "torch", "scanpy"), "bars": BARS}
    for name in args.only or PARTS:
        # each part gives what it has so far
        for found in PARTS[name](args):
            results[name] = found
            results["bars_met"] = bars_met(results)
            write(results, "completion", args)
        print(name, json.dumps(results[name]), flush=True)
    print("bars", json.dumps(results["bars_met"]), flush=True)
    if "simulation" in results:
        save(draw(results["simulation"]), "completion", args)


if __name__ == "__main__":
    main()
