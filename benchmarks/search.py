"""Which defaults of the training fit best, and what do they cost in recovery, calibration and agreement?

Data: 700 and 2,800 real cells (embedded PBMC with the immune collection, Kang with Hallmark and with Reactome), and
simulated cells of both arms (4,000 x 1,000, 50 + 50 sets; log-additive also 50,000 x 1,000, with some of the settings).
Settings: a first stage of 2,000 instead of 500 steps, and the second stage left out or not ended when it has converged.

    python benchmarks/search.py            # writes benchmarks/results/search.json

* marginal: minus the held-out marginal log-likelihood per cell (lower is better), by the Laplace approximation at the
  mode: unlike the evidence lower bound it does not depend on how good the encoder is.
* r between two seeds (which also differ in their training cells), median and 10th percentile over programs.
* simulated data: r with the truth as a share of the oracle's, and coverage of 90 % intervals minus .90.
"""

from __future__ import annotations

import json
import math
import time

import anndata as ad
import numpy as np
import torch
from _common import DATA, RESULTS, parser, quiet, versions, write
from kang import COLLECTIONS, MIN_GENES, variable_genes

import crystallin as cr
from crystallin.model._resident import resident_cells
from crystallin.model._settings import DEFAULT_BATCH_SIZE, default_posterior_epochs
from crystallin.nn import precision_cholesky, refine, shared_genes

SETTINGS = {
    "default": {},
    "first stage of 2,000 steps": {"first_steps": 2_000},
    "second stage not stopped": {"early_stopping": False},
    "no second stage": {"posterior_epochs": 0},
    "no second stage, first stage of 2,000 steps": {"posterior_epochs": 0, "first_steps": 2_000},
}

ON_LARGE = ("default", "first stage of 2,000 steps", "no second stage")


def data() -> dict[str, ad.AnnData]:
    small = cr.datasets.pbmc68k()
    small.X = small.layers["counts"]
    cr.pp.add_programs(small, "immune", min_genes=3)
    sets = {"pbmc68k": small}
    if DATA.is_dir():
        kang = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
        for title, file in COLLECTIONS.items():
            sets[f"Kang, {title}"] = kang.copy()
            cr.pp.add_programs(sets[f"Kang, {title}"], DATA / "genesets" / file, min_genes=MIN_GENES)
    for arm in ("log-additive", "additive-rate"):
        simulated = cr.datasets.simulate(4_000, 1_000, arm=arm, n_programs=50, n_decoys=50)
        cr.pp.add_programs(simulated, simulated.uns["simulation"]["annotation"])
        sets[arm] = simulated
    large = cr.datasets.simulate(50_000, 1_000, n_programs=50, n_decoys=50)
    cr.pp.add_programs(large, large.uns["simulation"]["annotation"])
    sets["log-additive, 50,000 cells"] = large
    return sets


@torch.inference_mode()
def marginal(model: cr.ProgramVAE) -> float:
    """Minus the log marginal likelihood of a validation cell, by Laplace's approximation."""
    module, total = model.module, 0.0
    weight = module.decoder.weight()
    shared, resident = shared_genes(weight.dense()), resident_cells(model.adata_manager, model.device)
    for tensors in resident.loader(model.validation_indices, 250, shuffle=False):
        cells, mean = module.posterior_start(tensors)
        point = refine(cells, mean, weight, module.average_cell(tensors).covariance, tolerance=1e-3)
        log_det = 2 * precision_cholesky(point.information, shared).diagonal(dim1=-2, dim2=-1).log().sum(-1)
        _, log_likelihood = module._log_likelihood(tensors, tensors["X"], point.z)
        total += (log_likelihood - 0.5 * point.z.square().sum(0) - 0.5 * log_det).sum().item()
    return -total / len(model.validation_indices)


def fit(adata: ad.AnnData, setting: dict, seed: int) -> tuple[cr.ProgramVAE, float]:
    setting = dict(setting)
    if first_steps := setting.pop("first_steps", None):
        # epochs that are given cut the second stage
        second = default_posterior_epochs(adata.n_obs, DEFAULT_BATCH_SIZE, None)
        steps_per_epoch = math.ceil(0.9 * adata.n_obs / DEFAULT_BATCH_SIZE)
        setting = {"max_epochs": math.ceil(first_steps / steps_per_epoch), "posterior_epochs": second, **setting}
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, random_state=seed)
    start = time.perf_counter()
    model.train(enable_progress_bar=False, **setting)
    return model, time.perf_counter() - start


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])


def measure(adata: ad.AnnData, setting: dict, oracle: np.ndarray | None) -> dict:
    runs = [fit(adata, setting, seed) for seed in (0, 1)]
    (activity, sd), (other, _) = (model.get_activity(return_sd=True) for model, _ in runs)
    between = correlations(activity, other)
    result = {
        "marginal": round(marginal(runs[0][0]), 2),
        "elbo": round(float(runs[0][0].history["elbo_validation"].min().iloc[0]), 2),
        "steps_of_last_stage": runs[0][0].trainer.global_step,
        "seconds": round(np.mean([seconds for _, seconds in runs]), 1),
        "r_between_seeds_median": round(float(np.median(between)), 3),
        "r_between_seeds_10th_percentile": round(float(np.quantile(between, 0.1)), 3),
    }
    if oracle is not None:
        dimensions, truth = adata.uns["simulation"]["dimensions"], adata.obsm["true_activity"]
        columns = [list(runs[0][0].program_names).index(name) for name in dimensions["program"]]
        best = np.median(correlations(truth, oracle))
        scaled = (truth - truth.mean(0)) / truth.std(0)
        inside = np.abs(scaled - activity[:, columns]) < 1.645 * sd[:, columns]
        result["r_of_oracle"] = round(float(np.median(correlations(truth, activity[:, columns])) / best), 3)
        result["coverage_of_90_minus_nominal"] = round(float(inside.mean()) - 0.9, 3)
    return result


def main() -> None:
    options = parser("search")
    options.add_argument("--only", nargs="*", help="names of data to use; the others' results are kept")
    args = options.parse_args()
    quiet()
    chosen, path = args.only, args.out or RESULTS / "search.json"
    results = json.loads(path.read_text()) if chosen and path.is_file() else {"data": {}}
    results["versions"] = versions("scvi-tools", "torch")
    for name, adata in data().items():
        if chosen and name not in chosen:
            continue
        oracle = cr.datasets.oracle_activity(adata)[0] if "simulation" in adata.uns else None
        rows = results["data"][name] = {}
        for label in ON_LARGE if adata.n_obs > 10_000 else SETTINGS:
            rows[label] = measure(adata, SETTINGS[label], oracle)
            print(name, label, json.dumps(rows[label]), flush=True)
            write(results, "search", args)


if __name__ == "__main__":
    main()
