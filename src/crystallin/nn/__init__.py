"""Torch building blocks: small modules and pure functions, without scvi-tools and AnnData."""

from ._attribution import Reader
from ._contributions import Pull, departure, solves
from ._counts import SparseCounts
from ._covariance import (
    AverageCell,
    RunningMean,
    SharedGenes,
    exact_posteriors,
    marginal_sd,
    precision_cholesky,
    sample_posterior,
    shared_genes,
)
from ._decoder import ProgramDecoder
from ._deviance import Deviance, deviance
from ._edges import Edges, Weight
from ._encoder import TARGET_SUM, PrimedEncoder
from ._evidence import GeneRegression, Regressors
from ._free import AUTO, Leftover, free_start, n_free_dimensions, typicality
from ._importance import fit_by_program
from ._information import Information
from ._initial import (
    GeneMoments,
    StartingPoint,
    gene_moments,
    member_correlations,
    starting_point,
)
from ._interactions import interactions
from ._likelihood import CountLikelihood
from ._methods import METHODS as ATTRIBUTION_METHODS
from ._methods import Method as AttributionMethod
from ._methods import Path, attribute
from ._negative_binomial import nb_log_likelihood
from ._quadrature import DeepReader
from ._refine import Cells, Point, draw, refine
from ._refined import near_modes, precise_mode
from ._rows import rows_of
from ._surrogate import Surrogate
from ._total import TotalReading, UniqueReading, total_gene_weights, total_matrix
from ._totals import of_this_process

__all__ = [
    "ATTRIBUTION_METHODS",
    "AUTO",
    "AttributionMethod",
    "AverageCell",
    "Cells",
    "CountLikelihood",
    "DeepReader",
    "Deviance",
    "Edges",
    "GeneMoments",
    "GeneRegression",
    "Information",
    "Leftover",
    "Path",
    "Point",
    "PrimedEncoder",
    "ProgramDecoder",
    "Pull",
    "Reader",
    "Regressors",
    "RunningMean",
    "SharedGenes",
    "SparseCounts",
    "StartingPoint",
    "Surrogate",
    "TARGET_SUM",
    "TotalReading",
    "UniqueReading",
    "Weight",
    "attribute",
    "departure",
    "deviance",
    "draw",
    "exact_posteriors",
    "fit_by_program",
    "gene_moments",
    "interactions",
    "marginal_sd",
    "member_correlations",
    "nb_log_likelihood",
    "near_modes",
    "of_this_process",
    "precise_mode",
    "precision_cholesky",
    "refine",
    "rows_of",
    "sample_posterior",
    "shared_genes",
    "solves",
    "starting_point",
    "total_gene_weights",
    "total_matrix",
]
