"""The primed encoder, in which each program starts as a score of its own genes."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.distributions import Normal

from ._attribution import Reader
from ._counts import SparseCounts
from ._edges import Edges, Weight
from ._quadrature import DeepReader

TARGET_SUM = 1e4
MIN_LOG_VAR, MAX_LOG_VAR = -12.0, 4.0
# a single transcript of a gene that is seen in one cell of a thousand is dozens of standard deviations from the mean
# and would dominate a linear read-out; with a bound, it still contributes
MAX_STANDARDISED = 5.0


def log_normalise(counts: SparseCounts, share: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Compute log(1 + counts per 10,000) at the non-zeros, as ``scanpy.pp.normalize_total`` and ``log1p`` do.

    ``share`` is the part of a cell's counts that is expected on these genes.
    """
    scale = share * TARGET_SUM / counts.total.clamp(min=1)
    return torch.log1p(counts.value * scale[counts.cell])


class PrimedEncoder(nn.Module):
    """Posterior mean = masked linear read-out of member genes + context network; diagonal Gaussian.

    The read-out is linear in the standardised log-normalised counts and has one weight per edge of the prior. The
    context network (one hidden ReLU layer, no normalisation layers) sees all genes and starts at zero, so that at the
    start of training every program is a score of its own genes.

    Parameters
    ----------
    edges
        Edges of the prior.
    n_unannotated
        Number of further latent dimensions, which depend on all genes.
    n_batch
        Number of batches. Each shifts the posterior mean by a learned vector, because the effect of a batch on genes,
        which the decoder explains by itself, would otherwise change the activities.
    n_hidden
        Number of units of the context network.
    context
        ``False`` leaves the context network out, so that programs depend on their own genes only.
    dropout_rate
        Dropout on the hidden units of the context network.
    """

    def __init__(
        self,
        edges: Edges,
        *,
        n_unannotated: int = 0,
        n_batch: int = 1,
        n_hidden: int = 128,
        context: bool = True,
        dropout_rate: float = 0.1,
    ) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.sd: torch.Tensor
        self.share: torch.Tensor
        self.edges = edges
        n_programs, n_genes = edges.shape
        n_latent = n_programs + n_unannotated
        self.register_buffer("mean", torch.zeros(n_genes))
        self.register_buffer("sd", torch.ones(n_genes))
        # part of the counts that the genes have; below 1 in a model of some of the genes of another one
        self.register_buffer("share", torch.ones(()))
        size = torch.bincount(edges.program, minlength=n_programs).clamp(min=1)
        self.readout = nn.Parameter(edges.sign / size[edges.program])
        self.unannotated = nn.Parameter(torch.randn(n_unannotated, n_genes) / n_genes**0.5)
        self.batch_shift = nn.Parameter(torch.zeros(n_batch, n_latent))
        # the posterior is wider in shallow cells: log variance is linear in log depth, per dimension
        self.log_var = nn.Parameter(torch.full((n_latent,), -1.0))
        self.log_var_depth = nn.Parameter(torch.zeros(n_latent))
        self.context: nn.Sequential | None = None
        if context:
            last = nn.Linear(n_hidden, 2 * n_latent)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            first = nn.Linear(n_genes, n_hidden)
            nn.init.normal_(first.weight)
            self.context = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout_rate), last)

    def standardise(self, counts: SparseCounts) -> torch.Tensor:
        """Standardise log-normalised counts by the training cells' mean and sd of each gene, bounded: genes x cells."""
        at_zero = self.bound(-self.mean / self.sd)
        x = at_zero[:, None].repeat(1, counts.n_cells)
        logged = log_normalise(counts, self.share)
        x.view(-1)[counts.flat] = self.bound((logged - self.mean[counts.gene]) / self.sd[counts.gene])
        return x

    @staticmethod
    def bound(standardised: torch.Tensor) -> torch.Tensor:
        """Limit standardised values to ±5."""
        return standardised.clamp(-MAX_STANDARDISED, MAX_STANDARDISED)

    def weight(self) -> Weight:
        """Read-out weights of programs, then of free programs."""
        return Weight(self.edges, self.readout, self.unannotated)

    def posterior(self, counts: SparseCounts | torch.Tensor, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log variance, both latent x cells; ``batch`` is the index of each cell's batch.

        ``counts`` may be a cells x genes matrix.
        """
        counts = SparseCounts.of(counts)
        x = self.standardise(counts)
        mean = self.weight().to_latent(x) + self.batch_shift[batch.reshape(-1).long()].T
        log_depth = torch.log(counts.total.clamp(min=1) / (1e3 * self.share))
        log_var = self.log_var[:, None] + self.log_var_depth[:, None] * log_depth
        if self.context is not None:
            shift, log_var_shift = self._read_context(self.context, x).chunk(2)
            mean, log_var = mean + shift, log_var + log_var_shift
        return mean, log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR)

    @staticmethod
    def _read_context(context: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
        """Output of the context network, 2 latent x cells."""
        first, last = (cast(nn.Linear, context[i]) for i in (0, -1))
        # Adam changes all weights by similar amounts: without the scale, a step would change hidden units in proportion
        # to the number of genes
        hidden = torch.addmm(first.bias[:, None], first.weight, x, alpha=len(x) ** -0.5)
        # for layers in between, cells are rows
        return torch.addmm(last.bias[:, None], last.weight, context[1:-1](hidden.T).T)

    def reader(self) -> Reader | DeepReader:
        """Return the part of the posterior mean that depends on standardised genes, without the shift of the batch."""
        skip, context = self.weight().dense().detach(), self.context
        n_latent, n_genes = skip.shape
        if context is None:
            nothing = skip.new_zeros
            return Reader(skip, nothing(0, n_genes), nothing(0), nothing(n_latent, 0))
        if [type(layer) for layer in context] == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]:
            first, last = (cast(nn.Linear, context[i]) for i in (0, -1))
            weight = n_genes**-0.5 * first.weight.detach()
            return Reader(skip, weight, first.bias.detach(), last.weight[:n_latent].detach())
        return DeepReader(skip, lambda x: self._read_context(context, x)[:n_latent])

    def forward(
        self, counts: torch.Tensor, batch: torch.Tensor, *_: torch.Tensor | None
    ) -> tuple[Normal, torch.Tensor]:
        """Return the distribution and one reparametrised sample; further covariates are not used."""
        mean, log_var = self.posterior(counts, batch)
        q = Normal(mean.T, (0.5 * log_var.T).exp())
        return q, q.rsample()

    def _load_from_state_dict(self, state_dict: dict[str, torch.Tensor], prefix: str, *args: Any) -> None:
        # models that were saved by versions without this buffer have all of their genes
        state_dict.setdefault(f"{prefix}share", self.share)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @staticmethod
    def z_transformation(z: torch.Tensor) -> torch.Tensor:
        """Identity: the latent space is Gaussian (scvi-tools applies this to its samples)."""
        return z
