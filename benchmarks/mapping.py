"""Can a model be applied to data it was not trained on, and does it know when not to be?

    python benchmarks/mapping.py                       # writes benchmarks/results/mapping.json
    python benchmarks/mapping.py --only unlike         # one part again, the others as they were
    python benchmarks/mapping.py --quick               # a small check that writes nothing

* missing: simulated cells, half of them the reference and half the query, of which 0, 10, 30 and 60 % of the genes are
  missing. Correlation of activities with the truth and coverage of 95 % intervals, of programs whose weight was
  measured to at least one half: by ``crystallin.map``; with zeros in the place of missing genes; with the mean of the
  reference in their place; and by a model trained on the query.
* batches: two batches of four are the query, with batch effects that the reference does not know (simulated): with
  ``batch_key``, as one batch, and with the intercepts of a batch of the reference.
* unlike: a lineage is held out of the reference (simulation, PBMC 3k, Kang's controls). AUROC of the p-value for its
  cells against held-out cells of the reference's types (of held-out donors where there are several), and the share of
  these with p < .05, nominally 5 %. Beside it, on the same model: the plain Mahalanobis distance of activities from
  their mean; and scvi-tools' aggregated posterior density of an scVI model (10 dimensions) of the same cells.
* stimulated: Kang's control donors as the reference and stimulated cells as the query.
* donors: Kang's controls, two donors at a time as the query of a reference of the other six.
* chemistries: two batches of 10x data as the reference and the third as the query.
* package: the model in the package on data sets it has not seen: blood, other tissues, other chemistry.
* speed: mapping 10,000 cells x 2,000 genes beside training on them.

Data in the folder named by CRYSTALLIN_DATA_DIR; files of part "package" that are not there are left out and named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc
import scvi
import torch
from _common import BLACK, BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, seconds_of, versions, write
from _published import immune
from kang import variable_genes
from matplotlib.figure import Figure
from recovery import coverage, truth_of
from scipy import sparse
from sklearn.metrics import roc_auc_score

import crystallin as cr

MISSING = (0.0, 0.1, 0.3, 0.6)
ALPHA = 0.05
N_GENES = 2_000
LINEAGES = {
    "pbmc3k": {
        "T cell": ["Naive CD4 T", "Memory CD4 T", "CD8 T"],
        "NK cell": ["NK"],
        "Monocyte": ["CD14+ Mono", "FCGR3A+ Mono"],
        "B cell": ["B"],
        "Dendritic cell": ["DC"],
        "Platelet": ["Platelet"],
    },
    "kang": {
        "T cell": ["CD4 T", "CD8 T"],
        "NK cell": ["NK"],
        "Monocyte": ["CD14 Mono", "FCGR3A Mono"],
        "B cell": ["B"],
        "Dendritic cell": ["DC", "pDC"],
        "Platelet": ["Mk"],
    },
}
# data set: file, labels, and lineage of each label ("other" where no label of the model is right)
BLOOD = {"Kang, controls": "kang_ifnb_2800.h5ad", "Kang, stimulated": "kang_ifnb_2800.h5ad"}
UNSEEN = {
    "10x, three chemistries": "pbmc_3batch_symphony_1200.h5ad",
    "CITE-seq, 8 donors (Hao 2021)": "pbmc_hao_1000.h5ad",
    "ECCITE-seq (Mimitou 2019)": "pbmc_citefuse_500.h5ad",
}
OTHER_TISSUES = {
    "pancreas (Baron 2016, inDrop)": "pancreas_baron_175.h5ad",
    "brain (Darmanis 2015, SMARTer)": "brain_darmanis_466.h5ad",
    "lung cancer lines (Tian 2019, CEL-seq2)": "celllines5_celseq2.h5ad",
    "lung cancer lines (Tian 2019, Drop-seq)": "celllines_dropseq.h5ad",
    "B-cell lymphoma (10x)": "tumor_malt_10x.h5ad",
    "mouse pancreas, human symbols (Baron 2016)": "mouse_pancreas_baron_153.h5ad",
    "mouse lung, upper case (Zilionis 2019)": "mouse_lung_zilionis_800.h5ad",
    "mouse intestine (Grün 2015)": "mouse_intestine_431.h5ad",
}
NAMES = {
    "CD4 T": "CD4 T cell",
    "CD8 T": "CD8 T cell",
    "NK": "NK cell",
    "B": "B cell",
    "CD14 Mono": "Classical monocyte",
    "FCGR3A Mono": "Non-classical monocyte",
    "DC": "Dendritic cell",
    "Mk": "Platelet",
    "T_CD4": "CD4 T cell",
    "T_CD8": "CD8 T cell",
    "Mono_CD14": "Classical monocyte",
    "Mono_CD16": "Non-classical monocyte",
    "MK": "Platelet",
    "HSC": "Progenitor",
}


def fitted(adata: ad.AnnData, programs: object, args: object, **setup: object) -> cr.ProgramVAE:
    """A trained model with its data."""
    adata = adata.copy()
    min_genes = 3 if adata.n_vars < 3_000 and programs == "immune" else 5
    cr.pp.add_programs(adata, programs, min_genes=min_genes)
    cr.ProgramVAE.setup_anndata(adata, **setup)
    model = cr.ProgramVAE(adata)
    short = {"max_epochs": 5, "posterior_epochs": 5} if args.quick else {}
    model.train(enable_progress_bar=False, **short)
    return model


def mapped(query: ad.AnnData, model: cr.ProgramVAE, **options: object) -> ad.AnnData:
    query = ad.AnnData(query.X.copy(), obs=query.obs.copy(), var=query.var[[]].copy())
    cr.map(query, model, **options)
    return query


def simulated(args: object, **options: object) -> ad.AnnData:
    small = {"n_vars": 400, "n_programs": 15, "n_decoys": 0, "program_size": (15, 30)} if args.quick else {}
    defaults = {"n_obs": 800 if args.quick else 6_000, "n_decoys": 0, "n_programs": 60, "depth": 1_000}
    return cr.datasets.simulate(**(defaults | small | options))


def sets_of(adata: ad.AnnData) -> dict[str, list[str]]:
    edges = adata.uns["simulation"]["edges"]
    edges = edges[edges["annotated"]]
    return {str(name): list(part["target"]) for name, part in edges.groupby("source")}


def agreement(truth: pd.DataFrame, mean: pd.DataFrame, sd: pd.DataFrame) -> dict:
    """Correlation with the truth, and coverage, of programs that are not NaN."""
    there = [name for name in truth.columns if name in mean and mean[name].notna().all()]
    r = truth[there].corrwith(mean[there]).fillna(0)
    return {
        "programs": len(there),
        "r_median": round(float(r.median()), 3),
        "r_10th_percentile": round(float(r.quantile(0.1)), 3),
        **coverage(truth[there].to_numpy(), mean[there].to_numpy(), sd[there].to_numpy()),
        "sd_mean": round(float(sd[there].to_numpy().mean()), 3),
    }


def activities(adata: ad.AnnData, kind: str = "unique") -> tuple[pd.DataFrame, pd.DataFrame]:
    return cr.get.activity_df(adata, kind=kind), cr.get.activity(adata, kind=kind).to_df("sd")


# --------------------------------------------------------------------------------------------------- missing genes


def missing(args: object) -> list[dict]:
    adata = simulated(args, random_state=0)
    truth, sets = truth_of(adata), sets_of(adata)
    half = adata.n_obs // 2
    reference, query = adata[:half].copy(), adata[half:].copy()
    truth = truth.iloc[half:]
    model = fitted(reference, sets, args)
    rng, rows = np.random.default_rng(0), []
    order = rng.permutation(adata.n_vars)
    for share in MISSING:
        there = np.sort(order[round(share * adata.n_vars) :])
        some = query[:, there].copy()
        estimates = {"map": by_mapping(some, model), "zeros": with_zeros(some, model), "mean": with_means(some, model)}
        estimates["trained on the query"] = by_training(some, sets, args)
        known = [name for name in truth.columns if estimates["map"][0].get(name, pd.Series([np.nan])).notna().all()]
        for method, (mean, sd) in estimates.items():
            rows.append({"missing": share, "method": method, **agreement(truth[known], mean, sd)})
    return rows


def by_mapping(query: ad.AnnData, model: cr.ProgramVAE) -> tuple[pd.DataFrame, pd.DataFrame]:
    there = mapped(query, model)
    return activities(there)


def frames(model: cr.ProgramVAE, query: ad.AnnData) -> tuple[pd.DataFrame, pd.DataFrame]:
    mean, sd = model.get_activity(query, return_sd=True)
    return tuple(pd.DataFrame(values, query.obs_names, model.program_names) for values in (mean, sd))


def on_all_genes(query: ad.AnnData, model: cr.ProgramVAE, filled: Callable[[np.ndarray], np.ndarray]) -> ad.AnnData:
    """The query on the model's genes; missing ones get what ``filled`` makes of the cells' depths."""
    places = pd.Index(model.genes).get_indexer(query.var_names)
    counts = np.zeros((query.n_obs, len(model.genes)), dtype=np.float32)
    absent = np.setdiff1d(np.arange(len(model.genes)), places)
    counts[:, places] = query.X.toarray()
    counts[:, absent] = filled(counts.sum(axis=1))[:, absent]
    return ad.AnnData(sparse.csr_matrix(counts), obs=query.obs[[]], var=pd.DataFrame(index=model.genes))


def with_zeros(query: ad.AnnData, model: cr.ProgramVAE) -> tuple[pd.DataFrame, pd.DataFrame]:
    padded = on_all_genes(query, model, lambda depth: np.zeros((len(depth), len(model.genes))))
    return frames(model, padded)


def with_means(query: ad.AnnData, model: cr.ProgramVAE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Missing counts are drawn with the reference's mean, because the model needs whole numbers."""
    total = np.asarray(model.adata.X.sum(axis=0)).ravel()
    share, rng = total / total.sum(), np.random.default_rng(0)
    measured = share[pd.Index(model.genes).get_indexer(query.var_names)].sum()
    return frames(model, on_all_genes(query, model, lambda depth: rng.poisson(np.outer(depth / measured, share))))


def by_training(query: ad.AnnData, sets: dict, args: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    model = fitted(query, sets, args)
    return frames(model, model.adata)


# --------------------------------------------------------------------------------------------------------- batches


def batches(args: object) -> list[dict]:
    rows = []
    for effect in (0.2, 0.5):
        adata = simulated(args, n_batches=4, batch_effect=effect, random_state=1)
        truth, sets = truth_of(adata), sets_of(adata)
        names = sorted(adata.obs["batch"].astype(str).unique())
        new = adata.obs["batch"].astype(str).isin(names[2:]).to_numpy()
        model = fitted(adata[~new], sets, args, batch_key="batch")
        query, truth = adata[new].copy(), truth[new]
        query.obs["known"] = names[0]
        methods = {
            "map, batch_key": {"batch_key": "batch"},
            "map, one batch": {},
            "the intercepts of another batch": {"batch_key": "known"},
        }
        for method, options in methods.items():
            there = mapped(query, model, **options)
            rows.append({"effect": effect, "method": method, **agreement(truth, *activities(there))})
        whole = fitted(adata, sets, args, batch_key="batch")
        mean, sd = frames(whole, whole.adata)
        rows.append({"effect": effect, "method": "trained on all", **agreement(truth, mean[new], sd[new])})
    return rows


# ---------------------------------------------------------------------------------------------------------- unlike


def unlike(args: object) -> list[dict]:
    rows = []
    for name, adata, labels, sample, programs, held_out in held_out_lineages(args):
        rng = np.random.default_rng(0)
        new = adata.obs[labels].isin(held_out).to_numpy()
        if sample is None:
            others = rng.permutation(np.flatnonzero(~new))
            tested = np.sort(others[: len(others) // 4])
        else:
            samples = rng.permutation(adata.obs[sample].unique())
            tested = np.flatnonzero(~new & adata.obs[sample].isin(samples[: max(len(samples) // 4, 1)]).to_numpy())
        trained = np.setdiff1d(np.flatnonzero(~new), tested)
        model = fitted(adata[trained], programs, args)
        cr.calibrate(model, labels, sample_key=sample, enable_progress_bar=False)
        cells = np.concatenate([tested, np.flatnonzero(new)])
        is_new = np.repeat([False, True], [len(tested), new.sum()])
        query = adata[cells].copy()
        there = mapped(query, model, batch_key=sample)
        found = cr.get.map_cells_df(there)
        scores = {column: -found[column].to_numpy() for column in ("p", "p_activity", "p_counts")}
        scores["Mahalanobis"] = plain_mahalanobis(model, there)
        scores["scVI density"] = scvi_density(adata[trained].copy(), query, args)
        # ties of the smallest p say nothing about order, and half of each tie counts
        aurocs = {score: round(float(roc_auc_score(is_new, values)), 3) for score, values in scores.items()}
        p = found["p"].to_numpy()
        rows.append(
            {
                "data": name,
                "held_out": held_out[0] if len(held_out) == 1 else " and ".join(held_out),
                "n_new": int(new.sum()),
                "n_held_out": len(tested),
                "held_out_donors": sample is not None,
                **{f"auroc {score}": value for score, value in aurocs.items()},
                "share_below_.05": round(float((p[~is_new] < ALPHA).mean()), 4),
                "power_at_.05": round(float((p[is_new] < ALPHA).mean()), 4),
            }
        )
    return rows


def held_out_lineages(args: object) -> Iterator[tuple]:
    adata = simulated(args, held_out_cell_type=True, n_donors=8, random_state=2)
    adata.obs["type"] = np.where(adata.obs["held_out"], "held out", adata.obs["cell_type"].astype(str))
    yield "simulation", adata, "type", "donor", sets_of(adata), ["held out"]
    if args.quick:
        return
    wanted = genes_of_immune()
    pbmc = variable_genes(ad.read_h5ad(DATA / "pbmc3k_2638.h5ad"), wanted, N_GENES)
    for names in LINEAGES["pbmc3k"].values():
        yield "PBMC 3k", pbmc, "cell_type", None, "immune", names
    controls = kang("ctrl", wanted)
    for names in LINEAGES["kang"].values():
        yield "Kang, controls", controls, "cell_type", "donor", "immune", names


def kang(condition: str, wanted: list[str]) -> ad.AnnData:
    """Cells of known donors of one condition, without the few erythrocytes."""
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"), wanted, N_GENES)
    known = (adata.obs["donor"] != "unknown") | (condition == "stim")
    chosen = (adata.obs["condition"] == condition) & known & (adata.obs["cell_type"] != "Eryth")
    return adata[chosen.to_numpy()].copy()


def plain_mahalanobis(model: cr.ProgramVAE, query: ad.AnnData) -> np.ndarray:
    """Distance of activities from the mean of the reference."""
    before, now = model.get_activity(), query.obsm["X_programs"]
    inverse = np.linalg.pinv(np.cov(before.T))
    away = now - before.mean(axis=0)
    return np.einsum("ij,jk,ik->i", away, inverse, away)


def scvi_density(reference: ad.AnnData, query: ad.AnnData, args: object) -> np.ndarray:
    """Minus the log density of the query's latent means under the aggregated posterior of an scVI model."""
    scvi.settings.seed = 0
    reference = ad.AnnData(reference.X, obs=reference.obs[[]], var=reference.var[[]])
    scvi.model.SCVI.setup_anndata(reference)
    model = scvi.model.SCVI(reference)
    model.train(max_epochs=2 if args.quick else 150, enable_progress_bar=False, accelerator="cpu")
    posterior = model.get_aggregated_posterior(dof=None)
    query = ad.AnnData(query.X, obs=query.obs[[]], var=query.var[[]])
    latent = torch.as_tensor(model.get_latent_representation(query))
    return -np.concatenate([posterior.log_prob(part).cpu().numpy() for part in latent.split(256)])


# -------------------------------------------------------------------------------------------------------- verdicts


def stimulated(args: object) -> dict:
    wanted = genes_of_immune()
    model = fitted(kang("ctrl", wanted), "immune", args)
    cr.calibrate(model, "cell_type", sample_key="donor", enable_progress_bar=False)
    there = mapped(kang("stim", wanted), model, groupby="cell_type")
    save(cr.pl.map(there, show=False)[0].figure, "mapping_kang", args)
    return summary(there, "cell_type")


def chemistries(args: object) -> list[dict]:
    three, rows = ad.read_h5ad(DATA / "pbmc_3batch_symphony_1200.h5ad"), []
    for batch in three.obs["batch"].unique():
        seen = (three.obs["batch"] != batch).to_numpy()
        model = fitted(three[seen], "immune", args, batch_key="batch")
        cr.calibrate(model, "cell_type", sample_key="batch", n_folds=2, enable_progress_bar=False)
        there = mapped(three[~seen], model, groupby="cell_type")
        found = cr.get.map_cells_df(there)
        right = found["label"].astype(str) == there.obs["cell_type"].astype(str)
        rows.append(
            {
                "query": str(batch),
                "share_below_.05": round(float((found["p"] < ALPHA).mean()), 3),
                "label_right": round(float(right.mean()), 3),
                "verdicts": cr.get.map_df(there, columns="all")["verdict"].value_counts().to_dict(),
            }
        )
    return rows


def genes_of_immune() -> list[str]:
    sets, _, _ = immune()
    return sorted({gene for genes in sets.values() for gene in genes})


def donors(args: object) -> dict:
    """Verdicts on, and p-values of, the control cells of two donors at a time, by a reference of the other six."""
    controls = kang("ctrl", genes_of_immune())
    names = np.random.default_rng(0).permutation(controls.obs["donor"].unique())
    tables, p = [], []
    for pair in names.reshape(-1, 2):
        new = controls.obs["donor"].isin(pair).to_numpy()
        model = fitted(controls[~new], "immune", args)
        cr.calibrate(model, "cell_type", sample_key="donor", enable_progress_bar=False)
        for donor in pair:
            there = mapped(controls[(controls.obs["donor"] == donor).to_numpy()], model, groupby="cell_type")
            tables.append(cr.get.map_df(there, columns="all"))
            p.append(cr.get.map_cells_df(there)["p"].to_numpy())
    table = pd.concat(tables)
    judged = table[table["verdict"] != "too few cells"]
    values = np.concatenate(p)
    return {
        "groups": len(judged),
        "verdicts": judged["verdict"].value_counts().to_dict(),
        "share_not_like": round(float((judged["verdict"] != "like the reference").mean()), 3),
        "share_below_.05": round(float((values < ALPHA).mean()), 4),
        "share_below_.05_by_donor": [round(float((part < ALPHA).mean()), 3) for part in p],
    }


def summary(there: ad.AnnData, labels: str) -> dict:
    table = cr.get.map_df(there, columns="all")
    found = cr.get.map_cells_df(there)
    return {
        "groups": {
            row["group"]: {name: row[name] for name in ("n_cells", "verdict", "label", "moved")}
            | {name: round(float(row[name]), 2) for name in ("distance", "own_distance", "unlike", "label_share")}
            for _, row in table.iterrows()
        },
        "limit": round(float(table["limit"].iloc[0]), 2),
        "far": round(float(table["far"].iloc[0]), 2),
        "label_right": round(float((found["label"].astype(str) == there.obs[labels].astype(str)).mean()), 3),
    }


# --------------------------------------------------------------------------------------------------------- package


def package(args: object) -> dict:
    model, results = cr.load("pbmc"), {"absent": []}
    results["model"] = {"programs": len(model.program_names), "genes": len(model.genes)}
    queries = dict.fromkeys((*BLOOD, *UNSEEN), "blood") | dict.fromkeys(OTHER_TISSUES, "other")
    for name, kind in queries.items():
        adata = read_query(name)
        if adata is None:
            results["absent"].append(name)
            continue
        try:
            there = clustered(adata, model)
        except ValueError as error:
            results[name] = {"kind": kind, "refused": str(error).split(". ")[0]}
            continue
        results[name] = {"kind": kind, **of_package(there)}
    return results


def read_query(name: str) -> ad.AnnData | None:
    file = (BLOOD | UNSEEN | OTHER_TISSUES)[name]
    if not (DATA / file).exists():
        return None
    adata = ad.read_h5ad(DATA / file)
    if name in BLOOD:
        adata = adata[(adata.obs["condition"] == ("ctrl" if name.endswith("controls") else "stim")).to_numpy()]
    adata = adata[np.asarray(adata.X.sum(axis=1)).ravel() > 0]
    names = adata.var_names.str.removeprefix("hg19_")
    return ad.AnnData(sparse.csr_matrix(adata.X), obs=adata.obs.copy(), var=pd.DataFrame(index=names))


def clustered(adata: ad.AnnData, model: cr.ProgramVAE) -> ad.AnnData:
    """The query, mapped, with verdicts on its Leiden clusters."""
    logged = ad.AnnData(adata.X.copy(), obs=adata.obs[[]], var=adata.var[[]])
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    sc.pp.highly_variable_genes(logged, n_top_genes=min(N_GENES, logged.n_vars))
    sc.pp.pca(logged, random_state=0)
    sc.pp.neighbors(logged, random_state=0)
    sc.tl.leiden(logged, flavor="igraph", n_iterations=2, directed=False, random_state=0)
    adata.obs["leiden"] = logged.obs["leiden"].to_numpy()
    cr.map(adata, model, groupby="leiden")
    return adata


def of_package(there: ad.AnnData) -> dict:
    table, found = cr.get.map_df(there, columns="all"), cr.get.map_cells_df(there)
    cells = table.groupby("verdict")["n_cells"].sum() / table["n_cells"].sum()
    told = there.obs["cell_type"].astype(str).map(NAMES) if "cell_type" in there.obs else None
    right = {}
    if told is not None and told.notna().any():
        known = told.notna().to_numpy()
        label = found["label"].astype(str).to_numpy()[known]
        right = {"label_right": round(float((label == told[known].to_numpy()).mean()), 3)}
    return {
        "cells": there.n_obs,
        "cells_by_verdict": {name: round(float(share), 3) for name, share in cells.items()},
        "share_below_.05": round(float((found["p"] < ALPHA).mean()), 3),
        "measured_median": round(float(cr.get.programs_df(there, columns="all")["measured"].median()), 3),
        **right,
    }


# ----------------------------------------------------------------------------------------------------------- speed


def speed(args: object) -> dict:
    adata = simulated(args, n_obs=1_000 if args.quick else 20_000, n_vars=2_000, random_state=3, depth=2_000)
    half = adata.n_obs // 2
    sets = sets_of(adata)
    model, training = seconds_of(lambda: fitted(adata[:half], sets, args))
    cr.calibrate(model, "cell_type", enable_progress_bar=False)
    query = adata[half:].copy()
    cr.map(query[:100].copy(), model)
    _, mapping = seconds_of(lambda: cr.map(query, model))
    return {
        "cells": query.n_obs,
        "genes": query.n_vars,
        "programs": len(model.program_names),
        "seconds_map": round(mapping, 1),
        "seconds_training": round(training, 1),
        "training_over_map": round(training / mapping, 1),
    }


def draw(results: dict) -> Figure:
    """Coverage without some of the genes, and AUROC of types that the reference lacks."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=[1, 1.5])
    styles = {
        "map": ("left out (map)", BLUE, "o-"),
        "zeros": ("filled with zeros", VERMILION, "s-"),
        "mean": ("filled with means", GREY, "^-"),
        "trained on the query": ("trained on the query", BLACK, "D--"),
    }
    for method, (label, colour, style) in styles.items():
        rows = [row for row in results["missing"] if row["method"] == method]
        covered = [95 + 100 * row["coverage_minus_nominal"]["95%"] for row in rows]
        left.plot([100 * row["missing"] for row in rows], covered, style, color=colour, label=label)
    left.axhline(95, color=GREY, linestyle=":", linewidth=1)
    left.set(xlabel="genes that the query lacks (%)", ylabel="truth inside the 95 % interval (%)")
    left.set_ylim(bottom=78)
    left.legend(frameon=False, title="missing genes are", loc="lower left")
    names = [f"{row['held_out']}, {row['data'].split(',')[0]}" for row in results["unlike"]]
    place = np.arange(len(names))
    scores = {
        "p": ("crystallin, p", BLUE, "o"),
        "Mahalanobis": ("Mahalanobis", GREY, "^"),
        "scVI density": ("scVI density", VERMILION, "s"),
    }
    for score, (label, colour, marker) in scores.items():
        right.plot([row[f"auroc {score}"] for row in results["unlike"]], place, marker, color=colour, label=label)
    right.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
    right.set_yticks(place, names)
    right.invert_yaxis()
    right.set(xlabel="AUROC of cells of a type that the reference lacks", xlim=(0, 1.02))
    right.legend(frameon=False, loc="lower left")
    return figure


PARTS = {
    "missing": missing,
    "batches": batches,
    "unlike": unlike,
    "stimulated": stimulated,
    "donors": donors,
    "chemistries": chemistries,
    "package": package,
    "speed": speed,
}


def main() -> None:
    options = parser("mapping")
    options.add_argument("--only", choices=PARTS, nargs="+", help="parts to run; others stay as they were")
    args = options.parse_args()
    quiet()
    path = args.out or RESULTS / "mapping.json"
    results = json.loads(path.read_text()) if args.only and path.exists() else {}
    for name in args.only or PARTS:
        if args.quick and name in ("stimulated", "donors", "chemistries", "package"):
            continue
        results[name] = PARTS[name](args)
        results["versions"] = versions("scvi-tools", "torch", "scanpy")
        write(results, "mapping", args)
        print(name, json.dumps(results[name], indent=1))
    if "missing" in results and "unlike" in results:
        save(draw(results), "mapping", args)


if __name__ == "__main__":
    main()
