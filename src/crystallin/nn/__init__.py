"""Torch building blocks: small modules and pure functions. No scvi-tools, no AnnData."""

from ._counts import SparseCounts
from ._decoder import ProgramDecoder
from ._edges import Edges
from ._encoder import PrimedEncoder
from ._initial import GeneMoments, StartingPoint, gene_moments, member_correlations, starting_point
from ._likelihood import CountLikelihood
from ._negative_binomial import nb_log_likelihood
from ._refine import Cells, SharedGenes, marginal_sd, refine, sample_posterior, shared_genes

__all__ = [
    "Cells",
    "CountLikelihood",
    "Edges",
    "GeneMoments",
    "PrimedEncoder",
    "ProgramDecoder",
    "SharedGenes",
    "SparseCounts",
    "StartingPoint",
    "gene_moments",
    "marginal_sd",
    "member_correlations",
    "nb_log_likelihood",
    "refine",
    "sample_posterior",
    "shared_genes",
    "starting_point",
]
