"""Do p values of designs hold, and which differences between arms and time points are found?

    python benchmarks/designs.py                # writes benchmarks/results/designs.json, docs/_static/designs.png
    python benchmarks/designs.py --quick        # a small check that writes nothing
    python benchmarks/designs.py --only kang    # one part, the others' results are kept

* null: 24 simulated donors, two samples each, in one arm and one condition, so that nothing but donors and samples
  differs (sd of donors .25 and of their samples .15, two fifths of it on an axis that all programs share; numbers of
  cells of samples differ with a log sd of .6). A model is trained on all cells. Donors are drawn and dealt to made-up
  arms, their samples to made-up time points, many times. ``outlier``: the same with two donors whose effects are five
  times as large; one of them is in every draw.
* axis: changes of donors that are drawn, not simulated cells: 40 programs with correlations of 0, .5 and .9.
* planted: as before, with true differences between arms, between time points and between the responses of arms.
* kang: eight donors of Kang et al. (2018, Nat Biotechnol 36:89), control cells: all 35 splits of four against four, and
  100 of three against three and two against two, within cell types and over all cells. Then interferon-beta, with
  stimulated cells of two of them.

Tests: ours (unique and total activity); the same linear models without weights and moderation, on the same means and on
means of decoupler's ``ulm`` scores; and our test on true activities.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import combinations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import BLACK, BLUE, DATA, GREY, RESULTS, VERMILION, parser, quiet, save, versions, write
from _differences import linear_scores
from kang import COLLECTIONS, variable_genes
from matplotlib.figure import Figure
from scipy import stats

import crystallin as cr
from crystallin import _checks as checks
from crystallin._keys import TOTAL, UNIQUE, Keys
from crystallin.stats import Means, benjamini_hochberg, collect_moments, compare_samples
from crystallin.tl._differences import asked_of, make_contrasts, make_study, measure
from crystallin.tl._differences._measured import TESTED_FROM, Measured, TooFewError
from crystallin.tl._differences._model import Model

NULL = {
    "n_obs": 14_000,
    "n_vars": 800,
    "n_programs": 40,
    "n_decoys": 0,
    "n_cell_types": 4,
    "rare_fraction": 0.05,
    "n_donors": 24,
    "conditions": ("t0", "t1"),
    "n_shifted": 0,
    "donor_sd": 0.25,
    "sample_sd": 0.15,
    "donor_correlation": 0.4,
    "cells_sd": 0.6,
}
PLANTED = {"arms": ("placebo", "drug"), "n_shifted": 8, "n_arm_shifted": 8, "n_interacting": 8, "shift": (0.3, 0.6)}
SMALL = {"n_obs": 1_500, "n_vars": 300, "n_programs": 10, "n_cell_types": 2, "n_donors": 12}
ARM, TIME = {"arm": ("a", "b")}, {"time": ("t0", "t1")}
# name: formula, contrast, time points used
DESIGNS = {
    "two groups": ("~ arm", ARM, ("t0",)),
    "two groups, age and sex": ("~ arm + age + sex", ARM, ("t0",)),
    "paired": ("~ time", TIME, ("t0", "t1")),
    "interaction": ("~ arm * time", {**ARM, **TIME}, ("t0", "t1")),
    "arms, donors twice": ("~ arm + time", ARM, ("t0", "t1")),
    # a quarter of the donors, and at least two, at both time points, the others at one
    "time, few donors twice": ("~ time", TIME, ("t0", "t1")),
}
# donors an arm; in pairs, of the study
SIZES = (2, 3, 6, 12)
LEVELS = (0.05, 0.01, 0.001)
N_DRAWS, SEEDS, PLANTED_SEEDS = 40, (0, 1), range(6)
N_SPLITS = 100
BARS = {"type_1_error": (0.04, 0.06), "calls_on_controls": 0.05}


class Samples:
    """Moments of all samples of a data set, so that thousands of studies of them can be analysed."""

    def __init__(self, adata: ad.AnnData, model: cr.ProgramVAE, columns: list[str], scores: pd.DataFrame) -> None:
        obs = adata.obs[columns].astype(str)
        self.code = obs.groupby(columns, observed=True).ngroup().to_numpy()
        self.table = obs.drop_duplicates().assign(code=self.code[obs.drop_duplicates().index.map(obs.index.get_loc)])
        self.table = self.table.sort_values("code").reset_index(drop=True)
        n = len(self.table)
        none = np.empty((adata.n_obs, 0))
        correlation = np.eye(len(model.program_names))
        self.measured = measure(adata, Keys("programs"), self.code, n, none, correlation, model.is_decoy)
        self.programs = model.program_names
        values = scores.to_numpy(dtype=float)
        self.scores, self.score_names = (
            collect_moments(values, 0 * values, self.code, n, with_covariance=False)[0],
            scores.columns,
        )
        self.truth = None
        if "true_activity" in adata.obsm:
            z = adata.obsm["true_activity"]
            moments, _ = collect_moments(z, 0 * z, self.code, n, with_covariance=False)
            self.truth = Measured(moments, np.zeros(z.shape[1], dtype=bool), None)

    def study(self, units: np.ndarray, columns: pd.DataFrame, design: str, donor: str, within: str | None):
        """A study of some samples, whose ``columns`` are made up; one row a sample."""
        part = self.table.iloc[units].reset_index(drop=True)
        obs = pd.concat([part.drop(columns=columns.columns, errors="ignore"), columns.reset_index(drop=True)], axis=1)
        sample = checks.name_labels(obs[donor])
        stratum = None if within is None else checks.name_labels(obs[within])
        made = make_study(obs, design, sample, stratum)
        code = np.full(len(self.table), -1)
        code[units] = made.code
        return made, code


def pooled(measured: Measured, code: np.ndarray, n: int) -> Measured:
    return Measured(measured.moments.pooled(code, n), measured.is_decoy, None)


def plain(mean: np.ndarray, model: Model) -> np.ndarray:
    """p values of a linear model of means, not weighted or moderated; of donors, if their intercept is random."""
    design, contrast, donor = model.design, model.contrast, model.donor
    if model.is_random:
        # samples that the contrast is about, one or the mean of a donor's
        used = np.abs(model.weights) > 1e-9
        mean, design, donor = mean[used], design[used], np.unique(donor[used], return_inverse=True)[1]
        member = np.equal.outer(np.arange(donor.max() + 1), donor) / np.bincount(donor)[:, None]
        mean, design = member @ mean, member @ design
    basis = cr.stats.estimable_basis(design, contrast)
    if basis is None:
        return np.full(mean.shape[1], np.nan)
    design, contrast = design @ basis, basis.T @ contrast
    df = len(design) - design.shape[1]
    if df < 1:
        return np.full(mean.shape[1], np.nan)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ mean
    variance = ((mean - design @ coefficients) ** 2).sum(axis=0) / df
    return 2 * stats.t.sf(np.abs(contrast @ coefficients) / np.sqrt(variance * (contrast @ inverse @ contrast)), df)


def tests_of(
    samples: Samples, study, code: np.ndarray, contrast, within: str | None
) -> Iterator[tuple[str, str, dict]]:
    """p values, q and intervals of each arm and stratum."""
    n = len(study.table)
    measured = {kind: pooled(of, code, n) for kind, of in samples.measured.items()}
    if samples.truth is not None:
        measured["true activities"] = pooled(samples.truth, code, n)
    scores = samples.scores.pooled(code, n)
    for asked in asked_of(study, make_contrasts(study, contrast), [], within=within, repeated=None, is_modelled=False):
        try:
            found = {name: asked.compared(of, is_first=False) for name, of in measured.items()}
        except TooFewError:
            continue
        positions, model, _ = asked.prepared
        unit = np.full(n, -1)
        unit[positions] = np.arange(len(positions))
        stratum = asked.labels["stratum"]
        for name, of in found.items():
            tested = ~measured[name].is_decoy & (of.reliability >= TESTED_FROM)
            difference, lower, upper = of.marginal, *of.marginal.interval()
            row = {"p": difference.p()[tested], "df": difference.df, "names": np.flatnonzero(tested)}
            yield name, stratum, {**row, "lower": lower[tested], "upper": upper[tested]}
        yield "t on ulm", stratum, {"p": plain(scores.pooled(unit, len(positions)).mean, model)}
        moments = measured[UNIQUE].moments.pooled(unit, len(positions))
        tested = ~measured[UNIQUE].is_decoy & (found[UNIQUE].reliability >= TESTED_FROM)
        means = moments.mean / cr.stats.reliability(moments.mean_uncertainty)
        yield "t on the same means", stratum, {"p": plain(means[:, tested], model), "names": np.flatnonzero(tested)}


def simulated(quick: bool, seed: int, **options: object) -> tuple[ad.AnnData, cr.ProgramVAE, Samples]:
    adata = cr.datasets.simulate(**{**NULL, **(SMALL if quick else {}), **options}, random_state=seed)
    annotation = adata.uns["simulation"]["annotation"]
    cr.pp.add_programs(adata, annotation)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(enable_progress_bar=False, max_epochs=3 if quick else None)
    cr.tl.activity(adata, model)
    columns = ["cell_type", "donor", "condition", *(["arm"] if "arm" in adata.obs else [])]
    samples = Samples(adata, model, columns, linear_scores(adata, annotation))
    return adata, model, samples


def drawn(samples: Samples, rng: np.random.Generator, size: int, name: str, loud: str | None) -> tuple | None:
    """A made-up study: units, their columns."""
    _, contrast, times = DESIGNS[name]
    donors = np.array(sorted(samples.table["donor"].unique()))
    n = size if name == "paired" else 2 * size
    few = name == "time, few donors twice"
    if n > len(donors) or (size < 3 and (few or name == "two groups, age and sex")):
        return None
    chosen = rng.choice(donors, n, replace=False)
    if loud is not None and loud not in chosen:
        chosen[rng.integers(n)] = loud
    arm = dict(zip(chosen, rng.permutation(np.arange(n) % 2), strict=True))
    age, sex = (dict(zip(chosen, values, strict=True)) for values in (rng.normal(50, 12, n), rng.choice(["f", "m"], n)))
    flipped = dict(zip(chosen, rng.integers(0, 2, n), strict=True))
    table = samples.table
    inside = table["donor"].isin(chosen) & table["condition"].isin(times)
    if few:
        inside &= (table["condition"] == "t0") | table["donor"].isin(chosen[: max(2, n // 4)])
        flipped = dict.fromkeys(chosen, 0)
    part = table[inside]
    time = [
        f"t{int(condition == 't1') ^ (flipped[donor] if len(times) > 1 else 0)}"
        for donor, condition in zip(part["donor"], part["condition"], strict=True)
    ]
    columns = pd.DataFrame(
        {
            "arm": ["ab"[arm[donor]] for donor in part["donor"]],
            "time": time,
            "age": part["donor"].map(age).to_numpy(),
            "sex": part["donor"].map(sex).to_numpy(),
        }
    )
    return np.flatnonzero(inside), columns


def null(args: argparse.Namespace) -> dict:
    return {name: errors(args, **options) for name, options in (("donors", {}), ("outlier", {"n_outlier_donors": 2}))}


def errors(args: argparse.Namespace, **options: object) -> dict:
    rows: dict[tuple, dict[str, list]] = {}
    for seed in SEEDS[:1] if args.quick else SEEDS:
        adata, _, samples = simulated(args.quick, seed, **options)
        loud = str(adata.obs["donor"].cat.categories[-1]) if options else None
        rng = np.random.default_rng(seed)
        for name, (design, contrast, _) in DESIGNS.items():
            for size in SIZES[:2] if args.quick else SIZES:
                for _ in range(3 if args.quick else N_DRAWS):
                    made = drawn(samples, rng, size, name, loud)
                    if made is None:
                        continue
                    units, columns = made
                    try:
                        study, code = samples.study(units, columns, design, "donor", "cell_type")
                    except ValueError:
                        # by chance all donors are of one sex
                        continue
                    for arm, _, found in tests_of(samples, study, code, contrast, "cell_type"):
                        part = rows.setdefault((name, size, arm), {"p": [], "called": [], "df": []})
                        part["p"].append(found["p"])
                        part["called"].append(bool((benjamini_hochberg(found["p"]) <= LEVELS[0]).any()))
                        part["df"].append(found.get("df", np.nan))
        print("null", options, seed, flush=True)
    if not args.quick and not options:
        save(draw(rows), "designs", args)
    return {f"{name}, {size}, {arm}": summed(part) for (name, size, arm), part in rows.items()}


def summed(part: dict[str, list]) -> dict[str, float]:
    p = np.concatenate(part["p"])
    p = p[np.isfinite(p)]
    if not len(p):
        return {"tests": 0}
    return {
        "tests": len(p),
        **{f"p < {level:g}": round(float((p < level).mean()), 5) for level in LEVELS},
        "ks": round(float(stats.kstest(p, "uniform").statistic), 4),
        "comparisons_with_a_call": round(float(np.mean(part["called"])), 4),
        "median_df": round(float(np.nanmedian(part["df"])), 1) if np.isfinite(part["df"]).any() else None,
    }


def draw(rows: dict) -> Figure:
    names = list(DESIGNS)
    figure, axes = plt.subplots(1, len(names), figsize=(14, 3.1), layout="constrained", sharey=True)
    colours = {UNIQUE: BLUE, TOTAL: VERMILION, "t on ulm": GREY, "true activities": BLACK}
    for ax, name in zip(axes, names, strict=True):
        for arm, colour in colours.items():
            sizes = [size for size in SIZES if (name, size, arm) in rows]
            share = [np.mean(np.concatenate(rows[name, size, arm]["p"]) < 0.05) for size in sizes]
            ax.plot(sizes, share, "o-", color=colour, markersize=4, linewidth=1.2, label=arm)
        ax.axhspan(*BARS["type_1_error"], color="#e8e8e8", zorder=0)
        ax.set(title=name, xscale="log", ylim=(0, 0.1), xlabel="donors" if name == "paired" else "donors an arm")
        ax.set_xticks(SIZES, SIZES)
        ax.set_xlim(SIZES[0] / 1.15, SIZES[-1] * 1.15)
        ax.minorticks_off()
        ax.title.set_fontsize(9)
    axes[0].set_ylabel("share of p < .05 without a difference")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def planted(args: argparse.Namespace) -> dict:
    """Coverage of true differences, and power, with donors as they were simulated."""
    asked = {
        "between arms at t0": ("~ arm * condition", {"arm": ("placebo", "drug")}),
        "t1 against t0, placebo": ("~ arm * condition", {"condition": ("t0", "t1"), "arm": "placebo"}),
        "difference of differences": ("~ arm * condition", {"arm": ("placebo", "drug"), "condition": ("t0", "t1")}),
    }
    result: dict[str, dict[str, list]] = {}
    for seed in SEEDS[:1] if args.quick else PLANTED_SEEDS:
        adata, model, samples = simulated(args.quick, seed, **PLANTED)
        dimensions = adata.uns["simulation"]["dimensions"]["program"].to_numpy()
        truths = true_changes(adata)
        everything = np.arange(len(samples.table))
        nothing = pd.DataFrame(index=everything)
        for name, (design, contrast) in asked.items():
            study, code = samples.study(everything, nothing, design, "donor", "cell_type")
            for arm, stratum, found in tests_of(samples, study, code, contrast, "cell_type"):
                if arm == TOTAL:
                    # what a total truly changes by depends on all programs: see benchmarks/total_differences.py
                    continue
                if arm == "t on ulm":
                    names = samples.score_names
                else:
                    names = (dimensions if arm == "true activities" else samples.programs)[found["names"]]
                truth = np.array([truths[name].get((stratum, program), 0.0) for program in names])
                part = result.setdefault(f"{name}, {arm}", {"held": [], "power": [], "false": []})
                q = benjamini_hochberg(found["p"])
                part["power"].append(np.c_[(q <= LEVELS[0])[truth != 0], np.abs(truth[truth != 0])])
                part["false"].append([(q <= LEVELS[0])[truth == 0].sum(), (q <= LEVELS[0]).sum()])
                if "lower" in found:
                    held = (found["lower"] <= truth) & (truth <= found["upper"])
                    part["held"].append(np.c_[held, truth != 0])
        if seed == SEEDS[0]:
            save(study_figure(adata, model), "study", args)
        print("planted", seed, flush=True)
    return {name: of_planted(part) for name, part in result.items()}


def study_figure(adata: ad.AnnData, model: cr.ProgramVAE) -> Figure:
    """The program whose response differs most surely between arms, one dot a sample."""
    contrast = {"arm": ("placebo", "drug"), "condition": ("t0", "t1")}
    cr.tl.compare(adata, model, "~ arm * condition", contrast=contrast, sample_key="donor", within="cell_type")
    table = cr.get.compare_df(adata, columns="all")
    table = table[table["q"].notna() & table["program"].str.startswith("program")]
    program = table.loc[table["statistic"].abs().idxmax(), "program"]
    strata = table["stratum"].unique().tolist()[:2]
    return cr.pl.compare(adata, program, stratum=strata)[0].figure


def true_changes(adata: ad.AnnData) -> dict[str, dict[tuple[str, str], float]]:
    shifts = adata.uns["simulation"]["shifts"]
    kinds = {
        "between arms at t0": (shifts["arm"] != "") & (shifts["condition"] == ""),
        "t1 against t0, placebo": (shifts["arm"] == "") & (shifts["condition"] != ""),
        "difference of differences": (shifts["arm"] != "") & (shifts["condition"] != ""),
    }
    return {
        name: shifts[which].groupby(["cell_type", "program"], observed=True)["shift"].sum().to_dict()
        for name, which in kinds.items()
    }


def of_planted(part: dict[str, list]) -> dict[str, float]:
    power = np.concatenate(part["power"])
    false, calls = np.sum(part["false"], axis=0)
    result = {
        "power": round(float(power[:, 0].mean()), 4),
        "calls": int(calls),
        "false_discovery_proportion": round(float(false / max(calls, 1)), 4),
    }
    if part["held"]:
        held = np.concatenate(part["held"]).astype(bool)
        result |= {
            "intervals_95_unchanged": round(float(held[~held[:, 1], 0].mean()), 4),
            "intervals_95_changed": round(float(held[held[:, 1], 0].mean()), 4),
        }
    return result


def kang(args: argparse.Namespace) -> dict:
    adata = ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad")
    known = adata[adata.obs["donor"] != "unknown"].copy()
    result = {}
    for collection, file in {"Hallmark": COLLECTIONS["Hallmark"], "immune": "immune"}.items():
        source = DATA / "genesets" / file if collection == "Hallmark" else file
        cells = variable_genes(known)
        cr.pp.add_programs(cells, source, min_genes=10)
        cr.ProgramVAE.setup_anndata(cells)
        model = cr.ProgramVAE(cells)
        model.train(enable_progress_bar=False, max_epochs=3 if args.quick else None)
        cr.tl.activity(cells, model)
        weights = pd.DataFrame(cells.varm["programs"].toarray(), cells.var_names, cells.uns["programs"]["names"])
        net = weights.stack().loc[lambda value: value != 0].rename_axis(["target", "source"]).reset_index()
        scores = linear_scores(cells, net)
        result[collection] = {"controls": splits(cells, model, scores, args), "interferon": interferon(cells, model)}
        print("kang", collection, result[collection]["interferon"], flush=True)
    return result


def splits(cells: ad.AnnData, model: cr.ProgramVAE, scores: pd.DataFrame, args: argparse.Namespace) -> dict:
    """Control donors against control donors."""
    control = (cells.obs["condition"] == "ctrl").to_numpy()
    counts = pd.crosstab(cells.obs["cell_type"][control], cells.obs["donor"][control])
    types = counts.index[(counts >= 2).all(axis=1)]
    there = control & cells.obs["cell_type"].isin(types).to_numpy()
    part = cells[there].copy()
    samples = Samples(part, model, ["cell_type", "donor"], scores[there])
    donors = np.array(sorted(samples.table["donor"].unique()))
    rng, result = np.random.default_rng(0), {}
    for size in (4, 3, 2):
        both = [
            (one, other)
            for one in combinations(donors, size)
            for other in combinations([donor for donor in donors if donor not in one], size)
            if one[0] < other[0]
        ]
        limit = 3 if args.quick else N_SPLITS
        both = [both[i] for i in rng.permutation(len(both))[:limit]]
        for within in ("cell_type", None):
            rows: dict[str, dict[str, list]] = {}
            worst: dict[str, float] = {}
            for one, other in both:
                units = np.flatnonzero(samples.table["donor"].isin([*one, *other]))
                arm = np.where(samples.table["donor"].iloc[units].isin(one), "a", "b")
                study, code = samples.study(units, pd.DataFrame({"arm": arm}), "~ arm", "donor", within)
                for name, _, found in tests_of(samples, study, code, ARM, within):
                    row = rows.setdefault(name, {"p": [], "called": [], "df": []})
                    row["p"].append(found["p"])
                    row["called"].append(bool((benjamini_hochberg(found["p"]) <= LEVELS[0]).any()))
                    row["df"].append(found.get("df", np.nan))
                    worst[name] = max(worst.get(name, 0), float(np.mean(found["p"] < LEVELS[0])))
            where = "within types" if within else "all cells"
            for name, row in rows.items():
                result[f"{size} against {size}, {where}, {name}"] = {
                    **summed(row),
                    "splits": len(both),
                    "largest_share_of_p_below_05": round(worst[name], 3),
                }
    return result


def interferon(cells: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Eight control donors and two of them stimulated: what is found, in each type."""
    options = {"contrast": {"condition": ("ctrl", "stim")}, "sample_key": "donor", "within": "cell_type"}
    cr.tl.compare(cells, model, "~ condition", **options)
    table = cr.get.compare_df(cells, columns="all")
    result = {}
    for stratum, part in table.groupby("stratum", sort=False):
        for before in ("", "total_"):
            statistic = (part[f"{before}effect"] / part[f"{before}se"]).where(part[f"{before}q"].notna())
            rank = statistic.rank(ascending=False)
            is_interferon = part["program"].str.contains("nterferon|INTERFERON")
            result[f"{stratum}{', total' if before else ''}"] = {
                "rank": int(rank[is_interferon].min()) if rank[is_interferon].notna().any() else None,
                "q": float(f"{part.loc[is_interferon, f'{before}q'].min():.2g}"),
                "called": int((part[f"{before}q"] <= LEVELS[0]).sum()),
                "df": round(float(part["df"].iloc[0]), 1),
                "repeated": str(part["repeated"].iloc[0]),
            }
    return result


def axis(args: argparse.Namespace) -> dict:
    """Type I error of 40 programs that share an axis, by pairs of donors and correlation; variances differ (df 8)."""
    rng, result = np.random.default_rng(0), {}
    for correlation in (0.0, 0.5, 0.9):
        for n_pairs in (2, 3, 4, 10):
            p = []
            for _ in range(20 if args.quick else 1_000):
                shared = rng.standard_normal((n_pairs, 1)) * rng.choice([-1, 1], 40)
                own = rng.standard_normal((n_pairs, 40))
                scale = np.sqrt(8 / rng.chisquare(8, 40))
                change = scale * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
                means = Means(np.concatenate([change, 0 * change]), np.full((2 * n_pairs, 40), 1e-9))
                pairs = np.tile(np.eye(n_pairs), (2, 1))
                design = np.column_stack([np.repeat([1.0, 0.0], n_pairs), pairs])
                contrast = np.eye(n_pairs + 1)[0]
                p.append(compare_samples(means, design, contrast, prior_from=np.ones(40, dtype=bool)).p())
            result[f"correlation {correlation:g}, {n_pairs} pairs"] = {
                f"p < {level:g}": round(float((np.concatenate(p) < level).mean()), 5) for level in LEVELS
            }
    return result


PARTS = {"null": null, "axis": axis, "planted": planted, "kang": kang}


def main() -> None:
    options = parser("designs")
    options.add_argument("--only", choices=PARTS, help="one part; the others' results are kept")
    args = options.parse_args()
    quiet()
    path = args.out or RESULTS / "designs.json"
    results = json.loads(path.read_text()) if args.only and path.exists() else {}
    for name, part in PARTS.items():
        if args.only in (None, name):
            results[name] = part(args)
            results |= {"bars": BARS, "versions": versions("decoupler", "formulaic", "scvi-tools")}
            write(results, "designs", args)


if __name__ == "__main__":
    main()
