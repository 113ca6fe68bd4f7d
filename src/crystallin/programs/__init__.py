"""Prior knowledge, independent of any model: gene sets, their alignment to the genes of a data set, decoys."""

from ._align import AlignedPrograms, align
from ._blood import blood_profiles
from ._decoys import add_decoys
from ._edges import name_of
from ._gmt import read_gmt
from ._listed import listed
from ._matching import dealt_evenly, matched_genes
from ._mismatch import ENSEMBL, likely_cause, without_version
from ._null_sets import DegreePool, exchanged, expression_classes, kept_when_exchanged, rewired, strata_of
from ._overlap import families, nearest, similarity, variance_inflation
from ._prior import Prior, as_prior, make_prior
from ._sources import GeneSets, read_gene_sets
from ._write_gmt import write_gmt

__all__ = [
    "AlignedPrograms",
    "DegreePool",
    "ENSEMBL",
    "GeneSets",
    "Prior",
    "add_decoys",
    "align",
    "as_prior",
    "blood_profiles",
    "dealt_evenly",
    "exchanged",
    "expression_classes",
    "families",
    "kept_when_exchanged",
    "likely_cause",
    "listed",
    "make_prior",
    "matched_genes",
    "name_of",
    "nearest",
    "read_gene_sets",
    "read_gmt",
    "rewired",
    "similarity",
    "strata_of",
    "variance_inflation",
    "without_version",
    "write_gmt",
]
