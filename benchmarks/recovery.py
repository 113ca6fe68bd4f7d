"""How much of what is true does the model find, and how much could be found at all?

Simulated cells with 100 true programs and 100 decoys, whose sets lack a fifth of their true members and hold as many
spurious ones, in both arms of the simulator and, log-additive, at two larger depths: depth decides how much can be
known. Activities, loadings, decoys and intervals of ProgramVAE against an oracle that knows all but the activities,
decoupler's linear scores, set means, and scvi-tools' LinearSCVI.

    python benchmarks/recovery.py            # writes benchmarks/results/recovery.json
    python benchmarks/recovery.py --quick    # a small check that writes nothing

* r: Pearson correlation with the true activity over cells, for each true program; median and 10th percentile, also as a
  share of the oracle's median and 10th percentile.
* oracle, annotated members only: true loadings where the sets have the gene, 0 where a true member was dropped. It
  bounds what a model can reach that keeps to its sets.
* decoy AUROC: true sets against decoys by the variance over cells of the activity (ProgramVAE), of the t value (ulm and
  mlm), and of the mean z-score times the size of the set (set means).
* gene AUROC: annotated genes of true programs, true members against spurious ones, by absolute loading; also with only
  those true members whose true loading is at least .1 in log rate per standard deviation.
* coverage: share of all cells and true programs whose true activity lies within mean ± z sd, minus the nominal share.
  In the additive-rate arm the model's activities have another unit than the usages, so the usages are standardised.
* LinearSCVI has no names: its dimensions are matched to the true programs one to one, so that the sum of the absolute
  correlations with the truth is largest. No user could do so; it favours LinearSCVI.
"""

from __future__ import annotations

import json
import time

import anndata as ad
import decoupler as dc
import numpy as np
import pandas as pd
import scanpy as sc
import scvi
from _common import parser, quiet, seconds_of, versions, write
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

import crystallin as cr

LEVELS = (0.5, 0.8, 0.9, 0.95)
STRONG = 0.1
# V is that many times the log-additive loading
LOADING_UNIT = {"log-additive": 1.0, "additive-rate": 8.0}
LINEAR_EPOCHS, LINEAR_LATENT = 30, 200
BARS = {
    "r_median_of_oracle": 0.95,
    "r_10th_percentile_of_oracle": 0.90,
    "gene_auroc": 0.97,
    "decoy_auroc": 0.98,
    "coverage_within": 0.03,
}
DEFAULT_DEPTH = 500
FULL = [
    *({"arm": "log-additive", "depth": DEFAULT_DEPTH, "random_state": seed} for seed in (0, 1, 2)),
    *({"arm": "log-additive", "depth": depth, "random_state": 0} for depth in (1_000, 2_000)),
    *({"arm": "additive-rate", "depth": DEFAULT_DEPTH, "random_state": seed} for seed in (0, 1, 2)),
]
SMALL = {"n_obs": 500, "n_vars": 300, "n_programs": 10, "n_decoys": 10, "program_size": (10, 30)}
QUICK = [{"arm": arm, "depth": DEFAULT_DEPTH, "random_state": 0, **SMALL} for arm in LOADING_UNIT]


def truth_of(adata: ad.AnnData) -> pd.DataFrame:
    """Cells x true programs."""
    programs = adata.uns["simulation"]["dimensions"]["program"]
    return pd.DataFrame(adata.obsm["true_activity"], index=adata.obs_names, columns=programs.to_numpy())


def correlations(truth: pd.DataFrame, estimate: pd.DataFrame) -> dict[str, float]:
    # what does not vary says nothing
    r = truth.corrwith(estimate[truth.columns]).fillna(0)
    return {"r_median": round(float(r.median()), 4), "r_10th_percentile": round(float(r.quantile(0.1)), 4)}


def decoy_auroc(adata: ad.AnnData, importance: pd.Series) -> dict[str, float]:
    sets = adata.uns["simulation"]["sets"].set_index("name")
    return {"decoy_auroc": round(float(roc_auc_score(~sets["is_decoy"].to_numpy(bool), importance[sets.index])), 4)}


def gene_auroc(adata: ad.AnnData, loadings: pd.DataFrame) -> dict[str, float]:
    """True against spurious members of the annotated sets of true programs, by absolute loading."""
    simulation = adata.uns["simulation"]
    dimensions = simulation["dimensions"]["program"].tolist()
    edges = simulation["edges"]
    edges = edges[edges["annotated"] & edges["source"].isin(dimensions)]
    gene, is_true = adata.var_names.get_indexer(edges["target"]), edges["true"].to_numpy(bool)
    score = np.abs(loadings.to_numpy()[gene, loadings.columns.get_indexer(edges["source"])])
    dimension = pd.Index(dimensions).get_indexer(edges["source"])
    strength = np.abs(adata.varm["true_loadings"][gene, dimension]) / LOADING_UNIT[simulation["params"]["arm"]]
    counted = ~is_true | (strength >= STRONG)
    return {
        "gene_auroc": round(float(roc_auc_score(is_true, score)), 4),
        "gene_auroc_strong": round(float(roc_auc_score(is_true[counted], score[counted])), 4),
    }


def coverage(truth: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> dict[str, dict[str, float]]:
    """Share of the truth within the intervals, minus the nominal share."""
    distance = np.abs(truth - mean) / sd
    excess = {f"{level:.0%}": float((distance <= norm.ppf((1 + level) / 2)).mean()) - level for level in LEVELS}
    return {"coverage_minus_nominal": {level: round(value, 4) for level, value in excess.items()}}


def log_normalised(adata: ad.AnnData) -> pd.DataFrame:
    logged = ad.AnnData(adata.X.copy(), obs=adata.obs[[]], var=adata.var[[]])
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    return logged.to_df()


def oracle(adata: ad.AnnData, truth: pd.DataFrame) -> dict:
    (mode, sd), seconds = seconds_of(lambda: cr.datasets.oracle_activity(adata))
    estimate = pd.DataFrame(mode, index=truth.index, columns=truth.columns)
    return {"seconds": round(seconds, 1), **correlations(truth, estimate), **coverage(truth.to_numpy(), mode, sd)}


def annotated_oracle(adata: ad.AnnData, truth: pd.DataFrame) -> dict:
    """The oracle, robbed of the true members that the sets lack: what the annotation leaves to be known."""
    edges = adata.uns["simulation"]["edges"]
    known = edges[edges["true"].to_numpy(bool) & edges["annotated"].to_numpy(bool)]
    dimensions = pd.Index(adata.uns["simulation"]["dimensions"]["program"])
    gene, program = adata.var_names.get_indexer(known["target"]), dimensions.get_indexer(known["source"])
    annotated = np.zeros_like(adata.varm["true_loadings"])
    annotated[gene, program] = 1
    robbed = adata.copy()
    robbed.varm["true_loadings"] = adata.varm["true_loadings"] * annotated
    (mode, _), seconds = seconds_of(lambda: cr.datasets.oracle_activity(robbed))
    return {
        "seconds": round(seconds, 1),
        **correlations(truth, pd.DataFrame(mode, index=truth.index, columns=truth.columns)),
    }


def program_vae(adata: ad.AnnData, truth: pd.DataFrame, *, context: bool, max_epochs: int | None) -> dict:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, context=context, random_state=0)
    _, training = seconds_of(lambda: model.train(max_epochs=max_epochs, enable_progress_bar=False))
    (mean, sd), reading = seconds_of(lambda: model.get_activity(return_sd=True))
    frame = {"index": truth.index, "columns": model.program_names}
    activity, sd = pd.DataFrame(mean, **frame), pd.DataFrame(sd, **frame)
    encoded = pd.DataFrame(model.get_activity(refine=False), **frame)
    target = truth
    if adata.uns["simulation"]["params"]["arm"] == "additive-rate":
        target = (truth - truth.mean()) / truth.std()
    columns = truth.columns
    return {
        "seconds": round(training + reading, 1),
        "seconds_training": round(training, 1),
        "seconds_activity_with_sd": round(reading, 1),
        "epochs": len(model.history["elbo_validation"]),
        "epochs_of_last_stage": len(model.history.get("reconstruction_loss_posterior", ())),
        "validation_elbo_per_cell": round(float(model.history["elbo_validation"].min().iloc[0]), 2),
        **correlations(truth, activity),
        **{f"encoder_{key}": value for key, value in correlations(truth, encoded).items()},
        **decoy_auroc(adata, activity.var()),
        **gene_auroc(adata, model.get_loadings()),
        **coverage(target.to_numpy(), activity[columns].to_numpy(), sd[columns].to_numpy()),
    }


def linear_score(adata: ad.AnnData, truth: pd.DataFrame, logged: pd.DataFrame, method: str) -> dict:
    """A score of decoupler: the t value of each set in each cell."""
    net = adata.uns["simulation"]["annotation"]
    (scores, _), seconds = seconds_of(lambda: getattr(dc.mt, method)(data=logged, net=net))
    return {"seconds": round(seconds, 1), **correlations(truth, scores), **decoy_auroc(adata, scores.var())}


def compile_scores() -> None:
    """Have decoupler compile what it compiles on first use, which is not to be timed."""
    data = (
        pd.DataFrame(np.random.default_rng(0).random((20, 30), dtype=np.float32))
        .add_prefix("gene")
        .T.add_prefix("cell")
        .T
    )
    net = pd.DataFrame({"source": np.repeat(["a", "b"], 6), "target": data.columns[:12], "weight": 1.0})
    for method in ("ulm", "mlm"):
        getattr(dc.mt, method)(data=data, net=net)


def set_means(adata: ad.AnnData, truth: pd.DataFrame, logged: pd.DataFrame) -> dict:
    start = time.perf_counter()
    members = adata.varm["programs"]
    size = np.asarray(members.sum(axis=0)).ravel()
    z = ((logged - logged.mean()) / logged.std().replace(0, 1)).to_numpy()
    means = pd.DataFrame((members.T @ z.T).T / size, index=logged.index, columns=adata.uns["programs"]["names"])
    seconds = round(time.perf_counter() - start, 1)
    return {"seconds": seconds, **correlations(truth, means), **decoy_auroc(adata, means.var() * size)}


def linear_scvi(adata: ad.AnnData, truth: pd.DataFrame, *, max_epochs: int) -> dict:
    cells = ad.AnnData(adata.X, obs=adata.obs[[]], var=adata.var[[]])
    scvi.model.LinearSCVI.setup_anndata(cells)
    scvi.settings.seed = 0
    model = scvi.model.LinearSCVI(cells, n_latent=LINEAR_LATENT)
    _, seconds = seconds_of(lambda: model.train(max_epochs=max_epochs, enable_progress_bar=False))
    latent = model.get_latent_representation()
    between = np.corrcoef(truth.to_numpy().T, latent.T)[: truth.shape[1], truth.shape[1] :]
    between = np.nan_to_num(between)
    rows, columns = linear_sum_assignment(-np.abs(between))
    matched = pd.DataFrame(
        latent[:, columns] * np.sign(between[rows, columns]), index=truth.index, columns=truth.columns
    )
    return {"seconds": round(seconds, 1), "epochs": max_epochs, **correlations(truth, matched)}


def measure(setting: dict, *, without_context: bool, quick: bool) -> dict:
    adata = cr.datasets.simulate(**setting)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    truth, logged = truth_of(adata), log_normalised(adata)
    epochs = {"max_epochs": 30} if quick else {"max_epochs": None}
    methods = {
        "oracle": lambda: oracle(adata, truth),
        "oracle, annotated members only": lambda: annotated_oracle(adata, truth),
        "ProgramVAE": lambda: program_vae(adata, truth, context=True, **epochs),
        "ProgramVAE, context=False": lambda: program_vae(adata, truth, context=False, **epochs),
        "decoupler ulm": lambda: linear_score(adata, truth, logged, "ulm"),
        "decoupler mlm": lambda: linear_score(adata, truth, logged, "mlm"),
        "set means": lambda: set_means(adata, truth, logged),
        "LinearSCVI": lambda: linear_scvi(adata, truth, max_epochs=2 if quick else LINEAR_EPOCHS),
    }
    # the slow and the side questions once in each arm
    if not without_context:
        del methods["ProgramVAE, context=False"], methods["LinearSCVI"]
    run = {
        "arm": setting["arm"],
        "depth": setting["depth"],
        "seed": setting["random_state"],
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "true_programs": truth.shape[1],
        "sets": adata.varm["programs"].shape[1],
        "share_of_counts_not_zero": round(adata.X.nnz / (adata.n_obs * adata.n_vars), 3),
        "methods": {},
    }
    label = f"{run['arm']}, depth {run['depth']}, seed {run['seed']}:"
    for name, work in methods.items():
        row = run["methods"][name] = work()
        for key in ("r_median", "r_10th_percentile"):
            row[f"{key}_of_oracle"] = round(row[key] / run["methods"]["oracle"][key], 4)
        print(label, name, json.dumps(row), flush=True)
    run["bars_met"] = bars_met(run["methods"]["ProgramVAE"])
    print(label, "bars", json.dumps(run["bars_met"]), flush=True)
    return run


def bars_met(row: dict) -> dict[str, bool]:
    met = {key: row[key] >= bar for key, bar in BARS.items() if key in row}
    off = max(abs(value) for value in row["coverage_minus_nominal"].values())
    return {**met, "coverage_within": off <= BARS["coverage_within"]}


def main() -> None:
    args = parser("recovery").parse_args()
    quiet()
    compile_scores()
    results: dict = {"versions": versions("scvi-tools", "decoupler", "torch", "numpy"), "bars": BARS, "runs": []}
    for setting in QUICK if args.quick else FULL:
        first = setting["random_state"] == 0 and setting["depth"] == DEFAULT_DEPTH
        results["runs"].append(measure(setting, without_context=first, quick=args.quick))
        write(results, "recovery", args)


if __name__ == "__main__":
    main()
