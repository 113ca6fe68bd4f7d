"""The decoder: log rate = intercept of the batch + covariates + activities x sparse loadings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ._double import in_double
from ._edges import Edges, Weight
from ._free import make_orthogonal
from ._totals import of_this_process

EVERY = slice(None)


class ProgramDecoder(nn.Module):
    """Log-linear decoder in which each program affects only its own genes.

    The loadings of program ``p`` exist on the edges of the prior and keep the prior's sign, so a higher activity always
    means more of the genes with a positive sign (and less of those with a negative sign). Intercepts (one row per
    batch), other categorical covariates and continuous covariates are dense and free. Free programs, after the others,
    have loadings with any sign on the genes of ``free_support``.

    Parameters
    ----------
    edges
        Edges of the prior.
    n_unannotated
        Number of latent dimensions after the programs for free programs.
    n_continuous
        Number of continuous covariates, the last columns of the input; standardised here, see :meth:`standardise_by`.
    n_categories
        Number of categories of the batch, then of each further categorical covariate.
    normalised
        ``True``: rates are the softmax over genes times the library size. ``False``: rates are ``exp(log rate)`` times
        the size factor, for data whose depth is not the sum over the measured genes.
    """

    def __init__(
        self,
        edges: Edges,
        *,
        n_unannotated: int = 0,
        n_continuous: int = 0,
        n_categories: Sequence[int] = (1,),
        normalised: bool = True,
    ) -> None:
        super().__init__()
        self.continuous_mean: torch.Tensor
        self.free_support: torch.Tensor
        self.protected: torch.Tensor
        self.continuous_sd: torch.Tensor
        self.edges = edges
        self.n_programs, self.n_genes = n_programs, n_genes = edges.shape
        self.n_latent = n_programs + n_unannotated
        self.normalised = normalised
        # arbitrary but non-zero, so that an untrained model has a gradient; training starts from the data
        self.loadings = nn.Parameter(0.1 * edges.sign)
        self.unannotated = nn.Parameter(0.05 * torch.randn(n_unannotated, n_genes))
        if n_unannotated:
            # genes of each free program, and the programs that free ones are kept orthogonal to
            self.register_buffer("free_support", torch.ones(n_unannotated, n_genes, dtype=torch.bool))
            self.register_buffer("protected", torch.zeros(n_programs, dtype=torch.bool))
        self.continuous = nn.Parameter(torch.zeros(n_continuous, n_genes))
        if n_continuous:
            self.register_buffer("continuous_mean", torch.zeros(n_continuous))
            self.register_buffer("continuous_sd", torch.ones(n_continuous))
        self.categorical = nn.ParameterList([torch.zeros(max(n, 1), n_genes) for n in n_categories])
        # logit of technical dropout, used by the zero-inflated likelihood only
        self.zero_logits = nn.Parameter(torch.full((n_genes,), -3.0))

    def weight(self) -> Weight:
        """Loadings of programs, then of unannotated programs."""
        return Weight(self.edges, self.loadings, self.unannotated)

    def offset(
        self, continuous: torch.Tensor | None, categories: Sequence[torch.Tensor], genes: slice = EVERY
    ) -> torch.Tensor:
        """Return the log rate of each cell without programs, genes x cells (or x 1 if it is the same for all)."""
        offset = torch.zeros((), device=self.loadings.device)
        # VAE appends the label to the categories; it has no table here and is left out by the shorter zip
        for table, index in zip(self.categorical, categories, strict=False):
            of_genes = table[:, genes]
            offset = offset + (of_genes if len(table) == 1 else of_genes[index.reshape(-1).long()]).T
        if continuous is not None and continuous.shape[-1]:
            standardised = (continuous - self.continuous_mean) / self.continuous_sd
            offset = offset + self.continuous[:, genes].T @ standardised.T
        return offset

    @torch.no_grad()
    def standardise_by(
        self, continuous: torch.Tensor, total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process
    ) -> None:
        """Standardise continuous covariates by the mean and sd of these cells, cells x covariates, from now on.

        If several processes see some of the cells each, ``total_of`` adds up their sums.
        """
        # a column of years has a large mean and a small sd
        values = in_double(continuous)
        n_cells = total_of(values.new_tensor(float(len(values))))
        mean = total_of(values.sum(0)) / n_cells
        sd = (total_of((values - mean).square().sum(0)) / n_cells).sqrt()
        # nothing can be learned from a covariate with the same value in all training cells
        sd = torch.where(sd > 0, sd, torch.ones_like(sd))
        for buffer, value in ((self.continuous_mean, mean), (self.continuous_sd, sd)):
            buffer.copy_(value.to(buffer.dtype).to(buffer.device))

    def log_rate(
        self, z: torch.Tensor, continuous: torch.Tensor | None, categories: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return the log rate before normalisation, genes x cells, at activities ``z``, latent x cells."""
        return self.weight().to_genes(z) + self.offset(continuous, categories)

    def forward(
        self, dispersion: str, z: torch.Tensor, library: torch.Tensor, *categories: torch.Tensor | None
    ) -> tuple[torch.Tensor, None, torch.Tensor, torch.Tensor]:
        """Return scale, dispersion (never cell-specific), rate and dropout logits, as scvi-tools' ``DecoderSCVI`` does.

        ``z`` is ``(..., n_cells, n_latent + n_continuous)`` and ``library`` the log library size or log size factor.
        """
        cells = z.reshape(-1, z.shape[-1])
        repeats = len(cells) // z.shape[-2]
        tables = [index.reshape(-1).repeat(repeats) for index in categories if index is not None]
        log_rate = self.log_rate(cells[:, : self.n_latent].T, cells[:, self.n_latent :], tables)
        log_rate = log_rate.T.reshape(*z.shape[:-1], self.n_genes)
        scale = log_rate.softmax(-1) if self.normalised else log_rate.exp()
        return scale, None, library.exp() * scale, self.zero_logits.expand_as(scale)

    def _load_from_state_dict(self, state_dict: dict[str, torch.Tensor], prefix: str, *args: Any) -> None:
        # models that were saved before covariates were standardised, or free programs sparse, are loaded unchanged
        for name, value in self.named_buffers(recurse=False):
            state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @property
    def n_free(self) -> int:
        """Number of free programs in use; the dimensions after them have no loadings."""
        return int(self.free_support.any(1).sum()) if len(self.unannotated) else 0

    @torch.no_grad()
    def project_(self, information: torch.Tensor | None = None) -> None:
        """Return to what the prior allows (call after each optimiser step).

        Loadings that contradict the prior's signs are set to 0. Free programs lose what is outside their genes and,
        given the information of a typical count of each gene, what they share with protected programs.
        """
        self.loadings.copy_(self.edges.project_signs(self.loadings))
        if not len(self.unannotated):
            return
        free = self.unannotated * self.free_support
        if information is not None and self.protected.any():
            programs = self.edges.dense(self.loadings)[self.protected]
            used = self.n_free
            free[:used] = make_orthogonal(free[:used], programs, information, normalised=self.normalised)
        self.unannotated.copy_(free)
