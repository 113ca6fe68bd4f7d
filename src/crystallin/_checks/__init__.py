"""Checks of user input. Errors say what was given, what is allowed and how to correct it; no input is changed."""

from ._aligned import check_aligned, check_indices
from ._anndata import check_adata, check_key, check_layer
from ._columns import check_categories, check_column_lists, check_numeric, check_varies
from ._comparisons import check_comparison
from ._counts import check_counts, check_layout
from ._groups import ALL, REST, check_among, check_covariates, check_groups
from ._known import check_known, check_same_kind
from ._labels import Labels, check_labels, label_name, name_labels
from ._layout import RowReader, canonical_csr, is_in_memory, is_simple, row_blocks, rows_of
from ._matrix import check_matrix
from ._programs import (
    check_activity,
    check_explainable,
    check_fresh,
    check_genes,
    check_loadings,
    check_program,
    check_program_names,
    check_programs,
    check_reading,
    check_same_genes,
    check_same_programs,
    check_table,
    hash_names,
)
from ._results import check_result, is_of_other_model, is_replaced
from ._slots import (
    check_new_columns,
    check_programs_key,
    check_result_key,
    check_slot_name,
    is_programs,
    kind_of,
    programs_keys,
)
from ._values import check_bool, check_choice, check_int, check_number, check_profiles, check_sizes, check_types
from ._words import some

__all__ = [
    "RowReader",
    "ALL",
    "REST",
    "Labels",
    "canonical_csr",
    "check_activity",
    "check_adata",
    "check_aligned",
    "check_among",
    "check_bool",
    "check_categories",
    "check_choice",
    "check_column_lists",
    "check_comparison",
    "check_counts",
    "check_covariates",
    "check_explainable",
    "check_fresh",
    "check_genes",
    "check_groups",
    "check_indices",
    "check_int",
    "check_key",
    "check_known",
    "check_labels",
    "check_layer",
    "check_layout",
    "check_loadings",
    "check_matrix",
    "check_new_columns",
    "check_number",
    "check_numeric",
    "check_profiles",
    "check_program",
    "check_program_names",
    "check_reading",
    "check_programs",
    "check_programs_key",
    "check_result",
    "check_result_key",
    "check_same_genes",
    "check_same_kind",
    "check_same_programs",
    "check_sizes",
    "check_slot_name",
    "check_table",
    "check_types",
    "check_varies",
    "hash_names",
    "is_of_other_model",
    "is_programs",
    "is_replaced",
    "kind_of",
    "label_name",
    "name_labels",
    "programs_keys",
    "is_in_memory",
    "is_simple",
    "row_blocks",
    "rows_of",
    "some",
]
