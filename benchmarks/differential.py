"""Which differences between conditions are found, which are made up, and by which test?

Simulated cells of 6 + 6 donors (sd of a donor's effect .2), 6 types, 40 true programs whose sets lack a fifth of their
members and hold as many spurious ones, and 40 decoy sets; 50 more decoys are trained for the empirical null. Conditions
are compared within types.

    python benchmarks/differential.py            # writes benchmarks/results/differential.json and docs/_static/*.png
    python benchmarks/differential.py --quick    # a small check that writes nothing
    python benchmarks/differential.py --only kang    # one part, the others' results are kept

* shifts: 12 programs shifted by .12 to .6 in half of the types, 20 replicates.
* depth: the same at four times the counts, 6 replicates.
* screened: as shifts, of the same seeds; a second model is trained and tested on the programs that pp.screen_programs
  (within types and samples) calls awake, and what is asleep counts as not called. ``--screened`` says how many
  replicates.
* decision: the column ``call`` and the tests that it combines, at both depths, of samples and of cells; and the same of
  the total activity, whose calls are also compared with the true differences of totals. ``--decision`` says how many
  replicates.
* completed: as screened, of the same seeds, with sets completed by cr.complete, on all cells and, to show that this
  does not use the contrast that is tested afterwards, on control cells alone (screening too); the sets found there are
  then trained on all cells. Also where nothing but donors differs. ``--completed`` says how many replicates of each.
* donors: nothing but donors differs, 10 replicates.
* batches: as shifts, with two batches confounded with the condition (Cramér's V 0, .4, .8), 3 replicates each; the
  model does not know the batches, the test is told or is not.
* scale: a call on random activities of 100,000 and a million cells, 500 programs, 50 groups.
* kang: cells of Kang et al. (2018, Nat Biotechnol 36:89) with and without interferon-beta.

Calls are at q <= .05, q over the programs of a comparison. False are decoys and unshifted programs of which no member
of the family is shifted in this type. Power is the share of shifted programs called. "true activities" is the same test
on the activities that the simulator knows. Tests on cells take cells as replicates.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from types import SimpleNamespace

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, seconds_of, versions, write
from _completion import added_edges, memberships, sets_of
from _differences import (
    DESIGN,
    LEVEL,
    N_TRAINED_DECOYS,
    annotation_of,
    cell_tests,
    coverage,
    families_of,
    fitted,
    linear_scores,
    ours,
    rates,
    simulated,
    simulated_cells,
    summed,
    true_activities,
)
from kang import COLLECTIONS, variable_genes
from matplotlib.figure import Figure
from scipy import sparse, stats

import crystallin as cr

REPLICATES = {"shifts": 20, "decision": 3, "depth": 6, "screened": 6, "completed": 6, "donors": 10, "batches": 3}
CONFOUNDING = (0.0, 0.4, 0.8)
# thresholds of |ln Bayes factor|: expiMap's tutorials, VEGA's paper
BAYES_FACTORS = {"expiMap": 2.3, "VEGA": 3.0}
BARS = {"false_discovery_proportion": 0.05, "type_1_error": (0.04, 0.06), "power_of_true": 0.9, "coverage_within": 0.03}
BARS_COMPLETED = {
    "false_by_q": 0.08,
    "false_by_conditional_q": 0.05,
    "power_of_true": 0.8,
    "type_1_error": (0.04, 0.06),
}
# of the decision: counts of a cell, the units of observation, the tests, and the smallest true difference of a total
DEPTHS, UNITS = (500, 2_000), {"samples": "sample", "cells": None}
DECIDED = ("q", "q and decoy_q", "q and conditional_q", "call")
MIN_TOTAL = 0.05
ARMS_COMPLETED = ("awake programs", "completed", "completed on control cells")
SCREENING = {"within": "cell_type", "sample_key": "sample", "drop": True}


def shifts(args: argparse.Namespace) -> dict:
    return shifted(args, REPLICATES["shifts"])


def depth(args: argparse.Namespace) -> dict:
    return shifted(args, REPLICATES["depth"], depth=2_000)


def shifted(args: argparse.Namespace, n_replicates: int, **options: object) -> dict:
    rows: dict[str, list[dict]] = {}
    effects, seconds = [], []
    for seed in range(2 if args.quick else n_replicates):
        adata, model = simulated(args.quick, seed, **options)
        start = time.perf_counter()
        table = ours(adata, model)
        seconds.append(time.perf_counter() - start)
        table["family_shifted"] = families_of(table)
        truth = true_activities(adata, table)
        rows.setdefault("true activities", []).append(rates(truth, truth["q"] <= LEVEL))
        for name, called in calls_of(table).items():
            rows.setdefault(name, []).append(rates(table, called))
        log_odds = np.abs(np.log(table["overlap"] / (1 - table["overlap"])))
        for name, threshold in BAYES_FACTORS.items():
            rows.setdefault(f"{name}'s rule on our posterior", []).append(rates(table, log_odds >= threshold))
        activity = cr.get.activity_df(adata)
        for source, scores in {
            "our activities": activity,
            "ulm": linear_scores(adata, annotation_of(adata)),
        }.items():
            for name, result in cell_tests(adata, scores, table):
                rows.setdefault(f"cells: {name} on {source}", []).append(rates(result, result["q"] <= LEVEL))
        cells = ours(adata, model, sample_key=None)
        cells["family_shifted"] = families_of(cells)
        rows.setdefault("cells: ours without sample_key", []).append(rates(cells, cells["q"] <= LEVEL))
        effects.append(table[~table["is_decoy"]].assign(seed=seed))
        print("shifts", options, seed, {name: row[-1] for name, row in rows.items()}, flush=True)
    everything = pd.concat(effects)
    return {
        "replicates": len(seconds),
        "seconds_of_a_call": round(float(np.median(seconds)), 2),
        "tests": {name: summed(part) for name, part in rows.items()},
        "coverage_minus_nominal": coverage(everything),
        "slope_of_effect_on_shift": round(float(np.polyfit(everything["shift"], everything["effect"], 1)[0]), 3),
        "slope_of_mean_activity_on_shift": round(
            float(np.polyfit(everything["shift"], everything["mean_group"] - everything["mean_reference"], 1)[0]), 3
        ),
    }


def calls_of(table: pd.DataFrame) -> dict[str, pd.Series]:
    """What is called by each of our rules."""
    called, conditional = table["q"] <= LEVEL, table["conditional_q"] <= LEVEL
    believed = called & (table["decoy_q"] <= LEVEL)
    return {
        "q": called,
        "q and decoy_q": believed,
        "q and decoy_q, leads of families": believed & table["lead"].eq(True),
        "q and conditional_q": called & conditional,
        "q, decoy_q and conditional_q": believed & conditional,
        # what is asleep has no row of its own, and is not called
        "call": table["call"].fillna("") != "",
    }


def decision(args: argparse.Namespace) -> Iterator[dict]:
    """The decision and what it is made of, in both readings, of samples and of cells; so far."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for seed in range(1 if args.quick else args.decision):
        for depth in DEPTHS:
            adata, model = simulated(args.quick, seed, depth=depth)
            for unit, sample_key in UNITS.items():
                table = ours(adata, model, sample_key=sample_key)
                table["family_shifted"] = families_of(table)
                tables.setdefault(f"{depth}, {unit}", []).append(with_true_totals(adata, model, table))
        yield decided(tables)


def decided(tables: dict[str, list[pd.DataFrame]]) -> dict:
    """Rates of the decision and of the tests that it combines, by depth and unit; tables of replicates."""
    result: dict = {}
    for name, parts in tables.items():
        tests = {test: [rates(part, calls_of(part)[test]) for part in parts] for test in DECIDED}
        totals = {
            "total_q": [rates_of_totals(part, part["total_q"] <= LEVEL) for part in parts],
            "total_call": [rates_of_totals(part, part["total_call"] != "") for part in parts],
        }
        result[name] = {
            "replicates": len(parts),
            "tests": {test: summed(rows) for test, rows in tests.items()},
            "totals": {test: summed_totals(rows) for test, rows in totals.items()},
        }
    return result


def with_true_totals(adata: ad.AnnData, model: cr.ProgramVAE, table: pd.DataFrame) -> pd.DataFrame:
    """With the true difference of each total: the sum over the given set, of true differences of log rates."""
    shifts, dimensions = (adata.uns["simulation"][name] for name in ("shifts", "dimensions"))
    weights, parts = model.get_total_weights("genes"), []
    for stratum, part in table.groupby("stratum", sort=False):
        moved = shifts[shifts["cell_type"] == stratum].set_index("dimension")["shift"]
        z = moved.reindex(dimensions["name"], fill_value=0.0)
        true = pd.Series(weights.to_numpy() @ (adata.varm["true_loadings"] @ z.to_numpy()), weights.index)
        parts.append(part.assign(total_true=true.reindex(part["program"]).to_numpy()))
    return pd.concat(parts)


def rates_of_totals(table: pd.DataFrame, called: pd.Series) -> dict[str, int]:
    """Counts; a call is wrong if the true total hardly differs, or in the other direction."""
    true = table["total_true"]
    wrong = (true.abs() < MIN_TOTAL) | (np.sign(true) != np.sign(table["total_effect"]))
    counts = rates(table, called)
    return {**counts, "wrong": int((called & wrong).sum()), "decoys": int((called & table["is_decoy"]).sum())}


def summed_totals(rows: list[dict]) -> dict[str, float]:
    counts = summed(rows)
    names = ("calls", "wrong", "false", "decoys", "of_shifted", "shifted", "power")
    return {name: counts[name] for name in names}


def screened(args: argparse.Namespace) -> Iterator[dict]:
    """All programs trained and tested, or only those that are awake (what is asleep is not called); so far."""
    truth_columns = ["stratum", "program", "shift", "family_shifted", "is_decoy"]
    result: dict = {"replicates": 0, "tests": {}, "programs": []}
    rows: dict[str, list[dict]] = {}
    for seed in range(1 if args.quick else args.screened):
        adata, model = simulated(args.quick, seed)
        table = ours(adata, model)
        table["family_shifted"] = families_of(table)
        truth = true_activities(adata, table)
        rows.setdefault("true activities", []).append(rates(truth, truth["q"] <= LEVEL))
        programs = cr.get.programs_df(adata, decoys=True, columns="all")
        # random sets trained alongside stay in, as decoy_q needs them; samples are of one condition each
        random = programs.index[programs["decoy"].astype(bool)].tolist()
        _, seconds = seconds_of(
            lambda adata=adata, random=random: cr.pp.screen_programs(
                adata, within="cell_type", sample_key="sample", drop=True, keep=random
            )
        )
        awake = set(map(str, adata.uns["programs"]["names"])) - set(random)
        found = ours(adata, fitted(adata, max_epochs=3 if args.quick else None))
        columns = ["stratum", "program", "q", "decoy_q", "conditional_q", "lead", "call"]
        fewer = table[truth_columns].merge(found[columns], how="left", on=["stratum", "program"])
        for arm, part in {"all programs": table, "awake programs": fewer}.items():
            for name, called in calls_of(part).items():
                rows.setdefault(f"{arm}: {name}", []).append(rates(part, called))
        shifted_ = table.groupby("program")["shift"].any()
        decoy = table.groupby("program")["is_decoy"].first()
        result["programs"].append(
            {
                "awake": len(awake),
                "true_awake": round(float(decoy.index[~decoy].isin(awake).mean()), 3),
                "shifted_awake": round(float(shifted_.index[shifted_].isin(awake).mean()), 3),
                "decoys_awake": round(float(decoy.index[decoy].isin(awake).mean()), 3),
                "seconds_of_screening": round(seconds, 1),
            }
        )
        result |= {"replicates": seed + 1, "tests": {name: summed(part) for name, part in rows.items()}}
        yield result


def completed(args: argparse.Namespace) -> Iterator[dict]:
    """All programs, those that are awake, and these completed, with shifts and where nothing but donors differs."""
    result: dict = {"bars": BARS_COMPLETED, "replicates": 0, "tests": {}, "added": [], "type_1_error": {}}
    rows: dict[str, list[dict]] = {}
    truth_columns = ["stratum", "program", "shift", "family_shifted", "is_decoy"]
    for seed in range(1 if args.quick else args.completed):
        adata, model = simulated(args.quick, seed)
        table = ours(adata, model)
        table["family_shifted"] = families_of(table)
        truth = true_activities(adata, table)
        rows.setdefault("true activities", []).append(rates(truth, truth["q"] <= LEVEL))
        parts = {"all programs": table}
        for arm, found, added in completions(args, adata):
            columns = ["stratum", "program", "q", "decoy_q", "conditional_q", "lead", "call"]
            parts[arm] = table[truth_columns].merge(found[columns], how="left", on=["stratum", "program"])
            result["added"].append({"seed": seed, "arm": arm, **added})
        for arm, part in parts.items():
            for name, called in calls_of(part).items():
                rows.setdefault(f"{arm}: {name}", []).append(rates(part, called))
        tests = {name: summed(part) for name, part in rows.items()}
        result |= {"replicates": seed + 1, "tests": tests}
        result["bars_met"] = met_by_completed(result)
        yield result
    errors: dict[str, list[float]] = {}
    for seed in range(1 if args.quick else args.completed):
        adata = simulated_cells(args.quick, 100 + seed, n_shifted=0)
        for arm, found, _ in completions(args, adata):
            errors.setdefault(arm, []).append(float((found.loc[~found["is_decoy"], "p"] <= LEVEL).mean()))
        result["type_1_error"] = {arm: round(float(np.mean(values)), 4) for arm, values in errors.items()}
        result |= {"replicates_without_shifts": seed + 1, "bars_met": met_by_completed(result)}
        yield result


def completions(args: argparse.Namespace, adata: ad.AnnData) -> Iterator[tuple[str, pd.DataFrame, dict]]:
    """Arm, table of differences, and what was added to the sets; programs that are awake, and random sets beside."""
    max_epochs = 3 if args.quick else None
    awake = adata.copy()
    cr.pp.screen_programs(awake, **SCREENING, keep=random_sets(awake))
    model = fitted(awake, max_epochs=max_epochs)
    yield ARMS_COMPLETED[0], ours(awake, model), {}
    after = cr.complete(awake, model, sample_key="sample")
    yield ARMS_COMPLETED[1], ours(awake, after, key="completed"), added_to(awake)
    # what is added must not depend on the cells with the other condition
    control = adata[adata.obs["condition"].eq("ctrl").to_numpy()].copy()
    cr.pp.screen_programs(control, **SCREENING, keep=random_sets(control))
    cr.complete(control, fitted(control, max_epochs=max_epochs), sample_key="sample")
    members = memberships(control, "completed").drop(columns=random_sets(control), errors="ignore")
    cr.pp.add_programs(
        awake, sets_of(members), min_genes=1, max_genes=None, n_decoys=len(random_sets(awake)), random_state=1
    )
    yield ARMS_COMPLETED[2], ours(awake, fitted(awake, max_epochs=max_epochs)), added_to(control)


def random_sets(adata: ad.AnnData) -> list[str]:
    """Names of sets that are trained for the empirical null; the simulator's own decoys are not among them."""
    programs = cr.get.programs_df(adata, decoys=True, columns="all")
    return programs.index[programs["decoy"].astype(bool)].astype(str).tolist()


def added_to(adata: ad.AnnData) -> dict:
    """How many members were added, and how many of them are true ones that the sets lacked."""
    edges = adata.uns["simulation"]["edges"]
    true = edges[edges["true"].astype(bool)]
    pairs = set(zip(true["source"], true["target"], strict=True))
    added = added_edges(adata)
    right = sum(pair in pairs for pair in zip(added["program"], added["gene"], strict=True))
    return {"edges": len(added), "true": right}


def met_by_completed(part: dict) -> dict[str, bool]:
    """Bars of completed sets, in both arms."""
    met, (low, high) = {}, BARS_COMPLETED["type_1_error"]
    power = part["tests"]["true activities"]["power"]
    for arm in ARMS_COMPLETED[1:]:
        by_q, conditional = (part["tests"][f"{arm}: {name}"] for name in ("q", "q and conditional_q"))
        met[f"{arm}: false by q"] = by_q["mean_of_replicates"] <= BARS_COMPLETED["false_by_q"]
        met[f"{arm}: false by conditional_q"] = (
            conditional["mean_of_replicates"] <= BARS_COMPLETED["false_by_conditional_q"]
        )
        met[f"{arm}: power by q"] = by_q["power"] >= BARS_COMPLETED["power_of_true"] * power
        if arm in part["type_1_error"]:
            met[f"{arm}: type I error"] = low <= part["type_1_error"][arm] <= high
    return met


def donors(args: argparse.Namespace) -> dict:
    tables, rows = [], {}
    for seed in range(2 if args.quick else REPLICATES["donors"]):
        adata, model = simulated(args.quick, 100 + seed, n_shifted=0)
        table = ours(adata, model)
        table["family_shifted"] = False
        tables.append(table[~table["is_decoy"]])
        for source, scores in {
            "our activities": cr.get.activity_df(adata),
            "ulm": linear_scores(adata, annotation_of(adata)),
        }.items():
            for name, result in cell_tests(adata, scores, table):
                share = (result.loc[~result["is_decoy"], "p"] <= LEVEL).mean()
                rows.setdefault(f"cells: {name} on {source}", []).append(float(share))
        print("donors", seed, (tables[-1]["p"] <= LEVEL).mean(), {k: v[-1] for k, v in rows.items()}, flush=True)
    p = pd.concat(tables)["p"].to_numpy()
    return {
        "replicates": len(tables),
        "p_values": len(p),
        "type_1_error": {
            "ours with sample_key": round(float((p <= LEVEL).mean()), 4),
            **{name: round(float(np.mean(values)), 4) for name, values in rows.items()},
        },
        "calls": int(sum((table["q"] <= LEVEL).sum() for table in tables)),
        "KS_p_value": round(float(stats.kstest(p, "uniform").pvalue), 4),
        "histogram": np.histogram(p, bins=20, range=(0, 1))[0].tolist(),
    }


def batches(args: argparse.Namespace) -> dict:
    result = {}
    for confounding in CONFOUNDING:
        rows: dict[str, list[dict]] = {}
        type_1: dict[str, list[float]] = {}
        for seed in range(1 if args.quick else REPLICATES["batches"]):
            adata, model = simulated(args.quick, 200 + seed, n_batches=2, batch_effect=0.3, confounding=confounding)
            for name, covariates in {"without covariate": None, "with covariate": ["batch"]}.items():
                table = ours(adata, model, covariates=covariates)
                table["family_shifted"] = families_of(table)
                believed = (table["q"] <= LEVEL) & (table["decoy_q"] <= LEVEL)
                rows.setdefault(name, []).append(rates(table, believed))
                null = ~table["is_decoy"] & ~table["family_shifted"]
                type_1.setdefault(name, []).append(float((table.loc[null, "p"] <= LEVEL).mean()))
            print("batches", confounding, seed, {k: v[-1] for k, v in rows.items()}, type_1, flush=True)
        result[f"{confounding:g}"] = {
            name: {**summed(part), "type_1_error": round(float(np.mean(type_1[name])), 4)}
            for name, part in rows.items()
        }
    return result


def kang(args: argparse.Namespace) -> dict:
    """Interferon-beta: within cell types, across two donors and across cells; with the condition shuffled."""
    designs = {
        "donors": ("kang_muscat_1556.h5ad", {"sample_key": "donor"}),
        "cells": ("kang_ifnb_2800.h5ad", {}),
    }
    results = {}
    for name, (file, options) in designs.items():
        whole = ad.read_h5ad(DATA / file)
        adata = variable_genes(whole) if whole.n_vars > 3_000 else whole
        for title, collection in COLLECTIONS.items():
            cr.pp.add_programs(adata, DATA / "genesets" / collection, min_genes=8, n_decoys=N_TRAINED_DECOYS)
            model = fitted(adata, max_epochs=3 if args.quick else None)
            row = results[f"{name}, {title}"] = one_kang(adata, model, options)
            print("kang", name, title, json.dumps(row), flush=True)
            if (name, title) == ("cells", "Hallmark"):
                save(cr.pl.effects(adata, n_programs=12, families="all").figure, "effects", args)
    return results


def one_kang(adata: ad.AnnData, model: cr.ProgramVAE, options: dict) -> dict:
    settings = {"reference": "ctrl", "groups": "stim", "within": "cell_type", **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cr.tl.rank_programs_groups(adata, model, "condition", **settings)
    table = cr.get.rank_programs_groups_df(adata, columns="all")
    believed = (table["q"] <= LEVEL) & ~(table["decoy_q"] > LEVEL)
    interferon = table["program"].str.contains("INTERFERON")
    of_family = table["family"].isin(table.loc[interferon, "family"].unique())
    first = table[table["q"].notna()].groupby("stratum", sort=False)["program"].first()
    outside = table[believed & ~interferon & ~of_family]
    shuffled = adata.copy()
    groups = ["cell_type", "donor"] if options else ["cell_type"]
    rng = np.random.default_rng(0)
    condition = adata.obs["condition"].astype(str).copy()
    for cells in adata.obs.groupby(groups, observed=True).indices.values():
        condition.iloc[cells] = rng.permutation(condition.iloc[cells].to_numpy())
    shuffled.obs["condition"] = condition
    cr.tl.rank_programs_groups(shuffled, model, "condition", **settings)
    null = cr.get.rank_programs_groups_df(shuffled, columns="all")
    return {
        "programs": int(table["program"].nunique()),
        "tested": int(table.loc[table["q"].notna(), "program"].nunique()),
        "strata": len(first),
        "interferon_first_in": [stratum for stratum, program in first.items() if "INTERFERON" in program],
        "first": first.to_dict(),
        "calls": int(believed.sum()),
        "calls_outside_the_interferon_family": len(outside),
        "most_frequent_outside": outside["program"].value_counts().head(10).to_dict(),
        "calls_by_q_alone": int((table["q"] <= LEVEL).sum()),
        "calls_with_condition_shuffled": int(((null["q"] <= LEVEL) & ~(null["decoy_q"] > LEVEL)).sum()),
        "calls_by_q_alone_with_condition_shuffled": int((null["q"] <= LEVEL).sum()),
    }


def scale(args: argparse.Namespace) -> dict:
    """Seconds, and memory beyond the activities, of a call on random activities of many cells."""
    n_programs, n_groups = 500, 50
    rows = []
    for n_cells in (5_000, 10_000) if args.quick else (100_000, 1_000_000):
        rng = np.random.default_rng(0)
        names = np.array([f"program {i}" for i in range(n_programs)])
        obs = pd.DataFrame(
            {
                "cluster": pd.Categorical.from_codes(
                    rng.integers(0, n_groups, n_cells), [f"cluster {i}" for i in range(n_groups)]
                ),
                "donor": pd.Categorical.from_codes(rng.integers(0, 20, n_cells), [f"donor {i}" for i in range(20)]),
            },
            index=np.arange(n_cells).astype(str),
        )
        adata = ad.AnnData(sparse.csr_matrix((n_cells, 1), dtype=np.float32), obs=obs)
        table = pd.DataFrame({"name": names, "kept": True, "decoy": False})
        adata.uns["programs"] = {"names": names, "table": table, "activity_params": {"digest": "random"}}
        adata.obsm["X_programs"] = rng.standard_normal((n_cells, n_programs), dtype=np.float32)
        adata.obsm["programs_sd"] = rng.uniform(0.2, 0.8, (n_cells, n_programs)).astype(np.float32)
        identity = pd.DataFrame(0.3 * np.eye(n_programs), index=names, columns=names)
        # what is asked of a model, without one
        model = SimpleNamespace(
            digest="random",
            program_names=names,
            is_decoy=np.zeros(n_programs, dtype=bool),
            get_loadings=lambda table=identity: table,
            get_posterior_covariance=lambda _, table=identity: table,
        )
        # what making the cells took is over, and does not count
        tracemalloc.start()
        start = time.perf_counter()
        cr.tl.rank_programs_groups(adata, model, "cluster", sample_key="donor")
        rows.append(
            {
                "cells": n_cells,
                "programs": n_programs,
                "groups": n_groups,
                "seconds": round(time.perf_counter() - start, 1),
                "activities_mb": round(2 * adata.obsm["X_programs"].nbytes / 1e6),
                "peak_mb_beyond_activities": round(tracemalloc.get_traced_memory()[1] / 1e6),
            }
        )
        tracemalloc.stop()
        print("scale", json.dumps(rows[-1]), flush=True)
    return {"runs": rows}


def draw(results: dict) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    part = results["donors"]
    counts = np.array(part["histogram"])
    axes[0].bar(np.arange(20) / 20 + 0.025, counts / counts.sum() * 20, width=0.045, color=BLUE)
    axes[0].axhline(1, color="black", linewidth=0.8)
    title = f"nothing but donors differs (KS p = {part['KS_p_value']:.2f})"
    axes[0].set(xlabel="p value", ylabel="density", title=title)
    tests = {name: row for name, row in results["shifts"]["tests"].items() if row["calls"] or "rule" in name}
    names = list(tests)[::-1]
    position = np.arange(len(names))
    axes[1].barh(position + 0.2, [tests[name]["power"] for name in names], 0.38, color=BLUE, label="power")
    false = [tests[name]["false_discovery_proportion"] for name in names]
    axes[1].barh(position - 0.2, false, 0.38, color=VERMILION, label="false discoveries")
    axes[1].axvline(LEVEL, color=GREY, linestyle=":")
    axes[1].set_yticks(position, names, fontsize=7)
    axes[1].set(xlim=(0, 1), xlabel="share")
    axes[1].legend(frameon=False, fontsize=8, loc="lower right")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure


PARTS = {
    "shifts": shifts,
    "depth": depth,
    "decision": decision,
    "screened": screened,
    "completed": completed,
    "donors": donors,
    "batches": batches,
    "kang": kang,
    "scale": scale,
}


def main() -> None:
    options = parser("differential")
    options.add_argument("--only", nargs="*", choices=list(PARTS), help="parts to run; the others' results are kept")
    options.add_argument("--screened", type=int, default=REPLICATES["screened"], help="replicates of the part screened")
    options.add_argument("--decision", type=int, default=REPLICATES["decision"], help="replicates of the part decision")
    options.add_argument(
        "--completed", type=int, default=REPLICATES["completed"], help="replicates of the part completed"
    )
    args = options.parse_args()
    mpl.use("agg")
    quiet()
    path = args.out or RESULTS / "differential.json"
    results = json.loads(path.read_text()) if args.only and path.is_file() else {}
    results |= {"versions": versions("scvi-tools", "torch", "decoupler"), "bars": BARS, "design": DESIGN}
    for name in args.only or PARTS:
        found = PARTS[name](args)
        # a long part gives what it has after each replicate
        for results[name] in found if isinstance(found, Iterator) else [found]:
            print(name, json.dumps(results[name]), flush=True)
            write(results, "differential", args)
    if "shifts" in results and "donors" in results:
        save(draw(results), "differential", args)


if __name__ == "__main__":
    main()
