"""Registry of all methods of attribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from . import _attribution as exact
from . import _captum as by_captum
from . import _quadrature as along_path
from . import _refined as refined
from ._attribution import Reader
from ._contributions import Pull
from ._edges import Weight
from ._quadrature import DeepReader, gauss_legendre
from ._refine import Cells, Point

Summed = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
Pulls = Callable[..., Iterator[Pull]]


@dataclass(frozen=True)
class Path:
    """An attribution of the activity as a weighted mean over points on the way from the baseline's counts to a cell's.

    Attributes
    ----------
    nodes
        Points, from the cell to the baseline, as shares of the way; and their weights, which sum to 1.
    pull
        Function for the cells at one point: (cells, their modes, loadings, difference from the baseline) to pull.
    """

    nodes: tuple[tuple[float, float], ...]
    pull: Callable[[Cells, torch.Tensor, Weight, torch.Tensor], Pull]

    def at_cell(
        self, cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
    ) -> Iterator[Pull]:
        """Yield the pull of a method whose only point is the cell itself, at the cells' modes."""
        yield self.pull(cells, point.z, weight, cells.counts - baseline)


# with fewer points than for exact attributions, of which means over cells are close enough to those with more
ALONG_PATH = Path(tuple(gauss_legendre(5)), refined.gradient)
CONTRIBUTIONS = Path(((1.0, 1.0),), refined.contributions)
GRADIENT = Path(((1.0, 1.0),), refined.gradient)


@dataclass(frozen=True)
class Method:
    """Functions of one method; ``None`` where it does not apply.

    Attributes
    ----------
    encoder
        Function for the default encoder's mean: (reader, genes x cells, baseline) to latent x genes, summed over cells.
    deep
        The same for encoders with further layers.
    activity
        Function for the refined activity, which returns pulls.
    path
        The same as a mean over points, of which some can be drawn at random.
    over_cells
        Whether baselines are several cells, genes x baselines, instead of one.
    by_captum
        Whether captum computes it, program by program and cell by cell.
    has_baseline
        Whether it uses a baseline.
    """

    encoder: Summed | None = None
    deep: Summed | None = None
    activity: Pulls | None = None
    path: Path | None = None
    over_cells: bool = False
    by_captum: bool = False
    has_baseline: bool = True


METHODS: dict[str, Method] = {
    "integrated_gradients": Method(
        exact.integrated_gradients, along_path.path_integrated_gradients, refined.integrated_gradients, ALONG_PATH
    ),
    "contributions": Method(
        activity=CONTRIBUTIONS.at_cell,
        path=CONTRIBUTIONS,
        has_baseline=False,
    ),
    "expected_gradients": Method(
        exact.expected_gradients,
        along_path.path_expected_gradients,
        refined.integrated_gradients,
        ALONG_PATH,
        over_cells=True,
    ),
    "gradient_input": Method(exact.gradient_input, along_path.path_gradient_input, GRADIENT.at_cell, GRADIENT),
    "deeplift": Method(exact.integrated_gradients),
    "ablation": Method(exact.ablation),
    "permutation": Method(exact.permutation, over_cells=True),
    "kernel_shap": Method(by_captum.kernel_shap, by_captum=True),
    "lime": Method(by_captum.lime, by_captum=True),
    "lrp": Method(by_captum.lrp, by_captum=True, has_baseline=False),
    "smoothgrad": Method(by_captum.smoothgrad, by_captum=True),
}


def attribute(reader: Reader | DeepReader, x: torch.Tensor, baseline: torch.Tensor, method: str) -> torch.Tensor:
    """Compute attributions of the encoder's mean to genes, latent x genes, summed over cells.

    Parameters
    ----------
    reader
        The encoder.
    x
        Standardised expression, genes x cells.
    baseline
        What it is compared with, genes x 1, or genes x baselines for methods over cells.
    method
        One of ``METHODS`` that applies to this kind of encoder.
    """
    rule = METHODS[method].encoder if isinstance(reader, Reader) else METHODS[method].deep
    if rule is None:
        msg = f"method={method!r} is not available for this encoder."
        raise ValueError(msg)
    return rule(reader, x, baseline)
