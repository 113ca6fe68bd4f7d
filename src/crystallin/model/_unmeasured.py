"""Genes that the data do not measure, and programs that cannot be read without them.

A gene that an experiment does not measure is zero in all cells, and the model would take it for a gene that is not
expressed. It is told from a gene that happens not to be seen by how many counts the model expects of it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin._checks import some

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule

# Counts expected of a gene without any, from which it is taken for not measured. Cells of one type alone lack genes of
# the others, but not altogether: of the expected counts, a few per cent are there in PBMC (doublets, ambient RNA).
# From 10 on, types that are cut out of PBMC data lose half of some program; from 30 on, a tenth of two at most.
MIN_EXPECTED = 30.0
# shares of a program's weight on genes that are not measured, from which it is named, and not read
MAX_LOST_SILENTLY, MAX_LOST = 0.1, 0.5
# counts of a cell, where they are not known; shares depend on it little
TYPICAL_DEPTH = 2_000.0


@dataclass(frozen=True)
class Unmeasured:
    """What data do not measure.

    Attributes
    ----------
    genes
        Which genes.
    lost
        Share of each program's weight on these genes: squared loadings times the information of a count about its log
        rate, at the typical rate of the gene in the training cells and the depth of the cells at hand.
    """

    genes: np.ndarray
    lost: np.ndarray

    @property
    def withheld(self) -> np.ndarray:
        """Which programs are not to be read."""
        return self.lost > MAX_LOST

    def describe(self, prior: Prior) -> str:
        """Programs that lose much, with the share of their weight that is lost; nothing if there are none."""
        # worst first; decoys interest nobody
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
            parts.append(f"Not read (NaN), because most of their weight lies on these genes: {named(refused)}.")
        if biased:
            parts.append(f"Biased towards low activities, because some of it does: {named(biased)}.")
        return " ".join(parts)


REMEDY = "Activities that can be compared need a model of the genes that both data have: train one on these."


def silent(module: ProgramModule, gene_totals: np.ndarray) -> np.ndarray:
    """Which genes have no count in some cells although many are expected, from the sums of their counts."""
    return (gene_totals == 0) & (_typical_share(module) * gene_totals.sum() >= MIN_EXPECTED)


@torch.no_grad()
def without(module: ProgramModule, genes: np.ndarray, depth: float = TYPICAL_DEPTH) -> Unmeasured:
    """What programs lose with these genes in cells of this depth."""
    n_programs = module.n_programs
    if not genes.any():
        return Unmeasured(genes, np.zeros(n_programs))
    rate = depth * _typical_share(module)
    theta = module.px_r.exp().cpu().double().numpy()
    theta = theta if theta.ndim == 1 else theta.mean(1)
    weight = module.decoder.weight().dense()[:n_programs].cpu().double().numpy()
    weight = weight**2 * (rate / (1 + rate / theta))
    total = weight.sum(1)
    lost = np.divide(weight[:, genes].sum(1), total, out=np.zeros(n_programs), where=total > 0)
    return Unmeasured(genes, lost)


def warn_of(missing: Unmeasured, prior: Prior, n_cells: int) -> None:
    """Name programs that lose much of their weight, if there are any."""
    described = missing.describe(prior)
    if described:
        warnings.warn(
            f"{int(missing.genes.sum())} gene(s) are taken for not measured in {n_cells:,} cell(s), as they were "
            f"filled with zeros or have no counts where the model expects {MIN_EXPECTED:.0f} or more: "
            f"{some(prior.genes[missing.genes])}. {described} {REMEDY}",
            UserWarning,
            stacklevel=3,
        )


def _typical_share(module: ProgramModule) -> np.ndarray:
    """Share of each gene in the counts of a typical training cell.

    From the mean of log-normalised counts, which is below the mean share: of a gene that few cells express, most are
    not to be expected.
    """
    encoder = module.z_encoder
    if not isinstance(encoder, blocks.PrimedEncoder):
        return np.zeros(module.decoder.n_genes)
    return np.expm1(encoder.mean.cpu().double().numpy()) / blocks.TARGET_SUM
