"""Are attributions exact, quick, true and faithful?

    python benchmarks/attribution.py                  # writes benchmarks/results/attribution.json and a figure
    python benchmarks/attribution.py --only speed     # one part again, the others as they were
    python benchmarks/attribution.py --quick          # small sizes, writes nothing

* exactness: sums of the attributions of 64 cells against the change of what they attribute, in single precision, as a
  share of its norm; captum's integrated gradients of the encoder with 50, 200 and 1,000 steps; captum's other methods.
* speed: all programs' integrated gradients of the encoder, by captum's loop over programs with 50 steps and by the
  closed form, of the same cells in the same run; then one million cells at group level with its peak memory.
* estimates: mean attributions of the refined activity by group, estimated to a standard error of 2 % of the largest of
  each program, against exact ones: simulated cells in eight groups, Kang with Hallmark by type and condition, and the
  README's quickstart.
* truth: simulated cells (as in recovery.py). Mean absolute attributions over 500 cells against the true members of each
  program: the area under the precision-recall curve among annotated genes (members against spurious ones) and among all
  others (members that were withheld from the prior), medians over true programs; leakage, with and without the context
  network.
* kang: interferon-beta in monocytes (kang.py): genes by method, agreement, faithfulness, a knock-down of interferon
  genes against random genes of like expression, breadth of differences.

Data: see kang.py.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Callable

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _common import DATA, RESULTS, parser, quiet, save, seconds_of, versions, write
from _estimates import compare, groups_of
from captum import attr
from kang import COLLECTIONS, MIN_GENES, variable_genes
from scipy import sparse
from sklearn.metrics import average_precision_score

import crystallin as cr
from crystallin.nn import Reader, SparseCounts, attribute, precise_mode
from crystallin.nn._captum import _stack
from crystallin.stats import breadth, rank_biased_overlap, robust_ranks

STEPS = (50, 200, 1_000)
# signalling and targets of the interferon receptor, all members of the program
SILENCED = ["STAT1", "STAT2", "IRF1", "IRF2", "IRF7", "IRF9", "JAK2", "SOCS1", "SOCS3"]
PROGRAM = "HALLMARK_INTERFERON_GAMMA_RESPONSE"
TRUTH_METHODS = [
    "activity/contributions",
    "activity/integrated_gradients",
    "activity/gradient_input",
    "encoder/integrated_gradients",
    "encoder/expected_gradients",
    "encoder/gradient_input",
    "encoder/ablation",
    "encoder/permutation",
    "encoder/lrp",
    "encoder/smoothgrad",
]


def relative(error: np.ndarray, size: np.ndarray) -> float:
    return float(f"{np.linalg.norm(error) / np.linalg.norm(size):.1e}")


def trained(adata: ad.AnnData, **kwargs: object) -> cr.ProgramVAE:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, **kwargs)
    model.train(enable_progress_bar=False)
    cr.tl.activity(adata, model)
    return model


def simulated(args: object, seed: int, **kwargs: object) -> tuple[ad.AnnData, cr.ProgramVAE]:
    size = {"n_obs": 600, "n_vars": 300, "n_programs": 10, "n_decoys": 10} if args.quick else {"n_obs": 5_000}
    adata = cr.datasets.simulate(**size, random_state=seed)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    return adata, trained(adata, **kwargs)


def standardised(model: cr.ProgramVAE, cells: np.ndarray) -> torch.Tensor:
    counts = torch.as_tensor(model.adata.X[cells].toarray())
    return model.module.z_encoder.standardise(SparseCounts.of(counts))


# ------------------------------------------------------------------------------------------------------ exactness


def exactness(args: object) -> dict:
    _, model = simulated(args, 0)
    cells = np.arange(64)
    results: dict = {"completeness_relative_error": {}}
    x, reader = standardised(model, cells), model.module.z_encoder.reader()
    n_programs = len(model.program_names)
    with torch.no_grad():
        change = (reader(x) - reader(torch.zeros(len(x), 1))).T.numpy()[:, :n_programs]
    mode = mode_of(model, cells)
    for target, method, what in (
        ("encoder", "integrated_gradients", change),
        ("activity", "contributions", mode),
        ("activity", "integrated_gradients", mode),
    ):
        each = model.get_attributions(indices=cells, target=target, method=method, statistic="each").sum(1)
        group = model.get_attributions(indices=cells, target=target, method=method)[0].sum(0)
        results["completeness_relative_error"][f"{target}/{method}"] = {
            "cells": relative(each - what, what),
            "group_mean": relative(group - what.mean(0), what.mean(0)),
        }
    some = reader.only(torch.arange(8))
    x, baseline = x[:, :8], torch.zeros(len(x), 1)
    exact = attribute(some, x, baseline, "integrated_gradients").numpy()
    results["captum_integrated_gradients_relative_difference"] = {
        str(steps): relative(
            by_captum(attr.IntegratedGradients, some, x, baselines=baseline.T, n_steps=steps) - exact, exact
        )
        for steps in STEPS
    }
    pairs = {
        "deeplift": (attr.DeepLift, {"baselines": baseline.T}),
        "ablation": (attr.FeatureAblation, {"baselines": baseline.T}),
        "gradient_input": (attr.InputXGradient, {}),
    }
    results["captum_same_method_relative_difference"] = {}
    for method, (explainer, options) in pairs.items():
        ours = attribute(some, x, baseline, method).numpy()
        theirs = by_captum(explainer, some, x, **options)
        results["captum_same_method_relative_difference"][method] = relative(theirs - ours, ours)
    return results


def mode_of(model: cr.ProgramVAE, cells: np.ndarray) -> np.ndarray:
    """Refined activities to the precision of the numbers, cells x programs."""
    source, chosen = model._source(None, cells)
    tensors, weight = source.together(chosen), model.module.decoder.weight().detach()
    with torch.no_grad():
        batch, start = model.module.posterior_start(tensors)
        z = precise_mode(batch, start, weight, model.module.average_cell(tensors).covariance).z
    return z[: len(model.program_names)].T.numpy()


def by_captum(explainer: type, reader: Reader, x: torch.Tensor, **options: object) -> np.ndarray:
    """Latent x genes, summed over cells."""
    explain, cells = explainer(_stack(reader)), x.T.clone().requires_grad_()
    parts = [explain.attribute(cells, target=p, **options).sum(0).detach() for p in range(len(reader.last))]
    return torch.stack(parts).numpy()


# ---------------------------------------------------------------------------------------------------------- speed


def speed(args: object) -> dict:
    adata, model = simulated(args, 0)
    n_cells = 8 if args.quick else 64
    x, reader = standardised(model, np.arange(n_cells)), model.module.z_encoder.reader()
    baseline = torch.zeros(len(x), 1)
    ours, mean_seconds = best(lambda: attribute(reader, x, baseline, "integrated_gradients"), 5)
    one, cell_seconds = best(
        lambda: [attribute(reader, cell[:, None], baseline, "integrated_gradients") for cell in x.T], 3
    )
    # captum's loop over programs, in batches of cells as large as it takes here
    few = reader.only(torch.arange(min(10, len(reader.last))))
    _, captum_seconds = seconds_of(
        lambda: by_captum(attr.IntegratedGradients, few, x, baselines=baseline.T, n_steps=50)
    )
    captum_seconds *= len(reader.last) / len(few.last)
    results = {
        "programs": len(reader.last),
        "genes": len(x),
        "cells": n_cells,
        "captum_50_steps_seconds": round(captum_seconds, 1),
        "captum_measured_on_programs": len(few.last),
        "closed_form_group_mean_seconds": float(f"{mean_seconds:.2g}"),
        "closed_form_each_cell_seconds": float(f"{cell_seconds:.2g}"),
        "times_quicker_group_mean": round(captum_seconds / mean_seconds),
        "times_quicker_each_cell": round(captum_seconds / cell_seconds),
    }
    assert np.allclose(sum(one), ours, atol=1e-2)
    cells = np.arange(min(1_000, adata.n_obs))
    for method in ("contributions", "integrated_gradients"):
        _, seconds = seconds_of(lambda method=method: model.get_attributions(indices=cells, method=method))
        results[f"activity_{method}_ms_per_cell"] = float(f"{1e3 * seconds / len(cells):.2g}")
    return results | {"atlas": atlas(args)}


def best(work: Callable[[], object], n: int) -> tuple[object, float]:
    runs = [seconds_of(work) for _ in range(n)]
    return runs[0][0], min(seconds for _, seconds in runs)


def atlas(args: object) -> dict:
    """Group means of one million cells, 300 programs, 2,000 genes."""
    size = {"n_obs": 500, "n_vars": 300, "n_programs": 15, "n_decoys": 15} if args.quick else {"n_obs": 10_000}
    programs = {} if args.quick else {"n_programs": 150, "n_decoys": 150}
    adata = cr.datasets.simulate(**(size | programs))
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=2, enable_progress_bar=False)
    repeats = 3 if args.quick else 100
    large = ad.AnnData(sparse.vstack([adata.X] * repeats, format="csr"), var=adata.var[[]])
    groups = np.resize([f"group {i:02d}" for i in range(20)], large.n_obs)
    del adata
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds = seconds_of(lambda: model.get_attributions(large, target="encoder", groups=groups, batch_size=1_024))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "cells": large.n_obs,
        "programs": len(model.program_names),
        "genes": large.n_vars,
        "groups": 20,
        "seconds": round(seconds, 1),
        "peak_beyond_data_gb": round((after - before) / 2**20, 2),
    }


# ------------------------------------------------------------------------------------------------------ estimates


def estimates(args: object) -> dict:
    adata = cr.datasets.simulate(
        **({"n_obs": 600, "n_vars": 300, "n_programs": 10, "n_decoys": 10} if args.quick else {})
    )
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    model = trained(adata)
    results = {"simulated": compare(model, groups_of(model, 1 if args.quick else 3))}
    print(json.dumps(results), flush=True)
    if not args.quick:
        kang = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
        cr.pp.add_programs(kang, DATA / "genesets" / COLLECTIONS["Hallmark"], min_genes=MIN_GENES)
        groups = kang.obs["cell_type"].astype(str) + ", " + kang.obs["condition"].astype(str)
        results["Kang, Hallmark"] = compare(trained(kang), groups.to_numpy())
        print(json.dumps(results["Kang, Hallmark"]), flush=True)
    blood = cr.datasets.pbmc68k()
    model = cr.fit(blood, "immune", layer="counts", min_genes=3, max_epochs=3 if args.quick else None)
    results["quickstart"] = compare(model, blood.obs["bulk_labels"].astype(str).to_numpy())
    return results


# ---------------------------------------------------------------------------------------------------------- truth


def truth(args: object) -> dict:
    runs = []
    for seed in (0,) if args.quick else (0, 1):
        for context in (True, False):
            adata, model = simulated(args, seed, context=context)
            run = {"seed": seed, "context": context, "leakage": leakage_of(adata, model)}
            if context:
                run["methods"] = precision(adata, model)
            runs.append(run)
            print(json.dumps(run), flush=True)
    return {"runs": runs}


def leakage_of(adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    cr.tl.leakage(adata, model)
    table = cr.get.programs_df(adata, columns="all")[["leakage", "leakage_encoder"]]
    names = adata.uns["simulation"]["dimensions"]["program"].unique()
    return {column: round(float(values), 3) for column, values in table.loc[table.index.isin(names)].median().items()}


def precision(adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Area under the precision-recall curve by method, medians over true programs."""
    rng = np.random.default_rng(0)
    cells = np.sort(rng.permutation(adata.n_obs)[:500])
    truth = adata.uns["simulation"]["dimensions"]["program"].to_numpy()
    names = [name for name in truth if name in set(model.program_names)]
    true = np.asarray(adata.varm["true_loadings"])[:, [list(truth).index(name) for name in names]] != 0
    where = [list(model.program_names).index(name) for name in names]
    given = model.prior.toarray()[:, where] != 0
    scores = {"loadings": np.abs(model.get_loadings()[names].to_numpy())}
    for name in TRUTH_METHODS:
        target, method = name.split("/")
        # a gradient at a time for each cell
        some = cells[:25] if method in ("lrp", "smoothgrad") else cells
        scores[name] = model.get_attributions(
            indices=some, target=target, method=method, programs=names, statistic="mean_absolute", n_baselines=5
        )[0]
    stacked = np.stack(list(scores.values()))
    scores["consensus"] = np.stack([-robust_ranks(stacked[:, :, p]) for p in range(len(names))], axis=1)
    results = {}
    for name, values in scores.items():
        areas = {"given": [], "withheld": []}
        for p in range(len(names)):
            for part, inside in (("given", given[:, p]), ("withheld", ~given[:, p])):
                if 0 < true[inside, p].sum() < inside.sum():
                    areas[part].append(average_precision_score(true[inside, p], values[inside, p]))
        results[name] = {part: round(float(np.median(area)), 3) for part, area in areas.items()}
    results["chance"] = {
        part: round(float(np.median([true[inside[:, p], p].mean() for p in range(len(names))])), 3)
        for part, inside in (("given", given), ("withheld", ~given))
    }
    return results


# ----------------------------------------------------------------------------------------------------------- kang


def interferon(args: object) -> dict:
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"), keep=SILENCED)
    file = DATA / "genesets" / COLLECTIONS["Hallmark"]
    cr.pp.add_programs(adata, file, min_genes=MIN_GENES)
    model, other = trained(adata), None
    if not args.quick:
        cr.ProgramVAE.setup_anndata(adata)
        other = cr.ProgramVAE(adata, random_state=1)
        other.train(enable_progress_bar=False)
    mono = np.flatnonzero(adata.obs["cell_type"] == "CD14 Mono")
    condition = adata.obs["condition"].astype(str).to_numpy()[mono]
    results: dict = {"top_genes": {}, "between_seeds_rbo": {}, "agreement_rbo": {}}
    member = model.prior.toarray()[:, list(model.program_names).index(PROGRAM)] != 0
    orders = {}
    for name in ["loadings", *TRUTH_METHODS]:
        target, _, method = name.partition("/")
        # captum's methods take their time
        slow = method in ("lrp", "smoothgrad")
        cells, groups = (mono[::6], condition[::6]) if slow else (mono, condition)

        def difference(model: cr.ProgramVAE, name=name, target=target, method=method, cells=cells, groups=groups):
            if name == "loadings":
                return model.get_loadings()[PROGRAM].to_numpy()
            ctrl, stim = model.get_attributions(
                adata, cells, target=target, method=method, programs=[PROGRAM], groups=groups, n_baselines=5
            )[:, :, 0]
            return stim - ctrl

        values, seconds = seconds_of(lambda: difference(model))
        orders[name] = np.argsort(-np.abs(values), kind="stable")
        top = orders[name][:20]
        results["top_genes"][name] = {
            "genes": adata.var_names[top].tolist(),
            "members": int(member[top].sum()),
            "breadth": round(breadth(values[member]), 1),
            "share_outside": round(float(np.abs(values[~member]).sum() / np.abs(values).sum()), 3),
            "sum": round(float(values.sum()), 2),
            "seconds": round(seconds, 1),
        }
        if other is not None:
            again = np.argsort(-np.abs(difference(other)), kind="stable")
            results["between_seeds_rbo"][name] = round(rank_biased_overlap(orders[name], again, 0.9), 3)
    results["agreement_rbo"] = {
        a: {b: round(rank_biased_overlap(orders[a], orders[b], 0.9), 2) for b in orders} for a in orders
    }
    results["faithfulness"] = faithful(adata, model, args)
    results["knockdown"] = silenced(adata, model)
    results["breadth_by_average_cell"] = breadths(adata, model)
    return results


def faithful(adata: ad.AnnData, model: cr.ProgramVAE, args: object) -> dict:
    """In the programs that matter most; means over these."""
    cr.tl.program_importance(adata, model)
    programs = cr.get.program_importance_df(adata)["program"].head(2 if args.quick else 10).tolist()
    cr.tl.faithfulness(adata, model, programs=programs, max_cells=60, n_genes=(1, 2, 5, 10, 20, 50))
    table = cr.get.faithfulness_df(adata)
    curves = table.groupby(["method", "n_genes"])[["deletion", "insertion"]].mean().round(3)
    infidelity = table.groupby("method")["infidelity"].median().round(4)
    return {
        "programs": programs,
        "curves": {
            method: {column: part.droplevel(0)[column].to_dict() for column in part}
            for method, part in curves.groupby(level=0)
        },
        "infidelity_median": infidelity.dropna().to_dict(),
    }


def silenced(adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Regulators of the response, and the strongest members, against random genes of like expression."""
    there = [gene for gene in SILENCED if gene in adata.var_names]
    strongest = model.get_loadings()[PROGRAM].nlargest(len(there)).index.tolist()
    adata.obs["kind"] = adata.obs["cell_type"].astype(str) + " " + adata.obs["condition"].astype(str)
    cells = adata[adata.obs["cell_type"] == "CD14 Mono"].copy()
    rows = {}
    for name, genes in {"regulators": there, "strongest members": strongest}.items():
        cr.tl.knockdown(cells, model, genes=genes, groupby="kind", n_random=50, max_cells=200)
        row = cr.get.knockdown_df(cells, "CD14 Mono stim").set_index("program").loc[PROGRAM]
        rows[name] = {"genes": genes} | {column: round(float(row[column]), 3) for column in row.index[1:]}
    return rows


def breadths(adata: ad.AnnData, model: cr.ProgramVAE) -> dict:
    """Breadth in the average cell against the exact one, stimulated against control in each cell type."""
    kind = (adata.obs["cell_type"].astype(str) + "|" + adata.obs["condition"].astype(str)).to_numpy()
    sizes = pd.Series(kind).value_counts()
    kept = np.flatnonzero(np.isin(kind, sizes.index[sizes >= 25]))
    groups = np.unique(kind[kept]).tolist()
    exact = model.get_attributions(adata, kept, method="contributions", groups=kind[kept])
    rough = model.get_attributions(adata, kept, method="contributions", groups=kind[kept], statistic="average_cell")
    # of a program's own genes
    member, ratio, found = model.prior.toarray() != 0, [], {}
    for cell_type in sorted({name.split("|")[0] for name in groups}):
        pair = [groups.index(f"{cell_type}|{side}") for side in ("stim", "ctrl") if f"{cell_type}|{side}" in groups]
        if len(pair) < 2:
            continue
        values, near = (np.where(member, array[pair[0]] - array[pair[1]], 0) for array in (exact, rough))
        ratio += [breadth(near[:, p]) / breadth(values[:, p]) for p in range(values.shape[1])]
        found[cell_type] = round(breadth(values[:, list(model.program_names).index(PROGRAM)]), 1)
    quantiles = {str(q): round(float(np.quantile(ratio, q)), 2) for q in (0.05, 0.5, 0.95)}
    return {"ratio_to_exact_quantiles": quantiles, "interferon_gamma": found}


def draw(results: dict) -> mpl.figure.Figure:
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.4), layout="constrained", width_ratios=[1, 1, 1.1])
    curves = results["kang"]["faithfulness"]["curves"]
    colours = dict(zip(curves, [*mpl.colormaps["tab10"].colors], strict=False)) | {"random order": "black"}
    for ax, column in zip(axes, ("deletion", "insertion"), strict=False):
        for method, part in curves.items():
            style = "--" if method in ("loadings", "random order") else "-"
            ax.plot(
                list(map(int, part[column])), list(part[column].values()), style, color=colours[method], label=method
            )
        ax.set(xscale="log", xlabel="genes", ylabel="share of the activity", title=column)
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize=7, frameon=False)
    agreement = pd.DataFrame(results["kang"]["agreement_rbo"])
    axes[2].imshow(agreement, cmap="Blues", vmin=0, vmax=1)
    axes[2].set_xticks(range(len(agreement)), agreement.columns, rotation=90, fontsize=7)
    axes[2].set_yticks(range(len(agreement)), agreement.index, fontsize=7)
    for (row, column), value in np.ndenumerate(agreement.to_numpy()):
        axes[2].text(column, row, f"{value:.2f}"[1:] if value < 1 else "", ha="center", va="center", fontsize=6)
    axes[2].set_title("rank-biased overlap", fontsize=10)
    return figure


PARTS = {"exactness": exactness, "speed": speed, "estimates": estimates, "truth": truth, "kang": interferon}


def main() -> None:
    options = parser("attribution")
    options.add_argument("--only", choices=tuple(PARTS), help="one part; the others keep their stored results")
    args = options.parse_args()
    mpl.use("agg")
    quiet()
    stored = RESULTS / "attribution.json"
    results = json.loads(stored.read_text()) if args.only and stored.exists() else {}
    results["versions"] = versions("scvi-tools", "torch", "captum")
    for name in [args.only] if args.only else PARTS:
        results[name], seconds = seconds_of(lambda name=name: PARTS[name](args))
        print(name, f"{seconds:.0f} s", json.dumps(results[name]), flush=True)
        if not args.quick:
            write(results, "attribution", args)
    if "kang" in results:
        save(draw(results), "attribution", args)


if __name__ == "__main__":
    main()
