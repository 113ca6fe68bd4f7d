"""Shared parts of several tools: cells and means of groups, members of programs, activities, origins of results."""

from crystallin._part import on_all_genes, on_model_genes

from ._cells import Chosen, choose_cells
from ._free import free_programs
from ._group_means import GroupMeans, group_means
from ._members import members
from ._queries import with_measured
from ._refits import stability
from ._result import add_to_table, n_refits, origin_of, stored_activity

__all__ = [
    "Chosen",
    "add_to_table",
    "GroupMeans",
    "choose_cells",
    "free_programs",
    "group_means",
    "members",
    "n_refits",
    "on_all_genes",
    "on_model_genes",
    "origin_of",
    "stability",
    "stored_activity",
    "with_measured",
]
