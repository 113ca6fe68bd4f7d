"""Genes that are not measured in the data, and programs whose activities cannot be computed without them.

A gene that an experiment does not measure is zero in all cells, and the model would treat it as not expressed. It is
distinguished from a gene that has no counts by chance by the number of counts that the model expects.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin._checks import some
from crystallin._keys import MIN_MEASURED

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule

# A gene without counts is taken as not measured if at least this number is expected. Cells of a single type do not
# express genes of other types, but in PBMC data they still have a few per cent of the expected counts (doublets,
# ambient RNA). With a limit of 10, single types from PBMC data lose half of some program; with a limit of 30, they lose
# at most a tenth of two programs.
MIN_EXPECTED = 30.0
# shares of a program's weight on genes that are not measured above which it is named in a warning, and is NaN
MAX_LOST_SILENTLY, MAX_LOST = 0.1, 1 - MIN_MEASURED
# counts of a cell if they are not known; shares depend little on this number
TYPICAL_DEPTH = 2_000.0


@dataclass(frozen=True)
class Unmeasured:
    """Genes that are not measured, and what programs lose with them.

    Attributes
    ----------
    genes
        Which genes are not measured.
    lost
        Share of each program's weight on these genes: squared loadings times the information of a count about its log
        rate, at the typical rate of the gene in the training cells and the depth of the cells at hand.
    """

    genes: np.ndarray
    lost: np.ndarray

    @property
    def withheld(self) -> np.ndarray:
        """Which programs are set to NaN."""
        return self.lost > MAX_LOST

    def beside(self, lost: np.ndarray) -> Unmeasured:
        """Return the same genes, where this share of each program's weight is lost with other genes already."""
        return replace(self, lost=1 - (1 - self.lost) * (1 - lost))

    def describe(self, prior: Prior) -> str:
        """Return a text with the programs that lose much of their weight and the share they lose; may be empty."""
        # the largest loss first, without decoys
        order = [place for place in np.argsort(-self.lost, kind="stable") if not prior.is_decoy[place]]

        def named(places: list[int]) -> str:
            listed = ", ".join(
                f"{str(prior.programs[place])!r} ({100 * self.lost[place]:.0f} %)" for place in places[:12]
            )
            return f"{listed} and {len(places) - 12} more" if len(places) > 12 else listed

        refused = [place for place in order if self.withheld[place]]
        biased = [place for place in order if MAX_LOST_SILENTLY < self.lost[place] <= MAX_LOST]
        parts = []
        if refused:
            parts.append(f"Activities are NaN, because most of the weight is on these genes: {named(refused)}.")
        if biased:
            parts.append(f"Activities are biased towards low values, because some of the weight is: {named(biased)}.")
        return " ".join(parts)


REMEDY = "For comparable activities, train a model on the genes that both data sets have."


def silent(module: ProgramModule, gene_totals: np.ndarray) -> np.ndarray:
    """Return which genes have no counts although many are expected, from the genes' total counts in some cells."""
    return (gene_totals == 0) & (typical_share(module) * gene_totals.sum() >= MIN_EXPECTED)


def measured(module: ProgramModule, gene_totals: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return which of the genes that data have were measured.

    Parameters
    ----------
    module
        Module of the reference.
    gene_totals
        Total counts of the reference's genes in the data.
    there
        Which of these genes the data have.
    """
    share, there = typical_share(module), there.copy()
    while there.any():
        # the more genes are left out, the larger the share of the others
        expected = share / max(share[there].sum(), np.finfo(float).tiny) * gene_totals.sum()
        gone = there & (gene_totals == 0) & (expected >= MIN_EXPECTED)
        if not gone.any():
            break
        there &= ~gone
    return there


@torch.no_grad()
def without(module: ProgramModule, genes: np.ndarray, depth: float = TYPICAL_DEPTH) -> Unmeasured:
    """Return what programs lose without these genes in cells of this depth."""
    n_programs = module.n_programs
    if not genes.any():
        return Unmeasured(genes, np.zeros(n_programs))
    weight = module.decoder.weight().dense()[:n_programs].cpu().double().numpy()
    weight = weight**2 * typical_information(module, depth)
    total = weight.sum(1)
    lost = np.divide(weight[:, genes].sum(1), total, out=np.zeros(n_programs), where=total > 0)
    return Unmeasured(genes, lost)


@torch.no_grad()
def typical_information(module: ProgramModule, depth: float = TYPICAL_DEPTH) -> np.ndarray:
    """Return the information of a count about its log rate, for each gene in a typical cell of this depth.

    It is the same for all genes if the encoder does not know their typical shares.
    """
    rate = depth * typical_share(module)
    if not rate.any():
        return np.ones_like(rate)
    theta = module.px_r.exp().cpu().double().numpy()
    theta = theta if theta.ndim == 1 else theta.mean(1)
    return rate / (1 + rate / theta)


def warn_of(missing: Unmeasured, prior: Prior, n_cells: int) -> None:
    """Warn about programs that lose much of their weight, if there are any."""
    described = missing.describe(prior)
    if described:
        warnings.warn(
            f"{int(missing.genes.sum())} gene(s) are treated as not measured in {n_cells:,} cell(s), because they were "
            f"filled with zeros, or have no counts although the model expects {MIN_EXPECTED:.0f} or more: "
            f"{some(prior.genes[missing.genes])}. {described} {REMEDY}",
            UserWarning,
            stacklevel=3,
        )


def typical_share(module: ProgramModule) -> np.ndarray:
    """Return the share of each gene in the counts of a typical training cell.

    It is computed from the mean of log-normalised counts, which is below the mean share for genes that few cells
    express.
    """
    encoder = module.z_encoder
    if not isinstance(encoder, blocks.PrimedEncoder):
        return np.zeros(module.decoder.n_genes)
    return np.expm1(encoder.mean.cpu().double().numpy()) / (blocks.TARGET_SUM * float(encoder.share))
