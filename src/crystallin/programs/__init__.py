"""Prior knowledge, before any model: gene sets, their alignment to a dataset's genes, decoys."""

from ._align import AlignedPrograms, align
from ._decoys import add_decoys
from ._matching import dealt_evenly, matched_genes
from ._prior import Prior, as_prior, make_prior
from ._sources import GeneSets, read_gene_sets, read_gmt

__all__ = [
    "AlignedPrograms",
    "GeneSets",
    "Prior",
    "add_decoys",
    "align",
    "as_prior",
    "dealt_evenly",
    "make_prior",
    "matched_genes",
    "read_gene_sets",
    "read_gmt",
]
