"""Does the model name what interferon-beta does to blood cells?

Kang et al. (2018, Nat Biotechnol 36:89): peripheral blood mononuclear cells of lupus patients, six hours with and
without interferon-beta. For each cell type with at least 50 cells: the programs with the largest effect (Cohen's d of
activities, stimulated against control), with Hallmark and with Reactome sets (at least 12 genes present among 3,000
variable ones).

    python benchmarks/kang.py            # writes benchmarks/results/kang.json and docs/_static/kang.png

Data: ``kang_ifnb_2800.h5ad`` and ``genesets/`` in the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import DATA, parser, quiet, save, versions, write
from matplotlib.figure import Figure

import crystallin as cr
from crystallin.pl._names import readable
from crystallin.stats import standardised_difference

COLLECTIONS = {
    "Hallmark": "hallmark_msigdb_v2025.symbols.gmt",
    "Reactome": "reactome_msigdb_v2025.symbols.gmt",
}
N_GENES, MIN_GENES, MIN_CELLS, SEEDS = 3000, 12, 50, (0, 1, 2)


def variable_genes(adata: ad.AnnData, keep: Sequence[str] = (), n_genes: int = N_GENES) -> ad.AnnData:
    """The variable genes, and those to keep in any case."""
    selected = cr.pp.select_genes(adata, n_top_genes=n_genes, copy=True).var["selected"]
    return adata[:, selected | adata.var_names.isin(keep)].copy()


def effects(adata: ad.AnnData, activity: pd.DataFrame) -> pd.DataFrame:
    """Programs x cell types: Cohen's d of stimulated against control cells."""
    sizes = adata.obs["cell_type"].value_counts()
    stimulated = (adata.obs["condition"] == "stim").to_numpy()
    columns = {}
    for cell_type in sizes.index[sizes >= MIN_CELLS]:
        inside = (adata.obs["cell_type"] == cell_type).to_numpy()
        values = activity.to_numpy()
        columns[cell_type] = standardised_difference(values[inside & stimulated], values[inside & ~stimulated])
    return pd.DataFrame(columns, index=activity.columns)


def short(name: str) -> str:
    text = readable(name).removeprefix("Hallmark ").removeprefix("Reactome ")
    first = text.split(" ")[0]
    return text[0].upper() + text[1:] if first.isalpha() and first.islower() else text


def run(adata: ad.AnnData, file: str, seed: int, n_decoys: int = 0) -> tuple[pd.DataFrame, dict]:
    cr.pp.add_programs(adata, DATA / "genesets" / file, min_genes=MIN_GENES, n_decoys=n_decoys)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, random_state=seed)
    start = time.perf_counter()
    model.train(enable_progress_bar=False)
    trained = time.perf_counter()
    cr.tl.activity(adata, model)
    done = time.perf_counter()
    activity = cr.get.activity_df(adata)
    table = effects(adata, activity)
    top = {
        cell_type: {
            short(name): round(float(d), 2) for name, d in column.reindex(column.abs().nlargest(4).index).items()
        }
        for cell_type, column in table.items()
    }
    return table, {
        "seed": seed,
        "n_programs": len(table),
        "n_genes": adata.n_vars,
        "epochs": len(model.history["elbo_train"]),
        "validation_elbo_per_cell": round(float(model.history["elbo_validation"].min().iloc[0]), 2),
        "seconds_training": round(trained - start, 1),
        "seconds_activity_with_sd": round(done - trained, 1),
        "interferon_first_in": [name for name, best in top.items() if "nterferon" in next(iter(best))],
        "top": top,
    }


def with_decoys(adata: ad.AnnData, file: str, n_decoys: int) -> dict:
    """The same with as many random sets, matched in size and expression, trained alongside."""
    table, summary = run(adata, file, seed=0, n_decoys=n_decoys)
    everything = cr.get.activity_df(adata, decoys=True)
    decoys = everything[everything.columns.difference(table.index)]
    largest = effects(adata, decoys).abs().max()
    return {
        "n_decoys": decoys.shape[1],
        "interferon_first_in": summary["interferon_first_in"],
        "sd_of_activity_median_programs": round(float(everything[table.index].std().median()), 2),
        "sd_of_activity_median_decoys": round(float(decoys.std().median()), 2),
        "largest_effect_programs": {cell_type: round(float(d), 2) for cell_type, d in table.abs().max().items()},
        "largest_effect_decoys": {cell_type: round(float(d), 2) for cell_type, d in largest.items()},
    }


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, axes = plt.subplots(1, len(tables), figsize=(11, 3.9), layout="constrained", squeeze=False)
    for ax, (title, table) in zip(axes.flat, tables.items(), strict=True):
        table = table.loc[table.abs().max(axis=1).nlargest(9).index]
        limit = 6
        image = ax.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_xticks(range(table.shape[1]), table.columns, rotation=45, ha="right")
        ax.set_yticks(range(len(table)), [short(name)[:44] for name in table.index])
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            if abs(value) >= 1:
                colour = "white" if abs(value) > 0.6 * limit else "black"
                ax.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7, color=colour)
        ax.set_title(f"{title}: interferon-beta against control", fontsize=10)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0, labelsize=8)
    figure.colorbar(image, ax=axes, label="Cohen's d of activity", shrink=0.7)
    return figure


def main() -> None:
    args = parser("kang").parse_args()
    mpl.use("agg")
    quiet()
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    collections, seeds = COLLECTIONS, SEEDS
    if args.quick:
        collections, seeds = {"Hallmark": COLLECTIONS["Hallmark"]}, SEEDS[:2]
    results: dict = {"versions": versions("scvi-tools", "torch")}
    tables = {}
    for title, file in collections.items():
        runs, activities = [], []
        for seed in seeds:
            table, summary = run(adata, file, seed)
            tables.setdefault(title, table)
            runs.append(summary)
            activities.append(cr.get.activity_df(adata))
            print(title, json.dumps(summary), flush=True)
        between = [activities[0].corrwith(other) for other in activities[1:]]
        r = pd.concat(between)
        results[title] = {
            "interferon_first_in_every_type_and_seed": all(
                len(summary["interferon_first_in"]) == len(summary["top"]) for summary in runs
            ),
            "r_between_seeds_median": round(float(r.median()), 3),
            "r_between_seeds_10th_percentile": round(float(r.quantile(0.1)), 3),
            "runs": runs,
        }
    results["decoys"] = with_decoys(adata, COLLECTIONS["Hallmark"], results["Hallmark"]["runs"][0]["n_programs"])
    print("decoys", json.dumps(results["decoys"]), flush=True)
    write(results, "kang", args)
    save(draw(tables), "kang", args)


if __name__ == "__main__":
    main()
