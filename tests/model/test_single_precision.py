"""Training on a device without double precision, which is made up here: there is none to test on.

Its tensors live on the CPU, but say that they are on ``mps``, refuse to be double, and refuse to meet tensors that are
not on it, as the real ones do.
"""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

import crystallin as cr
from crystallin import nn as blocks

CPU, MPS = torch.device("cpu"), torch.device("mps")
# their results are on the CPU, whatever they are called on
LEAVE = {torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.__bool__}
LEAVE |= {torch.Tensor.__len__, torch.Tensor.__float__, torch.Tensor.__int__}


class OnDevice(torch.Tensor):
    """A tensor on the device."""


class MadeUpDevice(TorchFunctionMode):
    """Every call of torch goes through here."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
        ours = [value for value in tensors if isinstance(value, OnDevice)]
        if func == torch.Tensor.device.__get__ and ours:
            return MPS
        wanted = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.device)]
        on_device = bool(ours) and func not in LEAVE
        if wanted:
            on_device = wanted[0].type == "mps"
        elif on_device and len(ours) < len(tensors):
            others = [value for value in tensors if not isinstance(value, OnDevice) and value.ndim]
            assert not others, f"{func.__name__} with tensors on the device and on the CPU"
        args, kwargs = tree_map(lambda value: CPU if isinstance(value, torch.device) else value, (args, kwargs))
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
            return tree_map(self._wrap if on_device else self._unwrap, result)

    @staticmethod
    def _unwrap(value):
        return value.as_subclass(torch.Tensor) if isinstance(value, OnDevice) else value

    @staticmethod
    def _wrap(value):
        if not isinstance(value, torch.Tensor) or isinstance(value, OnDevice):
            return value
        if value.dtype == torch.float64:
            msg = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            raise TypeError(msg)
        return value.as_subclass(OnDevice)


def on_device(module):
    """Parameters and buffers of a module on the device."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = torch.nn.Parameter(value.data).as_subclass(OnDevice)
        for name, value in part._buffers.items():
            part._buffers[name] = value.as_subclass(OnDevice)
    return module


@pytest.mark.parametrize("make", [lambda x: x.double(), lambda x: x.to(torch.float64), lambda x: x + x.cpu()])
def test_the_device_is_as_strict_as_a_real_one(make):
    with MadeUpDevice(), pytest.raises((TypeError, AssertionError)):
        make(torch.ones(2, device=MPS))
    with MadeUpDevice(), pytest.raises(TypeError, match="float64"):
        torch.zeros(2, dtype=torch.float64, device=MPS)


@pytest.mark.parametrize("kwargs", [{}, {"gene_likelihood": "zinb", "dispersion": "gene-batch", "n_unannotated": 1}])
def test_start_and_losses_need_no_double_precision(adata, kwargs):
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch", continuous_covariate_keys=["age"])
    model = cr.ProgramVAE(adata, **kwargs)
    minibatches = list(model._make_data_loader(adata=adata, batch_size=128))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = cr.ProgramVAE(adata, **kwargs).module
        expected.start_from(minibatches)
        module = on_device(model.module)
        with MadeUpDevice():
            assert module.device == MPS
            moved = [{key: value.to(MPS) for key, value in tensors.items()} for tensors in minibatches]
            module.start_from(moved)
            assert torch.isfinite(module.training_loss(moved[0]).loss)
            assert torch.isfinite(module.posterior_loss(moved[0], module.average_cell(moved[0])).loss)
    for name, value in expected.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), module.state_dict()[name].as_subclass(torch.Tensor).numpy(), name)


def test_what_a_model_is_made_of_is_single(adata):
    cr.ProgramVAE.setup_anndata(adata)
    module = cr.ProgramVAE(adata).module
    assert not [name for name, value in module.state_dict().items() if value.dtype == torch.float64]
    assert blocks.of_this_process(torch.ones(1)) == 1
