"""Simulated comparisons of conditions, the tests of them, and what they get right."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import decoupler as dc
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import stats

import crystallin as cr
from crystallin.stats import benjamini_hochberg, collect_moments, compare_samples, unshrunk_means

DESIGN = {
    "n_obs": 8_000,
    "n_vars": 1_000,
    "n_programs": 40,
    "n_decoys": 40,
    "n_cell_types": 6,
    "n_donors": 12,
    "paired": False,
    "donor_sd": 0.2,
    "conditions": ("ctrl", "stim"),
    "n_shifted": 12,
    "shift": (0.12, 0.6),
}
SMALL = {**DESIGN, "n_obs": 1_200, "n_vars": 300, "n_programs": 10, "n_decoys": 10, "n_cell_types": 2, "n_shifted": 4}
N_TRAINED_DECOYS = 50
LEVEL, LEVELS = 0.05, (0.5, 0.8, 0.9, 0.95)


def fitted(adata: ad.AnnData, **kwargs: object) -> cr.ProgramVAE:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(enable_progress_bar=False, **kwargs)
    cr.tl.activity(adata, model)
    return model


def simulated(quick: bool, seed: int, **options: object) -> tuple[ad.AnnData, cr.ProgramVAE]:
    adata = simulated_cells(quick, seed, **options)
    return adata, fitted(adata, max_epochs=3 if quick else None)


def simulated_cells(quick: bool, seed: int, **options: object) -> ad.AnnData:
    """Cells with annotated programs, and random sets to be trained alongside."""
    adata = cr.datasets.simulate(**{**(SMALL if quick else DESIGN), **options}, random_state=seed)
    annotation = adata.uns["simulation"]["annotation"]
    cr.pp.add_programs(adata, annotation, n_decoys=15 if quick else N_TRAINED_DECOYS, random_state=seed)
    return adata


def ours(adata: ad.AnnData, model: cr.ProgramVAE, **options: object) -> pd.DataFrame:
    """Table of differences within types, with the true shift of each (0 for decoys)."""
    slot = "differences"
    settings = {"reference": "ctrl", "within": "cell_type", "sample_key": "sample", "key_added": slot, **options}
    cr.tl.rank_programs_groups(adata, model, "condition", **settings)
    return with_truth(adata, cr.get.rank_programs_groups_df(adata, key=slot, columns="all"))


def with_truth(adata: ad.AnnData, table: pd.DataFrame) -> pd.DataFrame:
    shifts = adata.uns["simulation"]["shifts"].rename(columns={"cell_type": "stratum"})
    table = table.merge(shifts[["stratum", "program", "shift"]], how="left", on=["stratum", "program"])
    table["shift"] = table["shift"].fillna(0.0)
    table["is_decoy"] = table["program"].str.startswith("decoy_")
    return table


def families_of(table: pd.DataFrame) -> pd.Series:
    """Whether some member of the program's family is shifted in this type."""
    return (table["shift"] != 0).groupby([table["stratum"], table["family"]]).transform("any")


def rates(table: pd.DataFrame, called: pd.Series) -> dict[str, int]:
    """Counts that error rates are made of."""
    shifted = table["shift"] != 0
    false = ~table["family_shifted"]
    return {
        "calls": int(called.sum()),
        "false": int((called & false).sum()),
        "false_decoys": int((called & false & table["is_decoy"]).sum()),
        "of_shifted": int((called & shifted).sum()),
        "shifted": int(shifted.sum()),
    }


def by_stratum(table: pd.DataFrame, p: str) -> pd.Series:
    return table.groupby("stratum")[p].transform(lambda values: benjamini_hochberg(values.to_numpy()))


def true_activities(adata: ad.AnnData, table: pd.DataFrame) -> pd.DataFrame:
    """The same test on the true activities, of true programs."""
    dimensions, obs = adata.uns["simulation"]["dimensions"]["program"].to_numpy(), adata.obs
    parts = []
    for stratum in table["stratum"].unique():
        cells = np.flatnonzero(obs["cell_type"] == stratum)
        names, code = np.unique(obs["sample"].astype(str).to_numpy()[cells], return_inverse=True)
        z = adata.obsm["true_activity"][cells]
        moments, _ = collect_moments(z, np.zeros_like(z), code, len(names))
        within = moments.scatter().sum(axis=0) / (moments.n - 1).sum()
        condition = obs.groupby(obs["sample"].astype(str))["condition"].first().astype(str)
        stimulated = (condition.loc[names] == "stim").to_numpy(dtype=float)
        design = np.column_stack([stimulated, np.ones(len(names))])
        everything = np.ones(z.shape[1], dtype=bool)
        difference = compare_samples(
            unshrunk_means(moments, within), design, np.array([1.0, 0.0]), prior_from=everything
        )
        parts.append(pd.DataFrame({"stratum": stratum, "program": dimensions, "p": difference.p()}))
    columns = ["stratum", "program", "shift", "family_shifted", "is_decoy"]
    result = pd.concat(parts).merge(table[columns], on=["stratum", "program"])
    result["q"] = by_stratum(result, "p")
    return result


def cell_tests(adata: ad.AnnData, scores: pd.DataFrame, table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tests that take cells as replicates."""
    columns = ["stratum", "program", "shift", "family_shifted", "is_decoy"]
    types, stimulated = adata.obs["cell_type"].to_numpy(), (adata.obs["condition"] == "stim").to_numpy()
    names = [name for name in scores if name in set(table["program"])]
    values = scores[names].to_numpy()
    tests = {
        "t": lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue,
        "Wilcoxon": lambda a, b: stats.mannwhitneyu(a, b).pvalue,
    }
    for name, test in tests.items():
        parts = []
        for stratum in table["stratum"].unique():
            inside = types == stratum
            p = test(values[inside & stimulated], values[inside & ~stimulated])
            parts.append(pd.DataFrame({"stratum": stratum, "program": names, "p": p}))
        result = pd.concat(parts).merge(table[columns], on=["stratum", "program"])
        result["q"] = by_stratum(result, "p")
        yield name, result


def annotation_of(adata: ad.AnnData) -> pd.DataFrame:
    return adata.uns["simulation"]["annotation"]


def linear_scores(adata: ad.AnnData, net: pd.DataFrame) -> pd.DataFrame:
    """Scores by decoupler's ``ulm`` of log-normalised counts, all members of a set with the same weight."""
    logged = ad.AnnData(adata.X.copy(), obs=adata.obs[[]], var=adata.var[[]])
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    score, _ = dc.mt.ulm(logged.to_df(), net[["source", "target"]].assign(weight=1.0), tmin=0)
    return score


def coverage(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Share of intervals that hold the true shift, minus the nominal share."""
    distance = np.abs(table["effect"] - table["shift"]) / table["se"]
    result = {}
    for name, part in {"unshifted": table["shift"] == 0, "shifted": table["shift"] != 0}.items():
        result[name] = {
            f"{level:.0%}": round(
                float((distance <= stats.t.ppf((1 + level) / 2, table["df"]))[part].mean()) - level, 4
            )
            for level in LEVELS
        }
    return result


def summed(rows: list[dict]) -> dict[str, float]:
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    proportions = [row["false"] / row["calls"] if row["calls"] else 0.0 for row in rows]
    return {
        **total,
        "false_discovery_proportion": round(total["false"] / max(total["calls"], 1), 4),
        "mean_of_replicates": round(float(np.mean(proportions)), 4),
        "power": round(total["of_shifted"] / max(total["shifted"], 1), 4),
    }
