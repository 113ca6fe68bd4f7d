"""Training on several devices, with two processes on the CPU."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch

import crystallin as cr
from crystallin.model._replicas import make_alike, total_over

# each process writes what it sees; 400 training cells, so that both get the same number
SCRIPT = """
import json, os, sys
from pathlib import Path
import anndata
import lightning.pytorch as pl
import crystallin as cr

folder = Path(sys.argv[1])


class Write(pl.Callback):
    def on_train_batch_start(self, trainer, plan, *_):
        if trainer.global_step == 0 and plan.stage == "Training":
            self.start = {name: value.double().sum().item() for name, value in plan.module.state_dict().items()}

    def on_train_epoch_end(self, trainer, plan):
        seen = {"start": self.start, "end": plan.module.decoder.loadings.double().sum().item()}
        seen["metrics"] = {name: value.item() for name, value in trainer.callback_metrics.items()}
        (folder / f"{trainer.global_rank}.json").write_text(json.dumps(seen))


adata = anndata.read_h5ad(folder / "adata.h5ad")
cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
model = cr.ProgramVAE(adata, n_unannotated=2)
model.train(
    max_epochs=2, posterior_epochs=1, train_size=0.8, accelerator="cpu", devices=2, strategy="ddp",
    checkpoint=folder / "run.ckpt", callbacks=[Write()],
)
result = {"digest": model.digest, "free": len(model.free_names)}
result["history"] = {name: len(values) for name, values in model.history.items()}
(folder / f"result{os.environ['LOCAL_RANK']}.json").write_text(json.dumps(result))
"""


class Start(pl.Callback):
    """Sums of the weights with which the first stage starts."""

    def on_train_batch_start(self, trainer, plan, *_):
        if trainer.global_step == 0 and plan.stage == "Training":
            self.sums = {name: value.double().sum().item() for name, value in plan.module.state_dict().items()}


def test_more_processes_than_cells_are_refused(adata):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    parts = [[0, 1, 2], [3, 4], list(range(5, adata.n_obs))]
    with pytest.raises(ValueError, match=r"devices=4 makes 4 processes, but there are 3 training cells"):
        model.train(accelerator="cpu", devices=4, datasplitter_kwargs={"external_indexing": parts})


def test_replicas_start_and_stay_alike(adata, tmp_path):
    adata.write_h5ad(tmp_path / "adata.h5ad")
    (tmp_path / "script.py").write_text(SCRIPT)
    folder = tmp_path / "work"
    folder.mkdir()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    # from all cells, as a single process starts from them; sums are added up in another order
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    alone, start = cr.ProgramVAE(adata, n_unannotated=2), Start()
    alone.train(max_epochs=1, posterior_epochs=1, train_size=0.8, callbacks=[start])
    for name, value in start.sums.items():
        assert first["start"][name] == pytest.approx(value, rel=1e-5, abs=1e-4), name
    # after both stages, and with the best weights of the first
    first, second = (json.loads((tmp_path / f"result{rank}.json").read_text()) for rank in (0, 1))
    assert first["digest"] == second["digest"] and first["free"] == second["free"] == len(alone.free_names) > 0
    assert first["history"]["elbo_validation"] == 2 and first["history"]["reconstruction_loss_posterior"] == 1
    assert not (tmp_path / "run.ckpt").exists() and not list(folder.iterdir())
    assert done.stdout == ""


def test_sums_over_replicas_are_not_means():
    """Metrics are per cell: the mean of two replicas' means is wrong if they have different numbers of cells."""
    other = torch.tensor([10.0, 1.0])
    strategy = SimpleNamespace(
        root_device=torch.device("cpu"), reduce=lambda x, reduce_op: x + other if reduce_op == "sum" else None
    )
    total, n_cells = total_over(SimpleNamespace(world_size=2, strategy=strategy))(torch.tensor([2.0, 3.0]))
    assert total / n_cells == 3
    alone = torch.tensor([2.0, 3.0])
    assert total_over(SimpleNamespace(world_size=1, strategy=strategy))(alone) is alone
    make_alike(torch.nn.Linear(1, 1), SimpleNamespace(world_size=1))
