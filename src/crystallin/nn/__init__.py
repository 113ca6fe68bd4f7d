"""Torch building blocks: small modules and pure functions. No scvi-tools, no AnnData."""

from ._attribution import METHODS as ATTRIBUTION_METHODS
from ._attribution import Reader, attribute
from ._contributions import gene_contributions
from ._counts import SparseCounts
from ._covariance import AverageCell, SharedGenes, marginal_sd, precision_cholesky, sample_posterior, shared_genes
from ._decoder import ProgramDecoder
from ._edges import Edges, Weight
from ._encoder import PrimedEncoder
from ._initial import GeneMoments, StartingPoint, gene_moments, member_correlations, starting_point
from ._likelihood import CountLikelihood
from ._negative_binomial import nb_log_likelihood
from ._refine import Cells, Information, Point, draw, refine

__all__ = [
    "ATTRIBUTION_METHODS",
    "AverageCell",
    "Cells",
    "CountLikelihood",
    "Edges",
    "GeneMoments",
    "Information",
    "Point",
    "PrimedEncoder",
    "ProgramDecoder",
    "Reader",
    "SharedGenes",
    "SparseCounts",
    "StartingPoint",
    "Weight",
    "attribute",
    "draw",
    "gene_contributions",
    "gene_moments",
    "marginal_sd",
    "member_correlations",
    "nb_log_likelihood",
    "precision_cholesky",
    "refine",
    "sample_posterior",
    "shared_genes",
    "starting_point",
]
