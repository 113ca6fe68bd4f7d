"""What a user does, on a GPU as on the CPU: ``CRYSTALLIN_TEST_CUDA=1 pytest tests/model/test_cuda.py``.

Each test runs on the CPU too, which shows that the test itself is right. A GPU adds numbers in any order, so nothing is
compared to the bit.
"""

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

import crystallin as cr

DEVICES = [
    "cpu",
    pytest.param(
        "gpu",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device, or it was not asked for"),
    ),
]
TYPES = {"cpu": "cpu", "gpu": "cuda"}
SETTINGS = {"max_epochs": 3, "posterior_epochs": 2, "batch_size": 300, "plan_kwargs": {"lr": 0.01}}
PROGRAMS = ["Program/2", "Program/5"]

pytestmark = pytest.mark.parametrize("device", DEVICES)


@pytest.fixture
def train(adata):
    """Train a model on a device, with all that a model can be told about cells."""
    adata.obs["age"] = (adata.obs["age"] - 50) / 10
    cr.ProgramVAE.setup_anndata(
        adata, batch_key="batch", categorical_covariate_keys=["cell_type"], continuous_covariate_keys=["age"]
    )

    def on(device, **kwargs):
        model = cr.ProgramVAE(adata, n_unannotated=2)
        model.train(accelerator=device, **SETTINGS | kwargs)
        assert model.device.type == TYPES[device]
        return model

    return on


def assert_same_on_the_cpu(model, ask, atol):
    """``ask`` returns a tuple of arrays."""
    here = ask(model)
    model.to_device("cpu")
    for one, other in zip(here, ask(model), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, atol=atol)


def assert_alike(one, other, atol=2e-3):
    """Same weights, wherever they are: training carries rounding on, furthest where weights are hardly determined."""
    theirs = other.module.state_dict()
    for name, value in one.module.state_dict().items():
        np.testing.assert_allclose(value.cpu().numpy(), theirs[name].cpu().numpy(), atol=atol, err_msg=name)


def test_posterior(train, device):
    def ask(model):
        return *model.get_activity(return_sd=True), model.get_posterior_covariance().to_numpy()

    model = train(device)
    assert_same_on_the_cpu(model, ask, atol=1e-3)
    mean, sd = model.get_activity(return_sd=True)
    # no more than the prior's
    assert mean.shape == sd.shape == (500, 16) and (sd > 0).all() and (sd <= 1.0001).all()
    eigenvalues = np.linalg.eigvalsh(model.get_posterior_covariance().to_numpy(float))
    assert eigenvalues.min() > 0 and eigenvalues.max() <= 1.0001


def test_the_encoder_alone_and_samples(train, device):
    model = train(device)
    cells = range(40)
    assert_same_on_the_cpu(model, lambda model: (model.get_activity(refine=False),), atol=1e-3)
    model.to_device("cuda:0" if device == "gpu" else "cpu")
    mean, sd = model.get_activity(indices=cells, return_sd=True)
    samples = model.sample_activity(200, indices=cells)
    assert samples.shape == (200, 40, 16)
    # five standard errors of a mean of 200
    np.testing.assert_array_less(np.abs(samples.mean(0) - mean) / sd, 5 / np.sqrt(200) + 0.1)


def test_one_seed_gives_the_same_model_again(train, device):
    one, other = train(device), train(device)
    assert_alike(one, other)
    np.testing.assert_allclose(one.get_activity(), other.get_activity(), atol=1e-3)


def test_a_run_goes_on_from_its_checkpoint(train, device, tmp_path):
    class Stop(pl.Callback):
        def on_train_epoch_start(self, trainer, *_):
            if trainer.current_epoch == 2:
                raise ZeroDivisionError

    path = tmp_path / "run.ckpt"
    with pytest.raises(ZeroDivisionError):
        train(device, checkpoint=path, callbacks=[Stop()])
    assert path.exists()
    resumed = train(device, checkpoint=path)
    assert not path.exists() and len(resumed.history["elbo_train"]) == SETTINGS["max_epochs"]
    assert_alike(resumed, train(device))


def test_a_model_saved_there_is_read_anywhere(train, device, tmp_path):
    model = train(device)
    model.save(tmp_path / "model")
    activity = model.get_activity()
    for accelerator in {"cpu", device}:
        back = cr.ProgramVAE.load(tmp_path / "model", model.adata, accelerator=accelerator)
        assert back.device.type == TYPES[accelerator] and back.digest == model.digest
        np.testing.assert_allclose(back.get_activity(), activity, atol=1e-3)


def test_counts_sent_batch_by_batch(train, device):
    """As with counts that do not fit on the device."""
    assert_alike(train(device), train(device, device_budget=0))


@pytest.mark.parametrize("target", ["activity", "encoder"])
def test_attributions(train, device, target):
    model = train(device)
    methods = [
        name
        for name, method in model.attribution_methods.items()
        if getattr(method, target) is not None and not method.by_captum
    ]
    assert len(methods) == {"activity": 4, "encoder": 6}[target]
    groups = ["one", "two"] * 6

    def ask(model):
        options = {"target": target, "indices": range(12)}
        found = [model.get_attributions(**options, method=method, groups=groups, n_baselines=2) for method in methods]
        sizes = model.get_attributions(**options, statistic="mean_absolute")
        each = model.get_attributions(**options, statistic="each", programs=PROGRAMS)
        without = model.get_activity_without([["g1"], ["g2", "g3"]], indices=range(12), target=target)
        return *found, sizes, each, without

    assert_same_on_the_cpu(model, ask, atol=2e-3)
    if target == "activity":
        each = model.get_attributions(indices=range(12), method="contributions", programs=PROGRAMS, statistic="each")
        places = [model.program_names.tolist().index(name) for name in PROGRAMS]
        np.testing.assert_allclose(each.sum(1), model.get_activity()[:12, places], atol=0.05)


def test_other_questions_to_the_model(train, device):
    model = train(device)

    def ask(model):
        return (
            model.get_loadings().to_numpy(),
            model.get_program_importance().to_numpy(),
            model.get_interactions(PROGRAMS[0], ["g0", "g1", "g2"])["all"].to_numpy(),
        )

    assert_same_on_the_cpu(model, ask, atol=2e-3)


def test_other_cells_and_a_query(train, device):
    model = train(device)
    query = model.adata[:60].copy()
    query.obs["batch"] = "three"
    mapped = cr.ProgramVAE.load_query_data(query, model, accelerator=device)
    mapped.train(max_epochs=1, posterior_epochs=0, accelerator=device)
    assert mapped.device.type == TYPES[device]
    assert_same_on_the_cpu(mapped, lambda model: (model.get_activity(query),), atol=1e-3)


def test_from_fit_to_names(planted, device):
    """The calls of the first tutorial, one after the other."""
    adata = planted.adata
    model = cr.fit(
        adata, planted.sets, batch_key="batch", n_decoys=4, max_epochs=20, accelerator=device, plan_kwargs={"lr": 1e-2}
    )
    assert model.device.type == TYPES[device]
    again = adata.copy()
    cr.tl.activity(again, model)
    np.testing.assert_allclose(again.obsm["X_programs"], adata.obsm["X_programs"], atol=1e-3)
    cr.tl.rank_programs_groups(adata, model, "cell_type")
    table = cr.get.rank_programs_groups_df(adata, columns="all")
    assert len(table) == 3 * len(planted.sets) and table["q"].le(0.05).any()
    cr.tl.annotate(adata, model, "cell_type", label_added="label")
    assert cr.get.annotation_df(adata, columns="all")["group"].tolist() == ["type 0", "type 1", "type 2"]
    assert adata.obs["label"].notna().all()
    cr.tl.attributions(adata, model, groupby="cell_type", method="contributions")
    assert np.isfinite(cr.get.attributions_df(adata, PROGRAMS[0])["attribution"]).all()
    # the results do not depend on where the model is
    model.to_device("cpu")
    other = adata.copy()
    cr.tl.rank_programs_groups(other, model, "cell_type")
    np.testing.assert_allclose(
        cr.get.rank_programs_groups_df(other, columns="all")["effect"].sort_values(),
        table["effect"].sort_values(),
        atol=5e-3,
    )


def test_edges(train, device):
    def ask(model):
        evidence = model.get_edge_evidence()
        part = np.arange(len(evidence.cells)) % 2
        sd, loading, _ = evidence.of_edges(np.arange(4), np.arange(4) * 9, part, 2)
        # conjugate gradients end early, within a fraction of the standard deviation
        return evidence.loadings / evidence.sd, np.log(evidence.sd), np.log(sd), loading / sd[:, None]

    assert_same_on_the_cpu(train(device), ask, atol=0.05)


def test_estimated_attributions(train, device):
    """Drawn by the same generator wherever the model is, so that they differ by rounding only."""

    def ask(model):
        return model.get_attributions(tolerance=0.05, return_se=True)

    model = train(device)
    assert model.get_attributions(tolerance=0.05, return_se=True)[1].max() > 0
    assert_same_on_the_cpu(model, ask, atol=1e-3)
