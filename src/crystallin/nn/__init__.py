"""Torch building blocks: small modules and pure functions. No scvi-tools, no AnnData."""

from ._decoder import ProgramDecoder
from ._encoder import PrimedEncoder
from ._initial import GeneMoments, StartingPoint, gene_moments, member_correlations, starting_point
from ._likelihood import CountLikelihood
from ._refine import Cells, SharedGenes, marginal_sd, refine, sample_posterior, shared_genes

__all__ = [
    "Cells",
    "CountLikelihood",
    "GeneMoments",
    "PrimedEncoder",
    "ProgramDecoder",
    "SharedGenes",
    "StartingPoint",
    "gene_moments",
    "marginal_sd",
    "member_correlations",
    "refine",
    "sample_posterior",
    "shared_genes",
    "starting_point",
]
