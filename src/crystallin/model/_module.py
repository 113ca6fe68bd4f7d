"""The torch module: scvi-tools' VAE with a primed encoder and a program decoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin.programs import as_prior

from ._compat import REGISTRY_KEYS, VAE

# training cells read to start the parameters; more do not sharpen the start
MAX_START_CELLS = 20_000
# memory of one chunk of cells in the refinement, whose matrices are cells x latent x latent
CHUNK_BYTES = 2**28


class ProgramModule(VAE):
    """:class:`~scvi.module.VAE` whose latent dimensions are gene programs.

    The arguments are those of :class:`crystallin.ProgramVAE`; the rest come from scvi-tools, which derives them from
    the registered data.
    """

    def __init__(
        self,
        n_input: int,
        prior: Any = None,
        n_batch: int = 0,
        n_labels: int = 0,
        n_hidden: int = 128,
        n_unannotated: int = 0,
        context: bool = True,
        dropout_rate: float = 0.1,
        dispersion: str = "gene",
        gene_likelihood: str = "nb",
        n_continuous_cov: int = 0,
        n_cats_per_cov: Iterable[int] | None = None,
        use_size_factor_key: bool = False,
        # scvi-tools also passes settings of the architecture that is replaced here
        **_: Any,
    ) -> None:
        prior = as_prior(prior)
        # the base class builds an encoder and a decoder that are replaced below: let them be as small as can be
        super().__init__(
            n_input=n_input,
            n_batch=n_batch,
            n_labels=n_labels,
            n_hidden=1,
            n_latent=prior.n_programs + n_unannotated,
            n_continuous_cov=n_continuous_cov,
            n_cats_per_cov=n_cats_per_cov,
            dispersion=dispersion,
            log_variational=False,
            gene_likelihood=gene_likelihood,
            use_size_factor_key=use_size_factor_key,
        )
        # the library is observed, so nothing calls its encoder
        del self.l_encoder
        self.n_programs = prior.n_programs
        edges = (
            torch.as_tensor(prior.gene),
            torch.as_tensor(prior.program),
            torch.as_tensor(np.sign(prior.weight)),
        )
        self.z_encoder = blocks.PrimedEncoder(
            *edges,
            n_genes=n_input,
            n_programs=prior.n_programs,
            n_unannotated=n_unannotated,
            n_batch=max(n_batch, 1),
            n_hidden=n_hidden,
            context=context,
            dropout_rate=dropout_rate,
        )
        self.decoder = blocks.ProgramDecoder(
            *edges,
            n_genes=n_input,
            n_programs=prior.n_programs,
            n_unannotated=n_unannotated,
            n_continuous=n_continuous_cov,
            n_categories=[max(n_batch, 1), *(n_cats_per_cov or [])],
            normalised=not use_size_factor_key,
        )
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        if dispersion == "gene":
            self.px_r.data.fill_(1.0)

    @torch.no_grad()
    def start_from(self, minibatches: Iterable[dict[str, torch.Tensor]]) -> None:
        """Set intercepts, dispersions, loadings and read-outs from the data; does nothing the second time.

        ``minibatches`` is read three times: for moments, and twice for the correlation of each gene with its program.
        """
        if bool(self.started):
            return
        encoder, decoder, device = self.z_encoder, self.decoder, self.device

        def first_cells() -> Iterator[dict[str, torch.Tensor]]:
            n_cells = 0
            for tensors in minibatches:
                yield {key: value.to(device) for key, value in tensors.items()}
                n_cells += len(tensors[REGISTRY_KEYS.X_KEY])
                if n_cells >= MAX_START_CELLS:
                    return

        moments = blocks.gene_moments(
            ((t[REGISTRY_KEYS.X_KEY], t[REGISTRY_KEYS.BATCH_KEY], self._depth(t)) for t in first_cells()),
            n_batch=len(decoder.categorical[0]),
            n_genes=decoder.n_genes,
            device=device,
        )
        encoder.mean.copy_(moments.mean)
        encoder.sd.copy_(moments.sd)
        decoder.categorical[0].copy_(moments.intercept)
        log_theta = moments.theta.log()
        self.px_r.copy_(log_theta if self.px_r.ndim == 1 else log_theta[:, None].expand_as(self.px_r))

        # within batches: what differs between them is not yet evidence of a program
        correlation = decoder.sign
        for _ in range(2):
            kept = (correlation * decoder.sign).clamp(min=0) * decoder.sign
            score = torch.zeros(decoder.n_programs, decoder.n_genes, device=device)
            score[decoder.program, decoder.gene] = kept
            correlation = blocks.member_correlations(
                (
                    encoder.standardise(t[REGISTRY_KEYS.X_KEY])
                    - moments.batch_shift[t[REGISTRY_KEYS.BATCH_KEY][:, 0].long()]
                    for t in first_cells()
                ),
                score,
                decoder.program,
                decoder.gene,
            )
        start = blocks.starting_point(correlation, decoder.sign, decoder.program, decoder.gene, moments)
        decoder.loadings.copy_(start.loadings)
        encoder.readout.copy_(start.readout)
        encoder.log_var[: self.n_programs] = start.log_var
        encoder.batch_shift.copy_(-moments.batch_shift @ encoder.weight().T)
        self.started.fill_(True)

    @staticmethod
    def _depth(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        size_factor = tensors.get(REGISTRY_KEYS.SIZE_FACTOR_KEY)
        return tensors[REGISTRY_KEYS.X_KEY].sum(-1, keepdim=True) if size_factor is None else size_factor

    @torch.inference_mode()
    def refined_posterior(
        self, tensors: dict[str, torch.Tensor], shared: blocks.SharedGenes
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Mode and Cholesky factor of the precision, for successive chunks of the minibatch's cells."""
        tensors = {key: value.to(self.device) for key, value in tensors.items()}
        counts = tensors[REGISTRY_KEYS.X_KEY].float()
        batch = tensors[REGISTRY_KEYS.BATCH_KEY]
        covariates = tensors.get(REGISTRY_KEYS.CAT_COVS_KEY)
        categories = [batch, *(covariates.split(1, dim=1) if covariates is not None else [])]
        offset = self.decoder.offset(tensors.get(REGISTRY_KEYS.CONT_COVS_KEY), categories)
        likelihood = blocks.CountLikelihood(self.gene_likelihood, self._theta(batch), self.decoder.zero_logits)
        cells = blocks.Cells(counts, offset, self._depth(tensors).log(), likelihood, self.decoder.normalised)
        z, _ = self.z_encoder.posterior(counts, batch)
        size = max(1, CHUNK_BYTES // (4 * 4 * self.n_latent**2))
        for start in range(0, len(counts), size):
            part = slice(start, start + size)
            yield blocks.refine(cells[part], z[part], shared)

    def _theta(self, batch: torch.Tensor) -> torch.Tensor:
        """Inverse dispersion: of each gene, or of each cell's batch."""
        theta = self.px_r.exp()
        return theta if theta.ndim == 1 else theta.T[batch.reshape(-1).long()]
