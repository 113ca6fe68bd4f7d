"""What does an epoch cost, against a bare loop of the same network and against scvi-tools' LinearSCVI?

Simulated cells x 2,000 genes with 200 programs, minibatches of 128 and of 1,024 cells, at a realistic share of counts
that are not zero and at a large one. Each method runs in a process of its own; the processes take turns, an epoch each,
so that they meet the same machine. One epoch to warm up, then the median of five.

    python benchmarks/training.py            # writes benchmarks/results/training.json
    python benchmarks/training.py --quick    # a small check that writes nothing

* ProgramVAE: ``train`` with its defaults: nine tenths of the cells for training, and the rest for a validation that is
  part of the epoch's time. What ``train`` does after its last epoch is timed apart.
* LinearSCVI: ``scvi.model.LinearSCVI(n_latent=200).train``, which uses as many cells and does not validate.
* floor: the network of ProgramVAE on as many cells, whose minibatches are cut once and come in a new order in each
  epoch: loss, gradient, fused Adam and the sign constraint, without validation and logging.

Epochs are timed from the start of one to the start of the next. Activities with standard deviations are those of all
cells, training and validation. Peak memory is that of the whole process, Python and torch among it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import anndata as ad
import lightning.pytorch as pl
import numpy as np
import scvi
import torch
from _common import parser, quiet, versions, write

import crystallin as cr
from crystallin.model._resident import resident_cells

METHODS = ("floor", "LinearSCVI", "ProgramVAE")
N_EPOCHS = 5
BARS = {"ProgramVAE_over_floor": 1.3, "LinearSCVI_over_ProgramVAE": 2.0}
# depth: median counts of a cell over the genes, of which the share of counts that are not zero follows
FULL = [
    {"n_obs": n_obs, "n_vars": 2_000, "depth": depth, "batch_size": batch_size}
    for n_obs, depth in ((10_000, 220), (10_000, 10_000), (50_000, 220))
    for batch_size in (128, 1_024)
]
QUICK = [
    {"n_obs": 2_000, "n_vars": 500, "depth": depth, "batch_size": batch_size}
    for depth, batch_size in ((60, 128), (60, 1_024))
]


def peak_mb() -> int:
    """Largest memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss is not enough on Linux: a process inherits that of the one that started it
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) * 1024 / 1e6)
    # bytes on macOS
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def counts_mb(adata: ad.AnnData) -> int:
    """Memory of the counts, sparse."""
    return round((adata.X.data.nbytes + adata.X.indices.nbytes + adata.X.indptr.nbytes) / 1e6)


def is_second_stage(plan: pl.LightningModule) -> bool:
    """Whether this is the last stage of a ProgramVAE's training; other models have one stage."""
    return getattr(plan, "stage", None) == "Posterior stage"


class EpochClock(pl.Callback):
    """Seconds of each epoch of the first stage, from its start to the start of the next or the end of the stage.

    ``before`` is called before each epoch and before what follows the last one, ``after``, with the seconds, after each
    epoch; neither counts.
    """

    def __init__(
        self, before: Callable[[], object] = lambda: None, after: Callable[[float], object] = lambda _: None
    ) -> None:
        self.before, self.after = before, after
        self.seconds: list[float] = []
        self.end, self.peak_mb = 0.0, 0
        self._start: float | None = None

    def on_train_epoch_start(self, _: pl.Trainer, plan: pl.LightningModule) -> None:
        if is_second_stage(plan):
            return
        self._stop()
        self.before()
        self._start = time.perf_counter()

    def on_train_end(self, _: pl.Trainer, plan: pl.LightningModule) -> None:
        if is_second_stage(plan):
            return
        self._stop()
        self.before()
        self.end, self.peak_mb = time.perf_counter(), peak_mb()

    def _stop(self) -> None:
        if self._start is None:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._start)
        self.after(self.seconds[-1])


def tell(**words: object) -> None:
    print(json.dumps(words), flush=True)


def wait() -> None:
    if not sys.stdin.readline():
        sys.exit("The process that deals out the turns has ended.")


def train_crystallin(adata: ad.AnnData, batch_size: int) -> dict:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    clock = EpochClock(wait, lambda seconds: tell(seconds=seconds))
    model.train(max_epochs=1 + N_EPOCHS, batch_size=batch_size, callbacks=[clock], enable_progress_bar=False)
    trained = time.perf_counter()
    after_epochs = trained - clock.end
    model.get_activity(return_sd=True)
    return {
        "peak_mb": clock.peak_mb,
        "peak_mb_with_activity": peak_mb(),
        "seconds_after_epochs": round(after_epochs, 2),
        "epochs_of_last_stage": len(model.history.get("reconstruction_loss_posterior", ())),
        "seconds_activity_with_sd": round(time.perf_counter() - trained, 2),
    }


def train_linear(adata: ad.AnnData, batch_size: int) -> dict:
    scvi.model.LinearSCVI.setup_anndata(adata)
    model = scvi.model.LinearSCVI(adata, n_latent=adata.varm["programs"].shape[1])
    clock = EpochClock(wait, lambda seconds: tell(seconds=seconds))
    model.train(max_epochs=1 + N_EPOCHS, batch_size=batch_size, callbacks=[clock], enable_progress_bar=False)
    return {"peak_mb": clock.peak_mb}


def train_bare(adata: ad.AnnData, batch_size: int) -> dict:
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = model.module.to(device)
    cells = resident_cells(model.adata_manager, device)
    rng = np.random.default_rng(0)
    order = rng.permutation(adata.n_obs)[: int(0.9 * adata.n_obs)]
    minibatches = [cells[order[start : start + batch_size]] for start in range(0, len(order), batch_size)]
    module.start_from(minibatches)
    module.train()
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3, fused=True)
    for _ in range(1 + N_EPOCHS):
        wait()
        start = time.perf_counter()
        for i in rng.permutation(len(minibatches)):
            # a copy: what was derived from the counts in the last epoch is derived again
            tensors = {**minibatches[i], "X": replace(minibatches[i]["X"])}
            loss = module.training_loss(tensors).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            module.decoder.project_()
        if device.type == "cuda":
            torch.cuda.synchronize()
        tell(seconds=time.perf_counter() - start)
    wait()
    return {"peak_mb": peak_mb()}


def one(setting: dict) -> None:
    """One method in this process: waits for a line before each epoch, and says how long the epoch took."""
    quiet()
    adata = ad.read_h5ad(setting["path"])
    before = peak_mb()
    work = {"ProgramVAE": train_crystallin, "LinearSCVI": train_linear, "floor": train_bare}[setting["method"]]
    tell(peak_mb_before=before, **work(adata, setting["batch_size"]))


def ask(child: subprocess.Popen) -> dict:
    """Give a child its turn, and hear what it says; lines that are not JSON are other packages' words."""
    child.stdin.write("go\n")
    child.stdin.flush()
    for line in child.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError("A process ended before it was done; its error is above.")


def take_turns(path: Path, batch_size: int) -> dict[str, dict]:
    children, seconds = {}, {method: [] for method in METHODS}
    for method in METHODS:
        setting = json.dumps({"method": method, "path": str(path), "batch_size": batch_size})
        children[method] = subprocess.Popen(
            [sys.executable, __file__, "--one", setting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    last = {}
    try:
        for _ in range(1 + N_EPOCHS):
            for method, child in children.items():
                seconds[method].append(ask(child)["seconds"])
        # one after the other, each gone before the next
        for method, child in children.items():
            last[method] = ask(child)
            child.wait()
    finally:
        for child in children.values():
            child.kill()
            child.wait()
            child.stdin.close()
    rows = {}
    for method, row in last.items():
        timed = seconds[method][1:]
        rows[method] = {
            "seconds_per_epoch": round(float(np.median(timed)), 3),
            "seconds_of_epochs": [round(value, 3) for value in timed],
            **row,
        }
    return rows


def measure(setting: dict, adata: ad.AnnData, path: Path) -> dict:
    rows = take_turns(path, setting["batch_size"])
    epoch = {method: row["seconds_per_epoch"] for method, row in rows.items()}
    result = {
        "cells": adata.n_obs,
        "genes": adata.n_vars,
        "programs": adata.varm["programs"].shape[1],
        "batch_size": setting["batch_size"],
        "share_of_counts_not_zero": round(adata.X.nnz / (adata.n_obs * adata.n_vars), 3),
        "share_of_edges": round(adata.varm["programs"].nnz / np.prod(adata.varm["programs"].shape), 4),
        "counts_mb": counts_mb(adata),
        "methods": rows,
        "ProgramVAE_over_floor": round(epoch["ProgramVAE"] / epoch["floor"], 2),
        "LinearSCVI_over_ProgramVAE": round(epoch["LinearSCVI"] / epoch["ProgramVAE"], 2),
        "activity_over_epoch": round(rows["ProgramVAE"]["seconds_activity_with_sd"] / epoch["ProgramVAE"], 2),
    }
    print(json.dumps(result), flush=True)
    return result


def main() -> None:
    options = parser("training")
    options.add_argument("--one", type=json.loads, help="used by the script itself")
    args = options.parse_args()
    if args.one:
        one(args.one)
        return
    quiet()
    results: dict = {
        "versions": versions("scvi-tools", "lightning", "torch"),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "bars": BARS,
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5ad"
        for data, settings in groupby(
            QUICK if args.quick else FULL, lambda s: {key: value for key, value in s.items() if key != "batch_size"}
        ):
            simulated = cr.datasets.simulate(**data)
            adata = ad.AnnData(simulated.X, obs=simulated.obs[[]], var=simulated.var[[]])
            cr.pp.add_programs(adata, simulated.uns["simulation"]["annotation"])
            adata.write_h5ad(path)
            for setting in settings:
                results["runs"].append(measure(setting, adata, path))
                write(results, "training", args)


if __name__ == "__main__":
    main()
