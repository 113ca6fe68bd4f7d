"""Loading of exported models. Nothing in their files is trusted: no code is run, and every size is checked first."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load

from crystallin import _checks as checks
from crystallin.nn import n_free_dimensions
from crystallin.programs import Prior, as_prior

from ._compat import parse_device_args
from ._described import check_summary
from ._export import FORMAT, FORMAT_VERSION, OF_MODULE, is_edge
from ._members import CARD, MODEL, REMEDY, WEIGHTS, Members, parsed
from ._model import ProgramVAE
from ._portable import CLASS, problem_of, sizes_of
from ._surgery import train_new_rows_only
from ._tree import unflatten

# arguments of the model that are not derived from the prior and the registry
INIT = (
    "programs_key",
    "n_unannotated",
    "n_hidden",
    "context",
    "dropout_rate",
    "dispersion",
    "gene_likelihood",
    "random_state",
)
SECTIONS = ("training", "programs", "gene_ids", "init", "registry", "n_reference", "reference", "prior", "licence")
# errors that wrong values in a file lead to
OF_CONTENT = (ArithmeticError, AttributeError, LookupError, RecursionError, RuntimeError, TypeError, ValueError)


def read_exported(source: str | Path) -> ProgramVAE:
    """Load a model that :meth:`ProgramVAE.export` wrote.

    Parameters
    ----------
    source
        Folder, or ``.zip`` file.

    Returns
    -------
    The trained model, without data, on the GPU if there is one.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no exported model, or it is incomplete, changed, damaged or of a newer version.
    """
    path = Path(source).expanduser()
    with Members(path) as members:
        tree = parsed(members.read(MODEL), MODEL, path)
        _check_format(tree, path)
        arrays = _read_arrays(members.read(WEIGHTS), path)
        card, is_edited = members.read_card()
    try:
        sections = {name: unflatten(tree[name], arrays) for name in SECTIONS}
        # only in models of queries
        sections["mapped"] = unflatten(tree.get("mapped"), arrays)
        model = _build(sections, arrays)
    except OF_CONTENT as error:
        msg = f"The exported model at {str(path)!r} is not valid: {_reason(error)}. {REMEDY}"
        raise ValueError(msg) from error
    model.card_ = card
    model.licence_ = str(sections["licence"])
    if is_edited:
        warnings.warn(
            f"{CARD} in {str(path)!r} was changed after the export. The model itself is the one that was exported.",
            UserWarning,
            stacklevel=3,
        )
    return model


def _check_format(tree: Any, path: Path) -> None:
    """Raise an error unless this version of crystallin can read the model."""
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        msg = (
            f"{MODEL} in {str(path)!r} does not describe a model of crystallin. Give one that ProgramVAE.export wrote."
        )
        raise ValueError(msg)
    version = tree.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        made_with = tree.get("versions")
        by = made_with.get("crystallin") if isinstance(made_with, dict) else None
        msg = (
            f"The model at {str(path)!r} has version {version} of the format, written by crystallin {str(by)[:20]}; "
            f"this crystallin reads version {FORMAT_VERSION}. Upgrade it: pip install --upgrade crystallin."
        )
        raise ValueError(msg)
    missing = [name for name in SECTIONS if name not in tree]
    if version != FORMAT_VERSION or missing:
        msg = f"{MODEL} in {str(path)!r} is damaged: it lacks {checks.some(missing) or 'its version'}. {REMEDY}"
        raise ValueError(msg)
    if tree.get("class") != CLASS:
        msg = f"The model at {str(path)!r} is a {str(tree.get('class'))[:40]}; only a {CLASS} can be loaded."
        raise ValueError(msg)


def _read_arrays(content: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        arrays = load(content)
    except (SafetensorError, *OF_CONTENT) as error:
        msg = (
            f"{WEIGHTS} in {str(path)!r} is not a file of safetensors ({_reason(error)}). Nothing else is read, "
            f"because other formats may run code. {REMEDY}"
        )
        raise ValueError(msg) from error
    # safetensors gives views of the file, which cannot be written
    return {name: array.copy() for name, array in arrays.items()}


def _build(sections: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ProgramVAE:
    """Return the model; errors are those of :data:`OF_CONTENT`."""
    prior = as_prior(sections["prior"])
    _check_prior(prior)
    registry, init, training = sections["registry"], sections["init"], sections["training"]
    problem = problem_of(registry, prior.genes)
    if problem:
        msg = f"the registry of the data cannot be used: {problem}"
        raise ValueError(msg)
    if not isinstance(init, dict) or set(init) != set(INIT) or not isinstance(init["programs_key"], str):
        msg = f"the arguments of the model are not {checks.some(INIT, len(INIT))}"
        raise ValueError(msg)
    check_summary(training)
    ids = sections["gene_ids"]
    if ids is not None and (not _is_text(ids) or ids.shape != prior.genes.shape):
        msg = "the identifiers of genes are not one text for each gene"
        raise ValueError(msg)
    weights = {name.removeprefix(OF_MODULE): a for name, a in arrays.items() if name.startswith(OF_MODULE)}
    # before the module is built, which takes as much memory as the numbers in the file ask for
    _check_sizes(weights, prior, registry=registry, init=init)
    with warnings.catch_warnings():
        # warnings about the programs were given when the model was made
        warnings.simplefilter("ignore", UserWarning)
        model = ProgramVAE(registry=registry, prior=prior.to_dict(), **init)
    _load_weights(model, weights)
    model.is_trained_ = True
    model.gene_ids_, model.reference_, model.training_summary_ = ids, sections["reference"], training
    model.set_licences_ = _licences(sections["programs"])
    if sections["mapped"] is not None:
        _check_mapped(sections["mapped"], model)
        model.mapped_ = sections["mapped"]
    n_reference = sections["n_reference"]
    if n_reference is not None:
        _check_reference(n_reference, sizes_of(registry)[0])
        train_new_rows_only(model.module, n_reference)
    model.n_reference_ = n_reference
    _, _, device = parse_device_args("auto", "auto", return_device="torch", validate_single_device=True)
    model.to_device(device)
    model.module.eval()
    return model


def _check_prior(prior: Prior) -> None:
    """Raise an error unless edges are between genes and programs that exist."""
    edges = {"gene": prior.n_genes, "program": prior.n_programs}
    for name, n in edges.items():
        place = getattr(prior, name)
        if place.ndim != 1 or place.dtype != np.int64 or len(place) != len(prior.weight):
            msg = f"the prior's {name} is not one position for each edge"
            raise ValueError(msg)
        if len(place) and not 0 <= place.min() <= place.max() < n:
            msg = f"the prior has edges to a {name} that does not exist"
            raise ValueError(msg)
    for name, names in (("genes", prior.genes), ("programs", prior.programs)):
        if not _is_text(names) or names.ndim != 1 or not len(names) or len(set(names.tolist())) < len(names):
            msg = f"the prior's {name} are not names that differ"
            raise ValueError(msg)
    weight, is_decoy = prior.weight, prior.is_decoy
    if weight.ndim != 1 or weight.dtype != np.float32 or not np.isfinite(weight).all() or not weight.all():
        msg = "the prior's weights are not finite numbers other than 0"
        raise ValueError(msg)
    n_different = len(np.unique(prior.program * prior.n_genes + prior.gene))
    flags = {"is_decoy": (is_decoy, prior.n_programs), "added": (prior.added, len(weight))}
    wrong = [name for name, (flag, n) in flags.items() if flag is not None and not _is_flag(flag, n)]
    if wrong or n_different < len(weight):
        msg = f"the prior's {', '.join(wrong) or 'edges'} are not valid"
        raise ValueError(msg)
    table = prior.table
    if table is not None and not (
        isinstance(table, dict)
        and all(isinstance(column, np.ndarray) and column.shape == prior.programs.shape for column in table.values())
    ):
        msg = "the table of programs does not have one value for each program"
        raise ValueError(msg)


def _is_text(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "U"


def _is_flag(values: Any, n: int) -> bool:
    return isinstance(values, np.ndarray) and values.dtype == bool and values.shape == (n,)


def _check_sizes(
    weights: Mapping[str, np.ndarray], prior: Prior, *, registry: Mapping[str, Any], init: Mapping[str, Any]
) -> None:
    """Raise an error if weights do not have the shapes that prior, registry and arguments call for."""
    checks.check_int(init["n_hidden"], "n_hidden", 1)
    checks.check_bool(init["context"], "context")
    checks.check_number(init["dropout_rate"], "dropout_rate", 0, 1)
    (n_batch, *others), n_continuous = sizes_of(registry)
    n_free, n_genes = n_free_dimensions(init["n_unannotated"]), prior.n_genes
    expected = {
        "decoder.loadings": (len(prior.weight),),
        "decoder.unannotated": (n_free, n_genes),
        "decoder.continuous": (n_continuous, n_genes),
        "z_encoder.batch_shift": (n_batch, prior.n_programs + n_free),
        **{f"decoder.categorical.{place}": (n, n_genes) for place, n in enumerate([n_batch, *others])},
        "px_r": (n_genes, n_batch) if init["dispersion"] == "gene-batch" else (n_genes,),
    }
    if init["context"]:
        expected["z_encoder.context.0.weight"] = (init["n_hidden"], n_genes)
    _check_shapes(weights, expected)


def _check_shapes(weights: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in expected.items():
        if name not in weights:
            msg = f"there is no weight {name}"
            raise ValueError(msg)
        if weights[name].shape != shape:
            msg = f"weight {name} has shape {weights[name].shape}, but prior and settings call for {shape}"
            raise ValueError(msg)


def _load_weights(model: ProgramVAE, weights: Mapping[str, np.ndarray]) -> None:
    """Set parameters and buffers; raise an error if names, shapes or values are not valid."""
    own = model.module.state_dict()
    _check_shapes(weights, {name: tuple(own[name].shape) for name in own if name in weights})
    state = {name: value for name, value in own.items() if is_edge(name)}
    for name, array in weights.items():
        if name in state or name not in own:
            msg = f"the model has no weight {name[:80]!r}"
            raise ValueError(msg)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            msg = f"weight {name} has NaN or infinite values"
            raise ValueError(msg)
        if (array.dtype.kind == "f") != own[name].is_floating_point():
            msg = f"weight {name} holds {array.dtype}"
            raise ValueError(msg)
        state[name] = torch.from_numpy(array).to(own[name].dtype)
    model.module.load_state_dict(state)


def _check_mapped(mapped: Any, model: ProgramVAE) -> None:
    """Raise an error unless this is what the model of a query keeps of its reference."""
    n_programs = model._prior.n_programs
    numbers = {"totals": (n_programs, model.module.n_latent), "measured": (n_programs,), "shift": None}
    if not isinstance(mapped, dict) or set(mapped) != {*numbers, "free_names"} or not _is_text(mapped["free_names"]):
        msg = "what the query keeps of its reference is not complete"
        raise ValueError(msg)
    for name, shape in numbers.items():
        array = mapped[name]
        is_real = isinstance(array, np.ndarray) and array.dtype.kind == "f" and np.isfinite(array).all()
        if not is_real or array.shape != (shape or (array.size,)):
            msg = f"{name} of the query are not finite numbers of the right shape"
            raise ValueError(msg)


def _licences(programs: Any) -> dict[str, str] | None:
    """Return the notes on licences by program."""
    notes = {program["name"]: program["licence"] for program in programs if program["licence"]}
    if not all(isinstance(part, str) for note in notes.items() for part in note):
        msg = "licences of gene sets are not text"
        raise ValueError(msg)
    return notes or None


def _check_reference(n_reference: Any, n_categories: list[int]) -> None:
    """Raise an error unless a query has at least the categories of its reference."""
    if not isinstance(n_reference, list) or len(n_reference) != len(n_categories):
        msg = "the numbers of categories of the reference are not valid"
        raise ValueError(msg)
    if not all(type(n) is int and 0 < n <= own for n, own in zip(n_reference, n_categories, strict=True)):
        msg = "the reference has other categories than the model"
        raise ValueError(msg)


def _reason(error: BaseException) -> str:
    """Return the message of an error as a part of a sentence, or its type if it has none."""
    text = " ".join(str(error).split())[:300].rstrip(".")
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"
