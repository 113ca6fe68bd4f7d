"""Planted data, and one model trained on them for the whole session."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import hypothesis
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import crystallin as cr
from crystallin._keys import KINDS, TOTAL, Keys

from . import _audit, _mapped
from ._contents import changed, contents

mpl.use("agg")
# Tests compare to the bit, and build tensors on the CPU: a GPU is for tests/model/test_cuda.py, if asked for.
if os.environ.get("CRYSTALLIN_TEST_CUDA") != "1":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
# a busy machine is no failure
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

N_CELLS, N_GENES, N_PROGRAMS = 500, 240, 8


@dataclass(frozen=True)
class Planted:
    """Counts with known activities: ``log rate = b + z W``, negative binomial."""

    adata: AnnData
    activity: np.ndarray
    sets: dict[str, list[str]]


def plant(seed: int = 0, n_cells: int = N_CELLS) -> Planted:
    rng = np.random.default_rng(seed)
    cell_type = rng.integers(0, 3, n_cells)
    z = rng.normal(0, 0.7, (n_cells, N_PROGRAMS)) + rng.normal(0, 0.7, (3, N_PROGRAMS))[cell_type]
    z = (z - z.mean(0)) / z.std(0)
    loadings = np.zeros((N_PROGRAMS, N_GENES))
    sets = {}
    for program in range(N_PROGRAMS):
        members = rng.choice(N_GENES, rng.integers(12, 20), replace=False)
        loadings[program, members] = rng.uniform(0.3, 0.9, len(members))
        # a slash in a name must survive every format
        sets[f"Program/{program}"] = [f"g{i}" for i in members]
    log_rate = rng.normal(0, 0.8, N_GENES) + z @ loadings
    rate = np.exp(log_rate - log_rate.max(1, keepdims=True))
    rate *= rng.lognormal(np.log(1500), 0.3, (n_cells, 1)) / rate.sum(1, keepdims=True)
    counts = rng.poisson(rng.gamma(10, rate / 10)).astype(np.float32)
    # every gene is seen somewhere
    counts[rng.integers(0, n_cells, N_GENES), np.arange(N_GENES)] += 1
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([f"type {i}" for i in cell_type]),
            "batch": pd.Categorical(rng.choice(["one", "two"], n_cells)),
            "age": rng.normal(50, 10, n_cells),
        },
        index=[f"cell{i}" for i in range(n_cells)],
    )
    adata = AnnData(sparse.csr_matrix(counts), obs=obs)
    adata.var_names = [f"g{i}" for i in range(N_GENES)]
    return Planted(adata, z, sets)


@pytest.fixture(scope="session")
def _planted() -> Planted:
    return plant()


@pytest.fixture
def planted(_planted: Planted) -> Planted:
    """Planted data; each test gets its own copy."""
    return Planted(_planted.adata.copy(), _planted.activity, _planted.sets)


@pytest.fixture
def adata(planted: Planted) -> AnnData:
    """Planted counts with programs and decoys added, not yet registered."""
    cr.pp.add_programs(planted.adata, planted.sets, n_decoys=N_PROGRAMS)
    return planted.adata


@pytest.fixture(scope="session")
def _trained(_planted: Planted):
    adata = _planted.adata.copy()
    cr.pp.add_programs(adata, _planted.sets, n_decoys=N_PROGRAMS)
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=150, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata, model


@pytest.fixture(scope="session")
def model(_trained):
    """A trained model; do not train or change it."""
    return _trained[1]


@pytest.fixture
def result(_trained) -> AnnData:
    """A copy of the trained model's data with activities and loadings."""
    return _trained[0].copy()


@pytest.fixture(scope="session")
def _freed(_planted: Planted):
    adata = _planted.adata.copy()
    # nothing explains the other programs
    cr.pp.add_programs(adata, dict(list(_planted.sets.items())[:4]), n_decoys=2)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, n_unannotated=2)
    model.train(max_epochs=20, enable_progress_bar=False)
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata, model


@pytest.fixture
def freed_model(_freed):
    """A trained model with two free programs; do not train or change it."""
    return _freed[1]


@pytest.fixture
def freed(_freed) -> AnnData:
    """A copy of this model's data with activities and loadings."""
    return _freed[0].copy()


@dataclass(frozen=True)
class Lacking:
    """Cells whose programs lack members and hold wrong ones, with a trained model.

    ``missing`` and ``wrong`` are (program, gene); ``whole`` has more genes, of which ``outside`` are members as well.
    """

    adata: AnnData
    model: cr.ProgramVAE
    whole: AnnData
    missing: set[tuple[str, str]]
    wrong: set[tuple[str, str]]
    outside: set[tuple[str, str]]


@pytest.fixture(scope="session")
def _lacking() -> Lacking:
    planted = plant(seed=3, n_cells=1_000)
    whole = planted.adata
    whole.obs["donor"] = [f"d{i % 7}" if i > 9 else "few" for i in range(whole.n_obs)]
    rng = np.random.default_rng(0)
    members = {name: sorted(genes, key=lambda gene: int(gene[1:])) for name, genes in planted.sets.items()}
    everyone = {gene for genes in members.values() for gene in genes}
    nowhere = [gene for gene in whole.var_names if gene not in everyone]
    # a gene of each of three programs is not in the panel
    left_out = {members[f"Program/{i}"][0]: f"Program/{i}" for i in range(3)}
    panel = [gene for gene in whole.var_names if gene not in left_out]
    sets, missing, wrong = {}, set(), set()
    for i, (name, genes) in enumerate(members.items()):
        dropped = genes[-3:]
        added = nowhere[2 * i : 2 * i + 2]
        sets[name] = [gene for gene in genes if gene not in dropped] + added
        missing |= {(name, gene) for gene in dropped if gene in panel}
        wrong |= {(name, gene) for gene in added}
    adata = whole[:, rng.permutation(panel)].copy()
    cr.pp.add_programs(adata, sets)
    cr.pp.screen_programs(adata, n_null=200)
    adata.uns["programs"]["table"]["awake"] = True
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=100, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
    cr.tl.activity(adata, model)
    outside = {(name, gene) for gene, _ in left_out.items() for name, genes in members.items() if gene in genes}
    return Lacking(adata, model, whole, missing, wrong, outside)


@pytest.fixture
def lacking(_lacking: Lacking) -> Lacking:
    """Programs that lack members; each test gets its own copy of the data. Do not train or change the model."""
    return replace(_lacking, adata=_lacking.adata.copy())


@pytest.fixture(scope="session")
def audited():
    """``audited()``: random counts with programs and an audit of them."""
    return _audit.audited


@pytest.fixture(scope="session")
def audit_of():
    """``audit_of(adata)``: an audit of the programs in ``adata``, as ``uns`` holds it."""
    return _audit.audit_of


@pytest.fixture(scope="session")
def mapped():
    """``mapped()``: cells without counts, as a query that was mapped."""
    return _mapped.mapped


@pytest.fixture(scope="session")
def add_map():
    """``add_map(adata)`` writes what crystallin.map writes."""
    return _mapped.add_map


@pytest.fixture
def exchanged():
    """A copy in which the two readings of the activities have changed places."""

    def exchange(adata: AnnData) -> AnnData:
        adata = adata.copy()
        unique, total = (Keys("programs").of_kind(kind) for kind in KINDS)
        for one, other in zip(unique, total, strict=True):
            adata.obsm[one], adata.obsm[other] = adata.obsm[other], adata.obsm[one]
        return adata

    return exchange


@pytest.fixture
def earlier():
    """A copy without total activities, as version 0.1.0 wrote it."""

    def without(adata: AnnData) -> AnnData:
        adata = adata.copy()
        for slot in Keys("programs").of_kind(TOTAL):
            del adata.obsm[slot]
        return adata

    return without


@pytest.fixture
def quick(adata):
    """Registered data and a model trained for a moment, to be changed at will."""

    def train(data: AnnData = adata, *, setup: dict | None = None, epochs: int = 2, **kwargs):
        cr.ProgramVAE.setup_anndata(data, **(setup or {}))
        model = cr.ProgramVAE(data, **kwargs)
        model.train(max_epochs=epochs, enable_progress_bar=False)
        return model

    return train


@pytest.fixture
def changes():
    """``since = changes(adata)``; later ``since()`` names the places that came, went or hold something else."""

    def start(adata: AnnData) -> Callable[[], set[str]]:
        before = contents(adata)
        return lambda: changed(before, contents(adata))

    return start


@pytest.fixture
def differences():
    """``differences(a, b)`` names the places where two AnnData hold something else."""
    return lambda a, b: changed(contents(a), contents(b))


@pytest.fixture
def silent(pytestconfig):
    """``with silent():`` every warning is an error, whatever pytest was told, except those listed in pyproject.toml."""

    @contextmanager
    def strict(*others: str) -> Iterator[None]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for line in pytestconfig.getini("filterwarnings"):
                action, _, rest = line.partition(":")
                if action == "ignore":
                    warnings.filterwarnings("ignore", message=rest.split(":")[0])
            for message in others:
                warnings.filterwarnings("ignore", message=message)
            yield

    return strict
