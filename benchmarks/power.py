"""Is the power that cr.power predicts from a pilot the power that studies have?

    python benchmarks/power.py            # writes benchmarks/results/power.json and two figures
    python benchmarks/power.py --quick    # a small check that writes nothing

Simulated cells of four types; 30 programs, of which 10 are shifted by .35 in half of the types; donors differ with a
standard deviation of .25 in each type and program.

* unpaired: 60 donors, each in one of two conditions, 100 cells per sample and type.
* paired: 40 donors in both conditions, whose samples differ with a standard deviation of .2 beyond that, 75 cells.

One model of all cells. A pilot of 12 donors is taken out, from which cr.power predicts the power of studies of 6, 12
and 24 donors with 10, 25 and 60 cells per sample and type. Such studies are drawn from the other donors (donors with
replacement, cells without) and analysed as crystallin.tl.rank_programs_groups does. This is repeated with other pilots.
Of shifted programs, whose effect is that in all of the other donors: predicted and realised share with p <= .01, and
with q <= .05; their largest difference over sizes, in points (bar: 5), and how much the prediction differs between
pilots.
"""

from __future__ import annotations

import json

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import BLUE, GREY, VERMILION, parser, quiet, save, seconds_of, versions, write
from matplotlib.figure import Figure

import crystallin as cr
from crystallin._power._study import level_of
from crystallin.stats import Difference, benjamini_hochberg, collect_moments, power_of_t
from crystallin.tl._differences import Options
from crystallin.tl._differences._measured import TESTED_FROM, Measured
from crystallin.tl._differences._pairs import between_sides

DONORS, CELLS = (6, 12, 24), (10, 25, 60)
N_PILOT, N_PILOTS, N_DRAWS = 12, 8, 25
P_LEVEL, Q_LEVEL, BAR = 0.01, 0.05, 0.05
MAX_EPOCHS = 15
COMMON = {
    "n_vars": 500,
    "n_programs": 30,
    "n_decoys": 0,
    "program_size": (15, 40),
    "n_cell_types": 4,
    "rare_fraction": 0,
    "conditions": ("ctrl", "stim"),
    "n_shifted": 10,
    "shift": 0.35,
    "donor_sd": 0.25,
    "depth": 1_000,
}
DESIGNS = {
    "unpaired": {"n_obs": 24_000, "n_donors": 60, "paired": False},
    "paired": {"n_obs": 24_000, "n_donors": 40, "paired": True, "sample_sd": 0.2},
}
SIDES = ("stim", "ctrl")


def simulated(design: str, quick: bool) -> tuple[ad.AnnData, cr.ProgramVAE]:
    options = {**COMMON, **DESIGNS[design]}
    adata = cr.datasets.simulate(**(options | {"n_obs": options["n_obs"] // (1 + 3 * quick)}))
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1 if quick else MAX_EPOCHS, enable_progress_bar=False)
    cr.tl.activity(adata, model)
    return adata, model


class Population:
    """Cells of some donors by type, condition and donor, from which studies are drawn."""

    def __init__(self, adata: ad.AnnData, donors: np.ndarray, *, is_paired: bool) -> None:
        self.mean, self.sd = (np.asarray(adata.obsm[slot], dtype=float) for slot in ("X_programs", "programs_sd"))
        self.is_paired = is_paired
        obs = adata.obs[adata.obs["donor"].isin(donors)]
        places = pd.Series(adata.obs_names.get_indexer(obs.index))
        labels = [obs[name].astype(str).to_numpy() for name in ("cell_type", "condition", "donor")]
        self.cells = {label: part.to_numpy() for label, part in places.groupby(labels)}
        self.types = sorted({label[0] for label in self.cells})
        self.donors = {side: sorted({label[2] for label in self.cells if label[1] == side}) for side in SIDES}

    def everything(self) -> dict[str, Difference]:
        """The comparison of all donors and cells, by type."""
        units = [(side, donor, donor) for side in SIDES for donor in self.donors[side]]
        return {name: self._compared(name, units, None, None) for name in self.types}

    def drawn(self, n_donors: int, n_cells: int, rng: np.random.Generator) -> dict[str, Difference]:
        """The comparison of a study, by type; a donor that is drawn twice counts as two."""
        if self.is_paired:
            drawn = rng.choice(self.donors["ctrl"], n_donors)
            units = [(side, donor, f"{i}") for side in SIDES for i, donor in enumerate(drawn)]
        else:
            drawn_by_side = {side: rng.choice(self.donors[side], n_donors // 2) for side in SIDES}
            units = [(side, donor, f"{side} {i}") for side in SIDES for i, donor in enumerate(drawn_by_side[side])]
        return {name: self._compared(name, units, n_cells, rng) for name in self.types}

    def _compared(
        self, name: str, units: list[tuple[str, str, str]], n_cells: int | None, rng: np.random.Generator | None
    ) -> Difference:
        cells = [self.cells[name, side, donor] for side, donor, _ in units]
        if n_cells is not None:
            cells = [rng.choice(one, min(n_cells, len(one)), replace=False) for one in cells]
        code, there = np.repeat(np.arange(len(units)), list(map(len, cells))), np.concatenate(cells)
        moments, _ = collect_moments(self.mean[there], self.sd[there], code, len(units), with_covariance=False)
        measured = Measured(moments, np.zeros(self.mean.shape[1], dtype=bool), None)
        sides = np.array([SIDES.index(side) for side, _, _ in units])
        options = Options((), by_sample=True, paired=self.is_paired)
        samples = np.array([sample for _, _, sample in units])
        result = between_sides(measured, sides, samples, name, options, is_first=False)
        # programs that are not tested have no p value
        result.marginal.effect[result.reliability < TESTED_FROM] = np.nan
        return result.marginal


def pilot_of(adata: ad.AnnData, rng: np.random.Generator, *, is_paired: bool) -> np.ndarray:
    """Donors of a pilot, half of them in each condition."""
    of_donors = adata.obs.groupby("donor", observed=True)["condition"].first().astype(str)
    if is_paired:
        return rng.choice(of_donors.index.astype(str), N_PILOT, replace=False)
    of_sides = [of_donors.index[of_donors == side].astype(str) for side in SIDES]
    return np.concatenate([rng.choice(donors, N_PILOT // 2, replace=False) for donors in of_sides])


def compared_pilot(adata: ad.AnnData, model: cr.ProgramVAE, donors: np.ndarray) -> ad.AnnData:
    """Cells of a pilot's donors, with its differences within types."""
    pilot = adata[adata.obs["donor"].isin(donors)].copy()
    settings = {"reference": "ctrl", "groups": "stim", "within": "cell_type", "sample_key": "donor"}
    cr.tl.rank_programs_groups(pilot, model, "condition", **settings)
    return pilot


def predicted(pilot: ad.AnnData, effects: pd.DataFrame) -> pd.DataFrame:
    """Power of each program's own effect, for each size of study, from a pilot."""
    # standard errors do not depend on the effect
    table = cr.power(pilot, group="stim", effect=COMMON["shift"], n_donors=DONORS, n_cells=CELLS)
    table = table.drop(columns="effect").merge(effects, on=["stratum", "program"])
    size = np.abs(table["effect"]) / table["se"]
    table["p"] = power_of_t(size.to_numpy(), table["df"].to_numpy(), P_LEVEL)
    table["q"] = np.nan
    for _, part in table.groupby(["stratum", "n_donors", "n_cells"]):
        df = float(part["df"].iloc[0])
        options = {"level": Q_LEVEL, "changed": 1.0, "n_tested": len(part)}
        level = level_of(size[part.index].to_numpy(), df, **options)
        table.loc[part.index, "q"] = power_of_t(size[part.index].to_numpy(), df, level)
    return table[table["shifted"]].groupby(["n_donors", "n_cells"])[["p", "q"]].mean()


def realised(population: Population, effects: pd.DataFrame, rng: np.random.Generator, n_draws: int) -> pd.DataFrame:
    """Share of shifted programs that are found by studies of each size."""
    shifted = {name: part["shifted"].to_numpy() for name, part in effects.groupby("stratum", sort=False)}
    rows = []
    for n_donors in DONORS:
        for n_cells in CELLS:
            for _ in range(n_draws):
                for name, difference in population.drawn(n_donors, n_cells, rng).items():
                    p = difference.p()
                    there = shifted[name] & np.isfinite(p)
                    q = benjamini_hochberg(p)
                    found = (p[there] <= P_LEVEL).mean(), (q[there] <= Q_LEVEL).mean()
                    rows.append((n_donors, n_cells, *found, int(there.sum())))
    table = pd.DataFrame(rows, columns=["n_donors", "n_cells", "p", "q", "weight"])
    table[["p", "q"]] = table[["p", "q"]].mul(table["weight"], axis=0).where(table["weight"] > 0, 0)
    sums = table.groupby(["n_donors", "n_cells"]).sum()
    return sums[["p", "q"]].div(sums["weight"], axis=0)


def measured(design: str, quick: bool) -> tuple[dict, ad.AnnData]:
    """Results, and the last of the pilots."""
    (adata, model), seconds = seconds_of(lambda: simulated(design, quick))
    is_paired, rng = design == "paired", np.random.default_rng(0)
    shifts = adata.uns["simulation"]["shifts"].rename(columns={"cell_type": "stratum"})[["stratum", "program"]]
    plans, found = [], []
    for _ in range(2 if quick else N_PILOTS):
        donors = pilot_of(adata, rng, is_paired=is_paired)
        others = np.setdiff1d(adata.obs["donor"].astype(str).unique(), donors)
        population = Population(adata, others, is_paired=is_paired)
        effects = pd.concat(
            pd.DataFrame({"stratum": name, "program": model.program_names, "effect": difference.effect})
            for name, difference in population.everything().items()
        )
        effects = effects.merge(shifts.assign(shifted=True), how="left", on=["stratum", "program"])
        effects["shifted"] = effects["shifted"].eq(True)
        pilot = compared_pilot(adata, model, donors)
        plans.append(predicted(pilot, effects))
        found.append(realised(population, effects, rng, 2 if quick else N_DRAWS))
    plan, real = pd.concat(plans), pd.concat(found)
    by_size = ["n_donors", "n_cells"]
    means = plan.groupby(by_size).mean(), real.groupby(by_size).mean(), plan.groupby(by_size).std()
    rows = [
        {
            "n_donors": size[0],
            "n_cells": size[1],
            **{f"predicted_{name}": round(float(means[0].loc[size, name]), 3) for name in ("p", "q")},
            **{f"realised_{name}": round(float(means[1].loc[size, name]), 3) for name in ("p", "q")},
            **{f"sd_between_pilots_{name}": round(float(means[2].loc[size, name]), 3) for name in ("p", "q")},
        }
        for size in means[0].index
    ]
    off = {
        name: round(max(abs(row[f"predicted_{name}"] - row[f"realised_{name}"]) for row in rows), 3)
        for name in ("p", "q")
    }
    return {"largest_difference": off, "rows": rows, "seconds_of_model": round(seconds, 1)}, pilot


def draw(results: dict) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained", sharey=True)
    titles = {"p": f"p ≤ {P_LEVEL:g}", "q": f"q ≤ {Q_LEVEL:g}"}
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        for design, colour, marker in (("unpaired", BLUE, "o"), ("paired", VERMILION, "D")):
            rows = results["designs"][design]["rows"]
            x, y, sd = (
                [row[f"{what}_{name}"] for row in rows] for what in ("predicted", "realised", "sd_between_pilots")
            )
            style = {"color": colour, "linestyle": "", "marker": marker, "markersize": 5, "elinewidth": 0.8}
            ax.errorbar(x, y, xerr=sd, label=design, **style)
        ax.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=0)
        ax.set(title=title, xlabel="predicted power (± sd between pilots)", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share of studies that find a program")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    args = parser("power").parse_args()
    mpl.use("agg")
    quiet()
    results: dict = {"versions": versions("scvi-tools", "torch"), "bar": BAR, "levels": {"p": P_LEVEL, "q": Q_LEVEL}}
    results |= {"pilots": N_PILOTS, "pilot_donors": N_PILOT, "draws": N_PILOTS * N_DRAWS, "designs": {}}
    for design in DESIGNS:
        (found, pilot), seconds = seconds_of(lambda design=design: measured(design, args.quick))
        results["designs"][design] = found | {"seconds": round(seconds)}
        print(json.dumps({design: found}), flush=True)
        if design == "paired":
            plan = cr.power(pilot, group="stim", effect=0.3, n_donors=range(6, 31, 4), n_cells=(20, 50, 200))
            save(cr.pl.power(plan, n_cols=4)[0].figure, "power", args)
    write(results, "power", args)
    save(draw(results), "power_realised", args)


if __name__ == "__main__":
    main()
