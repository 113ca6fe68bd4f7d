"""Torch module: scvi-tools' VAE with a primed encoder and a program decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin.programs import as_prior

from ._compat import MODULE_KEYS, REGISTRY_KEYS, VAE, LossOutput
from ._free import protected_programs, silence_free

# largest number of training cells to initialise the parameters from; more do not improve the start
MAX_START_CELLS = 20_000
# tolerance and steps for modes during training, which need not be more precise than the spread of the samples
POSTERIOR_TOLERANCE, POSTERIOR_STEPS = 0.3, 3


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
        n_unannotated: int | str = 0,
        context: bool = True,
        dropout_rate: float = 0.1,
        dispersion: str = "gene",
        gene_likelihood: str = "nb",
        n_continuous_cov: int = 0,
        n_cats_per_cov: Iterable[int] | None = None,
        use_size_factor_key: bool = False,
        # scvi-tools also passes settings of the parts that are replaced here
        **_: Any,
    ) -> None:
        prior, n_free = as_prior(prior), blocks.n_free_dimensions(n_unannotated)
        # the base class creates an encoder and a decoder that are replaced below, so they are made as small as possible
        super().__init__(
            n_input=n_input,
            n_batch=n_batch,
            n_labels=n_labels,
            n_hidden=1,
            n_latent=prior.n_programs + n_free,
            n_continuous_cov=n_continuous_cov,
            n_cats_per_cov=n_cats_per_cov,
            dispersion=dispersion,
            log_variational=False,
            gene_likelihood=gene_likelihood,
            use_size_factor_key=use_size_factor_key,
        )
        # the library size is observed, so its encoder is not used
        del self.l_encoder
        self.n_programs = prior.n_programs
        self.chooses_free = n_unannotated == blocks.AUTO
        edges = blocks.Edges(
            torch.as_tensor(prior.gene),
            torch.as_tensor(prior.program),
            torch.as_tensor(np.sign(prior.weight)),
            n_genes=n_input,
            n_programs=prior.n_programs,
        )
        self.z_encoder = blocks.PrimedEncoder(
            edges,
            n_unannotated=n_free,
            n_batch=max(n_batch, 1),
            n_hidden=n_hidden,
            context=context,
            dropout_rate=dropout_rate,
        )
        self.decoder = blocks.ProgramDecoder(
            edges,
            n_unannotated=n_free,
            n_continuous=n_continuous_cov,
            n_categories=[max(n_batch, 1), *(n_cats_per_cov or [])],
            normalised=not use_size_factor_key,
        )
        if n_free:
            self.decoder.protected.copy_(torch.as_tensor(protected_programs(prior)))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        if dispersion == "gene":
            self.px_r.data.fill_(1.0)

    @torch.no_grad()
    def start_from(
        self,
        minibatches: Iterable[dict[str, torch.Tensor]],
        total_of: Callable[[torch.Tensor], torch.Tensor] = blocks.of_this_process,
    ) -> None:
        """Initialise intercepts, dispersions, loadings and read-outs from the data, unless this was done before.

        ``minibatches`` is read three times: for moments, and twice for the correlation of each gene with its program.
        Free programs stay silent until :func:`start_free`.
        If several processes have a share of the cells each, ``total_of`` adds up their sums.
        """
        if bool(self.started):
            return
        encoder, decoder, device = self.z_encoder, self.decoder, self.device
        covariates = []

        def first_cells() -> Iterator[tuple[blocks.SparseCounts, torch.Tensor, torch.Tensor]]:
            n_cells = 0
            covariates.clear()
            for tensors in minibatches:
                tensors = {key: value.to(device) for key, value in tensors.items()}
                covariates.append(tensors.get(REGISTRY_KEYS.CONT_COVS_KEY))
                counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
                yield counts, tensors[REGISTRY_KEYS.BATCH_KEY][:, 0].long(), self._depth(tensors, counts)
                n_cells += len(counts)
                if n_cells >= MAX_START_CELLS:
                    return

        moments = blocks.gene_moments(
            first_cells(),
            n_batch=len(decoder.categorical[0]),
            n_genes=decoder.n_genes,
            device=device,
            total_of=total_of,
        )
        if len(decoder.continuous):
            decoder.standardise_by(torch.cat(covariates), total_of)
        encoder.mean.copy_(moments.mean)
        encoder.sd.copy_(moments.sd)
        decoder.categorical[0].copy_(moments.intercept)
        log_theta = moments.theta.log()
        self.px_r.copy_(log_theta if self.px_r.ndim == 1 else log_theta[:, None].expand_as(self.px_r))

        # correlations within batches, because differences between batches are no evidence of a program
        edges = decoder.edges
        correlation = edges.sign
        for _ in range(2):
            correlation = blocks.member_correlations(
                (encoder.standardise(counts) - moments.batch_shift[batch].T for counts, batch, _ in first_cells()),
                edges.project_signs(correlation),
                edges,
                total_of=total_of,
            )
        if len(decoder.unannotated):
            silence_free(self)
        start = blocks.starting_point(correlation, edges, moments)
        decoder.loadings.copy_(start.loadings)
        encoder.readout.copy_(start.readout)
        encoder.log_var[: self.n_programs] = start.log_var
        encoder.batch_shift.copy_(-encoder.weight().to_latent(moments.batch_shift.T).T)
        self.started.fill_(True)

    def training_loss(self, tensors: dict[str, torch.Tensor], kl_weight: float | torch.Tensor = 1.0) -> LossOutput:
        """Return the negative evidence lower bound of a minibatch, like ``forward``.

        The loss leaves out terms that depend on the counts alone; reported metrics include them.
        """
        counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
        mean, log_var = self.z_encoder.posterior(counts, tensors[REGISTRY_KEYS.BATCH_KEY])
        z = torch.addcmul(mean, (0.5 * log_var).exp(), torch.randn_like(mean))
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum(0)
        total, log_likelihood = self._log_likelihood(tensors, counts, z)
        return LossOutput(
            loss=(kl_weight * kl.sum() - total) / len(counts),
            reconstruction_loss=-log_likelihood,
            kl_local={MODULE_KEYS.KL_Z_KEY: kl.detach()},
        )

    def posterior_loss(self, tensors: dict[str, torch.Tensor], average: blocks.AverageCell) -> LossOutput:
        """Return the loss of a minibatch whose activities are drawn from the exact posterior and not from the encoder.

        The decoder's part is the Monte Carlo EM objective (Wei & Tanner 1990, J Am Stat Assoc 85:699), whose gradient
        is that of the marginal likelihood; the encoder learns to approximate the posterior of the samples, as in the
        wake phase of Bornschein & Bengio (2015, ICLR). Samples are pairs on opposite sides of the mode, which cancels
        most of their noise. This matters because the remaining noise determines how two overlapping programs divide
        what they share.
        """
        counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
        mean, log_var = self.z_encoder.posterior(counts, tensors[REGISTRY_KEYS.BATCH_KEY])
        with torch.no_grad():
            point = blocks.refine(
                self.posterior_cells(tensors),
                mean.detach(),
                self.decoder.weight().detach(),
                average.covariance,
                tolerance=POSTERIOR_TOLERANCE,
                max_steps=POSTERIOR_STEPS,
            )
            distance = blocks.draw(point, average.covariance)
        (above, of_cells_above), (below, of_cells_below) = (
            self._log_likelihood(tensors, counts, point.z + sign * distance) for sign in (1, -1)
        )
        # minus the encoder's log density at the pair, on average
        surprise = 0.5 * (log_var + ((point.z - mean).square() + distance.square()) * (-log_var).exp()).sum()
        return LossOutput(
            loss=(surprise - 0.5 * (above + below)) / len(counts),
            reconstruction_loss=-0.5 * (of_cells_above + of_cells_below),
        )

    def _log_likelihood(
        self, tensors: dict[str, torch.Tensor], counts: blocks.SparseCounts, z: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the log-likelihood of the counts at activities ``z``, latent x cells.

        The first result is the sum over cells without terms that depend on the counts alone; the second is the value of
        each cell with these terms, for reports. The default, a negative binomial with one dispersion per gene, is
        computed from the non-zeros only; other likelihoods use scvi-tools' distributions.
        """
        depth = self._depth(tensors, counts)
        if self.gene_likelihood == "nb" and self.dispersion == "gene":
            log_rate = self.decoder.log_rate(z, tensors.get(REGISTRY_KEYS.CONT_COVS_KEY), self._categories(tensors))
            total, log_likelihood = blocks.nb_log_likelihood(
                log_rate, depth.reshape(-1), self.px_r, counts, normalised=self.decoder.normalised
            )
            constant = torch.zeros_like(log_likelihood).index_add_(0, counts.cell, torch.lgamma(counts.value + 1))
            return total, log_likelihood - constant
        outputs = {MODULE_KEYS.Z_KEY: z.T, MODULE_KEYS.LIBRARY_KEY: depth.log()}
        generated = self.generative(**self._get_generative_input(tensors, outputs))
        log_likelihood = generated[MODULE_KEYS.PX_KEY].log_prob(counts.dense()).sum(-1)
        return log_likelihood.sum(), log_likelihood.detach()

    @torch.no_grad()
    def log_joint(self, tensors: dict[str, torch.Tensor], z: torch.Tensor) -> torch.Tensor:
        """Return the log density of each cell's counts and activities ``z``, latent x cells, up to a constant."""
        tensors = {key: value.to(self.device) for key, value in tensors.items()}
        _, log_likelihood = self._log_likelihood(tensors, blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY]), z)
        return log_likelihood - 0.5 * z.square().sum(0)

    @staticmethod
    def _categories(tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """Return the index of each cell's batch, and those of its further categorical covariates."""
        covariates = tensors.get(REGISTRY_KEYS.CAT_COVS_KEY)
        return [tensors[REGISTRY_KEYS.BATCH_KEY], *(covariates.split(1, dim=1) if covariates is not None else [])]

    @staticmethod
    def _depth(tensors: dict[str, torch.Tensor], counts: blocks.SparseCounts) -> torch.Tensor:
        """Return size factors if there are any, or else the sums of counts, cells x 1."""
        size_factor = tensors.get(REGISTRY_KEYS.SIZE_FACTOR_KEY)
        return counts.total[:, None] if size_factor is None else size_factor

    @torch.no_grad()
    def posterior_cells(self, tensors: dict[str, torch.Tensor]) -> blocks.Cells:
        """Return the cells of a minibatch in the form needed for the exact posterior of activities."""
        counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
        # one for each gene, or for each gene in the cell's batch
        theta = self.px_r.exp()
        theta = theta[:, None] if theta.ndim == 1 else theta[:, tensors[REGISTRY_KEYS.BATCH_KEY].reshape(-1).long()]
        return blocks.Cells(
            counts=counts.dense().T.contiguous(),
            offset=self.decoder.offset(tensors.get(REGISTRY_KEYS.CONT_COVS_KEY), self._categories(tensors)),
            log_depth=self._depth(tensors, counts).reshape(-1).log(),
            likelihood=blocks.CountLikelihood(self.gene_likelihood, theta, self.decoder.zero_logits[:, None]),
            normalised=self.decoder.normalised,
        )

    def encoded(self, tensors: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the encoder's mean and log variance, both latent x cells."""
        counts, batch = (tensors[key].to(self.device) for key in (REGISTRY_KEYS.X_KEY, REGISTRY_KEYS.BATCH_KEY))
        return self.z_encoder.posterior(counts, batch)

    @torch.no_grad()
    def posterior_start(self, tensors: dict[str, torch.Tensor]) -> tuple[blocks.Cells, torch.Tensor]:
        """Return cells on the module's device, and the encoder's mean, latent x cells."""
        tensors = {key: value.to(self.device) for key, value in tensors.items()}
        mean, _ = self.encoded(tensors)
        return self.posterior_cells(tensors), mean

    @torch.no_grad()
    def average_cell(self, tensors: dict[str, torch.Tensor]) -> blocks.AverageCell:
        """Return the average cell of a minibatch, at the encoder's mean."""
        cells, mean = self.posterior_start(tensors)
        return blocks.AverageCell.of(cells.evaluate(mean, self.decoder.weight().detach()).information)
