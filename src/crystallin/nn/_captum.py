"""Attributions of the encoder by captum, for methods that have no closed form.

The encoder is passed on as one stack of layers, so that all of captum's rules for layers apply: the linear part goes
through a pair of hidden units as ``relu(a) - relu(-a)``. captum is imported only when it is used.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ._attribution import Reader

# number of samples for each cell and program, in addition to twice the number of genes, as in the package shap
EXTRA_SAMPLES = 2048
PERTURBATIONS_PER_PASS = 512
SMOOTH_SAMPLES = 50
# standard deviation of the noise, in standard deviations of a gene
NOISE = 0.5


def kernel_shap(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Estimate Shapley values by weighted regression over sampled coalitions (Lundberg & Lee 2017, NIPS 30, 4765).

    The method assumes that genes can be absent one by one, and is noisy unless there are many more samples than genes.
    """
    return _perturbed("KernelShap", reader, x, baseline)


def lime(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Fit a sparse linear model around the cell (Ribeiro et al. 2016, KDD, 1135) by the lasso.

    The method assumes that the encoder is linear near the cell; small attributions are set to 0.
    """
    return _perturbed("Lime", reader, x, baseline)


def lrp(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Propagate relevance layer by layer with the epsilon rule (Bach et al. 2015, PLoS ONE 10:e0130140).

    The method has no baseline: it distributes the output itself over the genes, and biases take a part of it.
    """
    return _each("LRP", reader, x, {}).sum(1)


def smoothgrad(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Average the gradient over noisy copies of the cell (Smilkov et al. 2017, arXiv:1706.03825), times the difference.

    The method assumes that independent noise on genes gives plausible neighbours of a cell.
    """
    options = {"nt_samples": SMOOTH_SAMPLES, "nt_samples_batch_size": SMOOTH_SAMPLES, "stdevs": NOISE}
    gradient = _each("Saliency", reader, x, {"abs": False, **options}, noise=True)
    return (gradient * (x - baseline).T).sum(1)


def _perturbed(name: str, reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    options = {
        "baselines": baseline.T,
        "n_samples": 2 * len(x) + EXTRA_SAMPLES,
        "perturbations_per_eval": PERTURBATIONS_PER_PASS,
    }
    # one cell at a time, because captum uses the same coalitions for all cells of a batch
    parts = [_each(name, reader, cell[:, None], options) for cell in x.T]
    return torch.cat(parts, dim=1).sum(1)


def _each(name: str, reader: Reader, x: torch.Tensor, options: dict[str, Any], *, noise: bool = False) -> torch.Tensor:
    """Latent x cells x genes."""
    from captum import attr

    with torch.enable_grad(), warnings.catch_warnings():
        # captum warns that it adds hooks to the layers and needs gradients, which is intended here
        warnings.simplefilter("ignore")
        explainer = getattr(attr, name)(_stack(reader))
        if noise:
            explainer = attr.NoiseTunnel(explainer)
        cells = x.T.detach().clone().requires_grad_()
        parts = [explainer.attribute(cells, target=latent, **options).detach() for latent in range(len(reader.last))]
    # some of captum's methods return single precision for any input
    return torch.stack(parts).to(x.dtype)


def _stack(reader: Reader) -> torch.nn.Sequential:
    """Return the reader as plain layers."""
    (n_latent, n_hidden), n_genes = reader.last.shape, reader.skip.shape[1]
    first = torch.nn.Linear(n_genes, n_hidden + 2 * n_latent)
    last = torch.nn.Linear(n_hidden + 2 * n_latent, n_latent, bias=False)
    unit = torch.eye(n_latent, dtype=reader.skip.dtype, device=reader.skip.device)
    zero = reader.bias.new_zeros(2 * n_latent)
    first.weight = torch.nn.Parameter(torch.cat([reader.first, reader.skip, -reader.skip]))
    first.bias = torch.nn.Parameter(torch.cat([reader.bias, zero]))
    last.weight = torch.nn.Parameter(torch.cat([reader.last, unit, -unit], dim=1))
    return torch.nn.Sequential(first, torch.nn.ReLU(), last)
