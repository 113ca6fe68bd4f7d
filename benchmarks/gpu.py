"""How fast is it on a GPU, and how close to what the memory's bandwidth allows?

A million random cells x 2,000 genes with 300 random sets of 50 genes, all counts on the device: seconds of a training
epoch at two sizes of minibatch, seconds of the activities of all cells with standard deviations and of the mean
attributions of ten groups, peak memory on the device, and the share of the time that moving the bytes alone would take.

    python benchmarks/gpu.py                         # needs CUDA; writes benchmarks/results/gpu.json
    python benchmarks/gpu.py --n-cells 200000        # fewer cells
    python benchmarks/gpu.py --quick --device cpu    # a small check without CUDA that writes nothing

All cells train, so that nothing is validated; an epoch is the median of those after the first. The bytes of a minibatch
are a lower bound: with every matrix written once and read once by each product, sum and derivative that needs it,

    4 (11 genes x cells + 9 programs x genes + 8 parameters) + 28 counts that are not zero

* genes x cells: the standardised counts are written, read by read-out and context network, and by the derivatives of
  their weights (5); the log rates are written, read for their sum, read for the likelihood, whose derivative is written
  and read by the derivatives of loadings and activities (6);
* programs x genes, read-out and loadings as dense matrices: each written, read, its derivative written and read, and
  the loadings read once more by the derivative of the activities (9);
* parameters: the gradient is written; Adam reads parameter, gradient and two moments, and writes three of them (8);
* counts: gene and value are read (8 bytes), cell, gene and value are written (20).

What ``train`` does after its last epoch is timed apart. Activities start from counts in the computer's memory, which go
to the device first. Exact attributions of the refined activity are timed on fewer cells, as their cost is linear in
cells; those that are estimated are of all cells.
Results are written after each step, so that a run that is cut short leaves what it measured. Bandwidth is that of
copying 1 GiB on the device, bytes read and written.
"""

from __future__ import annotations

import json
import math
import sys
import time

import numpy as np
import torch
from _common import parser, quiet, versions, write
from scaling import random_cells
from training import EpochClock

import crystallin as cr

N_CELLS, N_GENES, N_PROGRAMS, SHARE_NOT_ZERO = 1_000_000, 2_000, 300, 0.06
QUICK = (3_000, 400, 30, SHARE_NOT_ZERO)
BATCH_SIZES, N_EPOCHS = (1_024, 4_096), 4
# target, method, cells to time it on (None for all), and largest standard error (None for exact means)
ATTRIBUTIONS = (
    ("encoder", "integrated_gradients", None, None),
    ("activity", "contributions", 20_000, None),
    ("activity", "integrated_gradients", 4_000, None),
    ("activity", "integrated_gradients", None, 0.02),
)
N_GROUPS = 10


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def bandwidth(device: str, n_bytes: int) -> float:
    """Bytes per second, read and written, of a copy on the device."""
    source = torch.ones(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(12):
        synchronise(device)
        start = time.perf_counter()
        target.copy_(source)
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return 2 * n_bytes / float(np.median(seconds[2:]))


def bytes_of_minibatch(n_cells: int, n_genes: int, n_programs: int, n_parameters: int, n_not_zero: float) -> float:
    return 4 * (11 * n_genes * n_cells + 9 * n_programs * n_genes + 8 * n_parameters) + 28 * n_not_zero


def peak_gb(device: str) -> float | None:
    if device != "cuda":
        return None
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return round(peak, 2)


def measure(model: cr.ProgramVAE, batch_size: int, device: str, per_second: float) -> dict:
    adata, clock = model.adata, EpochClock()
    peak_gb(device)
    accelerator = "gpu" if device == "cuda" else "cpu"
    model.train(
        max_epochs=1 + N_EPOCHS,
        batch_size=batch_size,
        train_size=1.0,
        accelerator=accelerator,
        devices=1,
        callbacks=[clock],
        enable_progress_bar=False,
    )
    after_epochs, training_gb = time.perf_counter() - clock.end, peak_gb(device)
    model.to_device("cuda:0" if device == "cuda" else "cpu")
    activity = []
    for _ in range(2):
        synchronise(device)
        start = time.perf_counter()
        model.get_activity(return_sd=True, batch_size=batch_size)
        synchronise(device)
        activity.append(time.perf_counter() - start)
    epoch = float(np.median(clock.seconds[1:]))
    n_minibatches = math.ceil(adata.n_obs / batch_size)
    moved = bytes_of_minibatch(
        batch_size,
        adata.n_vars,
        adata.varm["programs"].shape[1],
        sum(parameter.numel() for parameter in model.module.parameters()),
        batch_size * adata.X.nnz / adata.n_obs,
    )
    return {
        "batch_size": batch_size,
        "seconds_per_epoch": round(epoch, 3),
        "milliseconds_per_minibatch": round(1e3 * epoch / n_minibatches, 3),
        "mb_per_minibatch": round(moved / 1e6, 1),
        "share_of_bandwidth": round(moved / per_second / (epoch / n_minibatches), 3),
        "peak_gb_training": training_gb,
        "seconds_after_epochs": round(after_epochs, 2),
        "epochs_of_last_stage": len(model.history.get("reconstruction_loss_posterior", ())),
        "seconds_activity_with_sd": round(activity[1], 2),
        "seconds_activity_with_sd_first": round(activity[0], 2),
        "peak_gb_activity": peak_gb(device),
    }


def measure_attributions(
    model: cr.ProgramVAE,
    batch_size: int,
    device: str,
    target: str,
    method: str,
    n: int | None,
    tolerance: float | None,
) -> dict:
    n_cells = model.adata.n_obs if n is None else min(n, model.adata.n_obs)
    groups = np.arange(n_cells) % N_GROUPS
    synchronise(device)
    start = time.perf_counter()
    model.get_attributions(
        indices=np.arange(n_cells),
        groups=groups.astype(str),
        target=target,
        method=method,
        tolerance=tolerance,
        batch_size=batch_size,
    )
    synchronise(device)
    seconds = time.perf_counter() - start
    return {
        "target": target,
        "method": method,
        "cells": n_cells,
        "tolerance": tolerance,
        "batch_size": batch_size,
        "seconds": round(seconds, 2),
        "milliseconds_per_cell": round(1e3 * seconds / n_cells, 4),
        "peak_gb": peak_gb(device),
    }


def tell(row: dict) -> None:
    print(json.dumps(row), flush=True)


def main() -> None:
    options = parser("gpu")
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options.add_argument("--n-cells", type=int, default=N_CELLS)
    args = options.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("No CUDA device here. This benchmark needs one; to check the script: --quick --device cpu.")
    if args.device == "cpu" and not args.quick:
        sys.exit("On a CPU this benchmark says nothing; --device cpu is for --quick only.")
    quiet()
    size = QUICK if args.quick else (args.n_cells, N_GENES, N_PROGRAMS, SHARE_NOT_ZERO)
    start = time.perf_counter()
    adata = random_cells(*size, args.device)
    print(f"made {adata.n_obs:,} cells in {time.perf_counter() - start:.0f} s", flush=True)
    per_second = bandwidth(args.device, 2**30 if args.device == "cuda" else 2**26)
    results: dict = {
        "versions": versions("scvi-tools", "lightning", "torch"),
        "device": torch.cuda.get_device_name() if args.device == "cuda" else "cpu",
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "programs": adata.varm["programs"].shape[1],
        "share_of_counts_not_zero": round(adata.X.nnz / (adata.n_obs * adata.n_vars), 3),
        "counts_gb": round(8 * adata.X.nnz / 1e9, 2),
        "copy_gb_per_second": round(per_second / 1e9, 1),
        "runs": [],
        "attributions": [],
    }
    cr.ProgramVAE.setup_anndata(adata)
    for batch_size in BATCH_SIZES:
        model = cr.ProgramVAE(adata)
        results["runs"].append(measure(model, batch_size, args.device, per_second))
        tell(results["runs"][-1])
        write(results, "gpu", args)
    for work in ATTRIBUTIONS:
        results["attributions"].append(measure_attributions(model, 1_024, args.device, *work))
        tell(results["attributions"][-1])
        write(results, "gpu", args)


if __name__ == "__main__":
    main()
