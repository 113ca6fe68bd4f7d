"""Checks of what users give: what was given, what is allowed, how to mend it. Nothing here changes its input."""

from __future__ import annotations

import difflib
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ._keys import NAMES, PARAMS, Keys

# rows of a backed matrix read at a time
CHUNK_ROWS = 8_192
# log1p of counts per 10,000 stays below this; raw counts of a whole panel usually do not
MAX_LOG_VALUE = 20.0


def check_adata(adata: Any) -> None:
    """Raise unless ``adata`` is an AnnData that can be written to: no view, not empty, unique names."""
    if not all(hasattr(adata, name) for name in ("obs", "var", "obsm", "varm", "uns", "layers")):
        msg = f"adata is a {type(adata).__name__}; give an AnnData."
        raise TypeError(msg)
    if adata.is_view:
        msg = "adata is a view of another AnnData; call `adata = adata.copy()` first."
        raise ValueError(msg)
    if adata.n_obs == 0 or adata.n_vars == 0:
        msg = f"adata is empty ({adata.n_obs} cells x {adata.n_vars} genes)."
        raise ValueError(msg)
    for axis, names in (("obs", adata.obs_names), ("var", adata.var_names)):
        if not names.is_unique:
            repeated = names[names.duplicated()].unique()
            msg = (
                f"adata.{axis}_names are not unique: {len(repeated)} name(s) occur more than once, e.g. "
                f"{_some(repeated)}. Call `adata.{axis}_names_make_unique()` first."
            )
            raise ValueError(msg)


def check_key(key: str | None, table: pd.DataFrame, argument: str, where: str = "adata.obs") -> None:
    """Raise unless ``key`` is ``None`` or a column of ``table``."""
    if key is None or key in table.columns:
        return
    close = difflib.get_close_matches(str(key), [str(column) for column in table.columns], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    msg = f"{argument}={key!r} is not a column of {where}, which has {_some(table.columns, 12)}.{hint}"
    raise KeyError(msg)


def check_layer(adata: Any, layer: str | None) -> None:
    """Raise unless ``layer`` is ``None`` or a layer of ``adata``."""
    if layer is not None and layer not in _named_layers(adata):
        listed = _some(_named_layers(adata), 12) or "none"
        msg = f"layer={layer!r} is not a layer of adata; it has {listed}. layer=None takes adata.X."
        raise KeyError(msg)


def check_categories(adata: Any, key: str | None, argument: str) -> None:
    """Raise on missing values in a categorical column; warn of categories without cells or with one."""
    check_key(key, adata.obs, argument)
    if key is None:
        return
    column = adata.obs[key]
    if column.isna().any():
        msg = (
            f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); name them "
            f"(adata.obs[{key!r}] = adata.obs[{key!r}].astype(str)) or drop these cells."
        )
        raise ValueError(msg)
    sizes = column.value_counts()
    if (sizes == 0).any():
        warnings.warn(
            f"{argument}={key!r} has categories without cells: {_some(sizes.index[sizes == 0])}. They take no part; "
            f"adata.obs[{key!r}].cat.remove_unused_categories() drops them.",
            UserWarning,
            stacklevel=4,
        )
    if (sizes == 1).any() and len(sizes) < adata.n_obs:
        warnings.warn(
            f"{argument}={key!r} has categories of a single cell: {_some(sizes.index[sizes == 1])}. What is special "
            "about such a cell cannot be told from its category.",
            UserWarning,
            stacklevel=4,
        )


def check_numeric(adata: Any, key: str, argument: str, *, positive: bool = False) -> None:
    """Raise unless a column of ``obs`` holds finite (and positive) numbers."""
    check_key(key, adata.obs, argument)
    column = adata.obs[key]
    if not pd.api.types.is_numeric_dtype(column) or not np.isfinite(column.to_numpy(dtype=float)).all():
        msg = f"{argument}={key!r} must hold finite numbers; it is {column.dtype} with {column.isna().sum()} missing."
        raise ValueError(msg)
    if positive and not (column > 0).all():
        msg = f"{argument}={key!r} must be positive; its smallest value is {column.min()}."
        raise ValueError(msg)


def check_counts(adata: Any, layer: str | None) -> None:
    """Raise unless the matrix holds counts: finite, non-negative, whole, some in every cell; warn of empty genes."""
    check_layer(adata, layer)
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        msg = f"adata.X is None.{_counts_elsewhere(adata, layer)}"
        raise ValueError(msg)
    gene_totals = np.zeros(adata.n_vars)
    empty_cells: list[int] = []
    problem, largest = "", 0.0
    for start, block in _row_blocks(matrix):
        values = block.data if sparse.issparse(block) else np.asarray(block)
        problem = problem or _value_problem(values)
        largest = max(largest, float(values.max(initial=0)) if values.size else 0.0)
        if problem and problem != "fractions":
            break
        empty_cells.extend((start + np.flatnonzero(np.asarray(block.sum(axis=1)).ravel() == 0)).tolist())
        gene_totals += np.asarray(block.sum(axis=0)).ravel()
    if problem == "fractions":
        problem = (
            "look log-normalised (not whole numbers, all small)"
            if largest < MAX_LOG_VALUE
            else "are not whole numbers (normalised, or corrected?)"
        )
    if problem:
        msg = (
            f"{where} must hold raw counts, but its values {problem}.{_counts_elsewhere(adata, layer)} "
            "Corrected counts can be rounded with numpy.rint."
        )
        raise ValueError(msg)
    if empty_cells:
        msg = (
            f"{len(empty_cells)} cell(s) have no counts in {where}, e.g. {_some(adata.obs_names[empty_cells[:5]])}. "
            "Drop them first: sc.pp.filter_cells(adata, min_counts=1)."
        )
        raise ValueError(msg)
    if (gene_totals == 0).any():
        names = adata.var_names[gene_totals == 0]
        warnings.warn(
            f"{len(names)} gene(s) have no counts in {where}, e.g. {_some(names)}; they carry no information. "
            "sc.pp.filter_genes(adata, min_counts=1) drops them (before add_programs).",
            UserWarning,
            stacklevel=4,
        )


def _row_blocks(matrix: Any) -> Iterator[tuple[int, Any]]:
    """Blocks of rows: the whole of a matrix in memory, chunks of one on disk."""
    in_memory = sparse.issparse(matrix) or isinstance(matrix, np.ndarray)
    step = max(matrix.shape[0], 1) if in_memory else CHUNK_ROWS
    for start in range(0, matrix.shape[0], step):
        yield start, matrix if in_memory else matrix[start : start + step]


def _value_problem(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return "include NaN or infinity"
    if (values < 0).any():
        return f"include negative numbers (smallest {values.min():.4g}; scaled?)"
    return "fractions" if (values != np.floor(values)).any() else ""


def _counts_elsewhere(adata: Any, layer: str | None) -> str:
    """Name the places that look like counts."""
    others = [name for name in _named_layers(adata) if name != layer]
    found = [f"layer={name!r}" for name in others if _looks_like_counts(adata.layers[name])]
    if layer is not None and adata.X is not None and _looks_like_counts(adata.X):
        found.append("layer=None (adata.X)")
    if adata.raw is not None and _looks_like_counts(adata.raw.X):
        found.append("adata.raw (take adata.raw.to_adata())")
    return f" These look like counts: {', '.join(found)}." if found else " No other layer looks like counts."


def _named_layers(adata: Any) -> list[str]:
    """Layers without ``X``, which anndata 0.13 lists among them as ``None``."""
    return [name for name in adata.layers if name is not None]


def _looks_like_counts(matrix: Any) -> bool:
    part = matrix[: min(matrix.shape[0], 200)]
    values = part.data if sparse.issparse(part) else np.asarray(part)
    return values.size > 0 and _value_problem(values) == "" and bool((values > 0).any())


def hash_names(names: Iterable[str]) -> str:
    """Short hash of names in their order, to notice that the genes changed."""
    return hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()[:16]


def check_programs(adata: Any, keys: Keys) -> None:
    """Raise unless programs were added to this AnnData and its genes are still the same."""
    if keys.uns not in adata.uns or keys.prior not in adata.varm:
        added = [key for key in adata.varm if PARAMS in adata.uns.get(key, {})]
        hint = f" Programs are there under {_some(added)}: pass programs_key." if added else ""
        msg = f"adata has no programs under {keys.prefix!r}; call crystallin.pp.add_programs(adata, …) first.{hint}"
        raise KeyError(msg)
    params = adata.uns[keys.uns][PARAMS]
    if params["var_names_hash"] != hash_names(adata.var_names):
        msg = (
            f"The genes of adata changed since its programs were added (then {params['n_vars']}, now {adata.n_vars}; "
            "or their names or order). Call crystallin.pp.add_programs again after selecting genes."
        )
        raise ValueError(msg)


def check_table(adata: Any, keys: Keys) -> None:
    """Raise unless names and table of programs are there under ``keys``."""
    if keys.uns not in adata.uns or NAMES not in adata.uns[keys.uns]:
        msg = (
            f"adata.uns has no programs under {keys.uns!r}; call crystallin.pp.add_programs (or, for a query, "
            "crystallin.tl.activity) first, or name the key they were added under."
        )
        raise KeyError(msg)


def check_same_programs(stored: Sequence[str], names: np.ndarray, key: str) -> None:
    """Raise unless the programs stored in AnnData are the model's."""
    if [str(name) for name in stored] != names.tolist():
        msg = (
            f"The programs under {key!r} ({len(stored)}, e.g. {_some(stored, 3)}) are not those of the model "
            f"({len(names)}, e.g. {_some(names, 3)}). Train a model on these programs, or give another key_added."
        )
        raise ValueError(msg)


def check_activity(adata: Any, keys: Keys) -> None:
    """Raise unless activities were written under ``keys``."""
    check_table(adata, keys)
    if keys.activity not in adata.obsm:
        msg = (
            f"adata has no activities under {keys.activity!r}; call crystallin.tl.activity(adata, model) first, or "
            "name the key they were added under."
        )
        raise KeyError(msg)


def check_loadings(adata: Any, keys: Keys) -> None:
    """Raise unless loadings, and the prior they belong to, were written under ``keys``."""
    check_table(adata, keys)
    if keys.loadings not in adata.varm or keys.prior not in adata.varm:
        msg = (
            f"adata has no loadings under {keys.loadings!r} with a prior under {keys.prior!r}; call "
            "crystallin.tl.loadings(adata, model) on the data that crystallin.pp.add_programs was called on."
        )
        raise KeyError(msg)


def check_program_names(wanted: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return ``wanted`` as a list, raising on names that are not programs."""
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    known_set = set(known)
    for name in wanted:
        if name not in known_set:
            close = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.4)
            hint = f"Did you mean {_some(close)}?" if close else f"There are {_some(known)}."
            msg = f"{name!r} is not one of the {len(known)} programs. {hint}"
            raise KeyError(msg)
    return wanted


def check_same_genes(var_names: pd.Index, genes: np.ndarray) -> None:
    """Raise unless the data's genes are the model's, in the model's order."""
    if len(var_names) == len(genes) and (var_names.to_numpy(dtype=str) == genes).all():
        return
    missing = np.setdiff1d(genes, var_names.to_numpy(dtype=str))
    if not len(missing) and len(var_names) == len(genes):
        problem = "has the model's genes in another order"
    elif not len(missing):
        problem = f"has {len(var_names) - len(genes)} genes that the model does not know"
    else:
        problem = f"lacks {len(missing)} of the model's {len(genes)} genes, e.g. {_some(missing)}"
    msg = (
        f"adata {problem}. ProgramVAE.prepare_query_anndata(adata, model) brings genes into the model's order, drops "
        "the others and fills missing ones with zeros."
    )
    raise ValueError(msg)


def check_int(value: Any, argument: str, minimum: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        msg = f"{argument}={value!r} must be a whole number of at least {minimum}."
        raise ValueError(msg)


def check_choice(value: Any, argument: str, allowed: Sequence[str]) -> None:
    """Raise unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        msg = f"{argument}={value!r} is not one of {', '.join(map(repr, allowed))}."
        raise ValueError(msg)


def _some(names: Iterable[Any], n: int = 5) -> str:
    """First few of the names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(repr(str(name)) for name in names[:n]) + more
