"""Regressions of the counts of all genes on the activities of a model, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse

from crystallin import nn as blocks
from crystallin.nn import CountLikelihood, GeneRegression, Regressors, SparseCounts

from ._compat import REGISTRY_KEYS

if TYPE_CHECKING:
    from ._evidence import EvidenceMixin
    from ._session import Reading

# cells per group for which covariances of activities are averaged, groups, and values of all covariances
CELLS_PER_GROUP, MAX_GROUPS, MAX_COVARIANCES = 200, 12, 2**26
# values of a block of genes x cells, of which a dozen are in memory
BLOCK = 2**22
# limits of the inverse dispersion of genes that the model was not trained on, and how often it is estimated
MIN_THETA, MAX_THETA, N_DISPERSIONS = 0.05, 100.0, 2


class Regressions:
    """Data of the regressions of all genes, and their coefficients."""

    def __init__(
        self,
        model: EvidenceMixin,
        reading: Reading,
        positions: np.ndarray,
        outside: tuple[np.ndarray, sparse.csc_matrix] | None,
    ) -> None:
        module = model.module
        self.decoder, self.device = module.decoder, module.device
        self.likelihood, self.dispersion = module.gene_likelihood, module.px_r.exp()
        self.n_latent = module.n_programs + self.decoder.n_free
        weight = self.decoder.weight().dense()[: self.n_latent]
        modes, log_scales, depths, tensors_of, counts = [], [], [], [], []
        for point, tensors in _modes(model, reading, positions):
            log_rate = self.decoder.log_rate(
                point, tensors.get(REGISTRY_KEYS.CONT_COVS_KEY), module._categories(tensors)
            )
            sparse_counts = SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
            log_depth = module._depth(tensors, sparse_counts).reshape(-1).log()
            normaliser = log_rate.logsumexp(0) if self.decoder.normalised else torch.zeros_like(log_depth)
            modes.append(point[: self.n_latent])
            log_scales.append(log_depth - normaliser)
            depths.append(log_depth)
            counts.append(_as_csr(sparse_counts))
            tensors_of.append([tensors.get(REGISTRY_KEYS.CONT_COVS_KEY), *module._categories(tensors)])
        joined = [None if parts[0] is None else torch.cat(parts) for parts in zip(*tensors_of, strict=True)]
        self.continuous, self.categories = joined[0], joined[1:]
        batch = self.categories[0].reshape(-1).long()
        # batches without cells would leave a level without data
        _, batch = batch.unique(return_inverse=True)
        self.levels = torch.nn.functional.one_hot(batch).T.float()
        group = _by_depth(torch.cat(depths), self.n_latent)
        covariance = [
            module.average_cell(reading.sample(positions[group.cpu().numpy() == number])).covariance
            for number in range(int(group.max()) + 1)
        ]
        self.regressors = Regressors(
            z=torch.cat(modes, dim=1),
            levels=self.levels,
            log_scale=torch.cat(log_scales),
            covariance=torch.stack(covariance)[:, : self.n_latent, : self.n_latent],
            group=torch.nn.functional.one_hot(group).float(),
        )
        of_panel = sparse.vstack(counts).tocsc()
        self.n_panel = of_panel.shape[1]
        self.counts = of_panel if outside is None else sparse.hstack([of_panel, outside[1]], format="csc")
        self.n_genes = self.counts.shape[1]
        self.expression = np.asarray(self.counts.mean(axis=0)).ravel()
        self.weight = torch.cat([weight, weight.new_zeros(self.n_latent, self.n_genes - self.n_panel)], dim=1)
        self.block_size = max(1, BLOCK // self.counts.shape[0])
        # coefficients and inverse dispersions of each block, by its first gene
        self.fitted: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def blocks(self) -> Iterator[slice]:
        """Yield genes that are worked on at a time; a block is either of the panel or outside it."""
        for first, last in ((0, self.n_panel), (self.n_panel, self.n_genes)):
            for start in range(first, last, self.block_size):
                yield slice(start, min(start + self.block_size, last))

    def fit(self) -> tuple[np.ndarray, np.ndarray]:
        """Return loadings and their standard deviations, latent x genes."""
        loadings, variances = [], []
        for genes in self.blocks():
            regression = self.regression(genes) if genes.start < self.n_panel else self.regression_outside(genes)
            self.fitted[genes.start] = (regression.coefficients.cpu(), regression.likelihood.theta)
            loadings.append(regression.loadings.cpu().numpy())
            variances.append(regression.variances().cpu().numpy())
        return np.concatenate(loadings, axis=1), np.sqrt(np.concatenate(variances, axis=1))

    def regression(self, genes: slice) -> GeneRegression:
        """Return the regression of a block of the model's genes, fitted before or now."""
        theta = self.dispersion[genes]
        theta = theta[:, None] if theta.ndim == 1 else theta[:, self.categories[0].reshape(-1).long()]
        offset = self.decoder.offset(self.continuous, self.categories, genes)
        offset = offset.expand(-1, len(self.regressors.log_scale))
        likelihood = CountLikelihood(self.likelihood, theta, self.decoder.zero_logits[genes, None])
        return self._fitted_regression(genes, offset, likelihood)

    def regression_outside(self, genes: slice) -> GeneRegression:
        """Return the regression of genes for which the model has neither levels nor dispersions."""
        scale, counts = self.regressors.log_scale, self._counts(genes)
        # half a count keeps the levels of genes without counts finite
        level = (counts @ self.levels.T + 0.5) / (self.levels @ scale.exp() + 0.5)
        offset, kind = level.log() @ self.levels, "poisson" if self.likelihood == "poisson" else "nb"
        if genes.start in self.fitted:
            theta = self.fitted[genes.start][1]
            return self._fitted_regression(genes, offset, CountLikelihood(kind, theta, torch.zeros_like(theta)))
        log_mean = offset + scale
        for _ in range(N_DISPERSIONS):
            theta = _dispersion(counts, log_mean)
            regression = self._fitted_regression(genes, offset, CountLikelihood(kind, theta, torch.zeros_like(theta)))
            log_mean, _, _ = regression.derivatives()
        return regression

    def _counts(self, genes: slice) -> torch.Tensor:
        return torch.from_numpy(self.counts[:, genes].toarray().T.copy()).to(self.device)

    def _fitted_regression(self, genes: slice, offset: torch.Tensor, likelihood: CountLikelihood) -> GeneRegression:
        regression = GeneRegression(self._counts(genes), offset, self.weight[:, genes], likelihood, self.regressors)
        if genes.start in self.fitted:
            regression.coefficients = self.fitted[genes.start][0].to(self.device)
        else:
            regression.fit()
        return regression

    @torch.no_grad()
    def of_edges(
        self, program: np.ndarray, gene: np.ndarray, part: np.ndarray, n_parts: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return results for single edges, see :meth:`EdgeEvidence.of_edges`."""
        sd = np.full(len(gene), np.inf)
        of_parts = np.full((2, len(gene), n_parts), np.inf)
        inside = torch.from_numpy(part >= 0)
        codes = torch.nn.functional.one_hot(torch.from_numpy(np.maximum(part, 0)), n_parts) * inside[:, None]
        codes = codes.float().to(self.device)
        for genes in self.blocks():
            here = np.flatnonzero((gene >= genes.start) & (gene < genes.stop))
            if not len(here):
                continue
            regression = self.regression(genes) if genes.start < self.n_panel else self.regression_outside(genes)
            for first in range(0, len(here), self.block_size):
                some = here[first : first + self.block_size]
                which = [torch.from_numpy(array).to(self.device) for array in (program[some], gene[some])]
                variance, loading, of_part = regression.edges(which[0], which[1] - genes.start, codes)
                sd[some] = variance.sqrt().cpu().numpy()
                of_parts[0, some], of_parts[1, some] = loading.cpu().numpy(), of_part.sqrt().cpu().numpy()
        return sd, of_parts[0], of_parts[1]


def _modes(
    model: EvidenceMixin, reading: Reading, positions: np.ndarray
) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
    """Yield posterior modes, latent x cells, with the minibatch they belong to."""
    module = model.module
    weight = module.decoder.weight().detach()
    average = module.average_cell(reading.sample(positions))
    for tensors in reading.minibatches(positions):
        tensors = {key: value.to(module.device) for key, value in tensors.items()}
        cells, mean = module.posterior_start(tensors)
        yield blocks.refine(cells, mean, weight, average.covariance).z, tensors


def _as_csr(counts: SparseCounts) -> sparse.csr_matrix:
    entries = (counts.value.cpu().numpy(), (counts.cell.cpu().numpy(), counts.gene.cpu().numpy()))
    return sparse.csr_matrix(entries, shape=(counts.n_cells, counts.n_genes))


def _by_depth(log_depth: torch.Tensor, n_latent: int) -> torch.Tensor:
    """Return groups of cells of similar depth, on which the covariance of the activities depends most."""
    n_cells = len(log_depth)
    n_groups = min(MAX_GROUPS, n_cells // CELLS_PER_GROUP, MAX_COVARIANCES // n_latent**2)
    rank = log_depth.argsort().argsort()
    return rank * max(n_groups, 1) // n_cells


def _dispersion(counts: torch.Tensor, log_mean: torch.Tensor) -> torch.Tensor:
    """Return inverse dispersions from the variance beyond the mean, genes x 1."""
    mean = log_mean.exp()
    excess = ((counts - mean).square() - mean).sum(1, keepdim=True)
    return (mean.square().sum(1, keepdim=True) / excess.clamp(min=1e-8)).clamp(MIN_THETA, MAX_THETA)
