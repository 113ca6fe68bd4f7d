"""Counts kept on the device, and the loss of a step, against scvi-tools' loader and forward pass."""

import logging

import numpy as np
import pytest
import torch
from scipy import sparse

import crystallin as cr
from crystallin.model._resident import resident_cells


def trained(adata, **kwargs):
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=2, enable_progress_bar=False, **kwargs)
    return model


SETUP = {"batch_key": "batch", "categorical_covariate_keys": ["cell_type"], "continuous_covariate_keys": ["age"]}


def test_training_is_the_same_without_residents(adata):
    cr.ProgramVAE.setup_anndata(adata, **SETUP)
    resident, sent = trained(adata), trained(adata, device_budget=0)
    for (name, ours), theirs in zip(
        resident.module.state_dict().items(), sent.module.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs), name
    assert resident.history["elbo_validation"].equals(sent.history["elbo_validation"])


# scvi-tools advises CSR, which is what comes out
@pytest.mark.filterwarnings("ignore:Training will be faster:UserWarning")
@pytest.mark.parametrize("kind", ["csr int64", "csc", "dense", "read-only"])
def test_minibatches_hold_what_is_registered(adata, kind):
    counts = adata.X.toarray()
    make = {
        "csr int64": lambda: sparse.csr_matrix(counts.astype(np.int64)),
        "csc": lambda: sparse.csc_matrix(counts),
        "dense": lambda: counts.copy(),
        "read-only": lambda: sparse.csr_matrix(counts),
    }
    adata.X = make[kind]()
    if kind == "read-only":
        adata.X.data.flags.writeable = False
    cr.ProgramVAE.setup_anndata(adata, **SETUP)
    model = cr.ProgramVAE(adata)
    minibatch = resident_cells(model.adata_manager, torch.device("cpu"))[[7, 2, 499]]
    theirs = next(iter(model._make_data_loader(adata=adata, indices=[7, 2, 499])))
    assert minibatch.keys() == theirs.keys()
    for key, value in theirs.items():
        ours = minibatch[key].dense() if key == "X" else minibatch[key]
        torch.testing.assert_close(ours, value)


def test_in_place_on_a_cpu(adata):
    cr.ProgramVAE.setup_anndata(adata)
    cells = resident_cells(cr.ProgramVAE(adata).adata_manager, torch.device("cpu"))
    assert cells.value.numpy().base is adata.X.data or np.shares_memory(cells.value.numpy(), adata.X.data)


def test_a_budget_too_small_falls_back_and_says_so(adata, caplog):
    cr.ProgramVAE.setup_anndata(adata)
    manager = cr.ProgramVAE(adata).adata_manager
    with caplog.at_level(logging.INFO, logger="crystallin"):
        assert resident_cells(manager, torch.device("cpu"), budget=1000) is None
    assert "more than the budget" in caplog.text and "device_budget" in caplog.text
    n_bytes = 8 * (adata.X.nnz + adata.n_obs + 1)
    assert resident_cells(manager, torch.device("cpu"), budget=n_bytes) is not None
    with pytest.raises(ValueError, match="device_budget"):
        cr.ProgramVAE(adata).train(device_budget=-1)


def test_counts_on_disk_are_read_minibatch_by_minibatch(adata, tmp_path, caplog):
    import anndata as ad

    adata.write_h5ad(tmp_path / "counts.h5ad")
    backed = ad.read_h5ad(tmp_path / "counts.h5ad", backed="r")
    cr.ProgramVAE.setup_anndata(backed)
    with caplog.at_level(logging.INFO, logger="crystallin"):
        assert resident_cells(cr.ProgramVAE(backed).adata_manager, torch.device("cpu")) is None
    assert "not in memory" in caplog.text


@pytest.mark.parametrize("size_factors", [False, True])
def test_loss_of_a_step_is_that_of_the_forward_pass(adata, size_factors, monkeypatch):
    adata.obs["depth"] = np.asarray(adata.X.sum(1)).ravel() / 1000
    cr.ProgramVAE.setup_anndata(adata, **SETUP, size_factor_key="depth" if size_factors else None)
    model = trained(adata)
    model.module.eval()
    tensors = next(iter(model._make_data_loader(adata=adata)))
    # dropout is off; the sample of the activities is what is left to chance
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours = model.module.training_loss(tensors, kl_weight=0.5)

    def same_noise(self, sample_shape=()):
        torch.manual_seed(0)
        # drawn as latent x cells there
        return self.loc + self.scale * torch.randn(self.loc.T.shape).T

    with torch.random.fork_rng(), monkeypatch.context() as patch:
        patch.setattr(torch.distributions.Normal, "rsample", same_noise)
        theirs = model.module(tensors, loss_kwargs={"kl_weight": 0.5})[-1]
    torch.testing.assert_close(ours.reconstruction_loss_sum, theirs.reconstruction_loss_sum, rtol=1e-5, atol=0)
    torch.testing.assert_close(ours.kl_local_sum, theirs.kl_local_sum)
    # the loss leaves out what depends on the counts alone
    counts = tensors["X"]
    constant = torch.lgamma(counts + 1).sum(1).mean()
    torch.testing.assert_close(ours.loss + constant, theirs.loss, rtol=1e-5, atol=0)
