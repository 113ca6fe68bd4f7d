"""The primed encoder: each program starts out reading its own genes."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributions import Normal

from ._edges import scatter

TARGET_SUM = 1e4
MIN_LOG_VAR, MAX_LOG_VAR = -12.0, 4.0
# a transcript of a gene that is seen in one cell of a thousand stands dozens of sds out, and a linear read-out would
# follow it there; bounded, it still says what it has to say
MAX_STANDARDISED = 5.0


def log_normalise(counts: torch.Tensor) -> torch.Tensor:
    """log(1 + counts per 10,000), as ``scanpy.pp.normalize_total`` and ``log1p`` give it."""
    total = counts.sum(-1, keepdim=True).clamp(min=1)
    return torch.log1p(counts * (TARGET_SUM / total))


class PrimedEncoder(nn.Module):
    """Posterior mean = masked linear read-out of member genes + context network; diagonal Gaussian.

    The read-out is linear in the standardised log-normalised counts and has one weight per edge of the prior. The
    context network (one hidden ReLU layer, no normalisation layers) sees all genes and starts at zero, so that at the
    start of training every program means what its genes say.

    Parameters
    ----------
    gene, program, sign
        Edges of the prior.
    n_genes, n_programs, n_unannotated
        Sizes.
    n_batch
        Number of batches; each shifts the posterior mean by a learned vector, because the decoder explains what a batch
        does to the genes and the read-out alone would blame it on the programs.
    n_hidden
        Units of the context network.
    context
        ``False``: programs are read from their own genes only.
    dropout_rate
        Dropout on the hidden units of the context network.
    """

    def __init__(
        self,
        gene: torch.Tensor,
        program: torch.Tensor,
        sign: torch.Tensor,
        *,
        n_genes: int,
        n_programs: int,
        n_unannotated: int = 0,
        n_batch: int = 1,
        n_hidden: int = 128,
        context: bool = True,
        dropout_rate: float = 0.1,
    ) -> None:
        super().__init__()
        self.gene: torch.Tensor
        self.program: torch.Tensor
        self.mean: torch.Tensor
        self.sd: torch.Tensor
        n_latent = n_programs + n_unannotated
        self.shape = (n_programs, n_genes)
        self.register_buffer("gene", gene)
        self.register_buffer("program", program)
        self.register_buffer("mean", torch.zeros(n_genes))
        self.register_buffer("sd", torch.ones(n_genes))
        size = torch.bincount(program, minlength=n_programs).clamp(min=1)
        self.readout = nn.Parameter(sign / size[program])
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

    def weight(self) -> torch.Tensor:
        """Read-out weights of programs, then of unannotated dimensions: ``(n_latent, n_genes)``."""
        annotated = scatter(self.readout, self.program, self.gene, self.shape)
        return torch.cat([annotated, self.unannotated]) if len(self.unannotated) else annotated

    def standardise(self, counts: torch.Tensor) -> torch.Tensor:
        """Log-normalised counts with mean 0 and sd 1 per gene over the training cells, bounded."""
        return ((log_normalise(counts) - self.mean) / self.sd).clamp(-MAX_STANDARDISED, MAX_STANDARDISED)

    def posterior(self, counts: torch.Tensor, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance, both ``(n_cells, n_latent)``; ``batch`` is the index of each cell's batch."""
        x = self.standardise(counts)
        mean = x @ self.weight().T + self.batch_shift[batch.reshape(-1).long()]
        log_depth = torch.log(counts.sum(-1, keepdim=True).clamp(min=1) / 1e3)
        log_var = self.log_var + self.log_var_depth * log_depth
        if self.context is not None:
            # Adam moves all weights alike: without the scale a step would move hidden units by the number of genes
            shift, log_var_shift = self.context(x / x.shape[-1] ** 0.5).chunk(2, dim=-1)
            mean, log_var = mean + shift, log_var + log_var_shift
        return mean, log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR)

    def forward(
        self, counts: torch.Tensor, batch: torch.Tensor, *_: torch.Tensor | None
    ) -> tuple[Normal, torch.Tensor]:
        """Distribution and one reparametrised sample; further covariates are not read."""
        mean, log_var = self.posterior(counts, batch)
        q = Normal(mean, (0.5 * log_var).exp())
        return q, q.rsample()

    @staticmethod
    def z_transformation(z: torch.Tensor) -> torch.Tensor:
        """Identity: the latent space is Gaussian (scvi-tools applies this to its samples)."""
        return z
