"""Export of trained models to files without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save

from crystallin import _checks as checks

from ._card import card_of
from ._described import check_gene_ids, check_licences, describe_programs, origin_of
from ._members import CARD, MODEL, WEIGHTS, check_target, write_members
from ._portable import portable_registry
from ._tree import flatten

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.programs import Prior

    from ._module import ProgramModule

FORMAT, FORMAT_VERSION = "crystallin-model", 1
# beginning of the names of the module's parameters and buffers among the arrays
OF_MODULE = "module."
DTYPES = ("float32", "float16")
NETWORK = "z_encoder.context."


class ExportMixin:
    """``export``, and what a model says about itself besides its weights."""

    module: ProgramModule
    adata: AnnData | None
    history_: dict[str, pd.DataFrame] | None
    registry_: dict[str, Any]
    init_params_: dict[str, Any]
    _prior: Prior
    # scvi-tools saves attributes whose names end with an underscore
    #: Identifiers of the model's genes, given to :meth:`export`; ``None`` if only their names are known.
    gene_ids_: np.ndarray | None = None
    #: Summary of reference data, by which new data are judged; ``None`` if there is none.
    reference_: dict[str, Any] | None = None
    #: Licences of gene sets by program, given to :meth:`export`.
    set_licences_: dict[str, str] | None = None
    #: Summary of the training of an exported model, which is loaded without its history.
    training_summary_: dict[str, Any] | None = None
    #: Model card of an exported model.
    card_: str | None = None
    licence_: str = ""

    def export(
        self,
        path: str | Path,
        *,
        card: str = "",
        licence: str = "",
        set_licences: str | Mapping[str, str] | None = None,
        gene_ids: str | Sequence[str] | Mapping[str, str] | pd.Series | None = None,
        dtype: Literal["float32", "float16"] = "float32",
        overwrite: bool = False,
    ) -> Path:
        """Write the trained model to files that others can load without running code from them.

        Unlike ``save``, which pickles, this writes JSON and safetensors: the weights, the programs with their sources,
        a summary of the training, a model card and checksums. Data are not written, except for the names of genes,
        batches and categories. Load the model with :func:`crystallin.load`. To share it on the Hugging Face Hub, upload
        the files of the folder: ``hf upload organisation/name folder``.

        Parameters
        ----------
        path
            Folder to write, or a file that ends with ``.zip``.
        card
            Text for the model card (``README.md``), in Markdown: what the model is for, and where the data come from.
        licence
            Licence of the model, such as ``"cc-by-4.0"``; empty for that with which a loaded model came.
        set_licences
            Licence or source of the gene sets: a text for all, or a dict from program to text, with ``"*"`` for those
            that it does not name. Sets of the built-in ``"immune"`` collection have a note by default.
        gene_ids
            Identifiers of the genes, such as those of Ensembl, by which data with other names can be mapped: one for
            each gene of the model, a dict or Series from gene to identifier, or a column of ``model.adata.var``. An
            empty text stands for a gene without one. They are kept in ``model.gene_ids_``. ``None`` uses those that
            the model has.
        dtype
            ``"float16"`` writes the encoder's network, most of the weights, in half precision. Most
            activities then change by less than .001, and few by up to a tenth of their standard deviation.
        overwrite
            Replace an exported model at ``path``. A folder that holds other files as well is never replaced.

        Returns
        -------
        The path.

        Raises
        ------
        FileExistsError, NotADirectoryError
            If there is something at ``path`` already, or no folder can be made there.
        KeyError, TypeError, ValueError
            If an argument is not valid, weights are not finite, or ``model.reference_`` contains an object that cannot
            be stored.
        RuntimeError
            If the model is not trained.

        Nothing is written if an error is raised.

        Examples
        --------
        >>> model.export("my_model", licence="cc-by-4.0", gene_ids="ensembl_id")  # doctest: +SKIP
        >>> model = cr.load("my_model")  # doctest: +SKIP
        """
        target = _check_arguments(path, card=card, licence=licence, dtype=dtype, overwrite=overwrite)
        if not self.is_trained_:
            msg = "The model is not trained, so there is nothing to export. Call model.train() first."
            raise RuntimeError(msg)
        notes = check_licences(set_licences, self._prior, self.set_licences_)
        ids = self.gene_ids_ if gene_ids is None else check_gene_ids(gene_ids, self._prior.genes, self.adata)
        described = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "class": type(self).__name__,
            "versions": {package: version(package) for package in ("crystallin", "scvi-tools", "torch")},
            "licence": licence.strip() or self.licence_,
            "training": self._training_summary(),
            "gene_ids": ids,
            # the prior is written once, below
            "init": {name: value for name, value in self.init_params_["non_kwargs"].items() if name != "prior"},
            "registry": portable_registry(self.registry_, self._prior.genes),
            "n_reference": getattr(self, "n_reference_", None),
            "mapped": self.mapped_,
            "reference": self.reference_,
            "prior": self._prior.to_dict(),
        }
        described["programs"] = describe_programs(self._prior, described["training"]["origin"], notes)
        tree, arrays = {}, {}
        for name, value in described.items():
            tree[name], of_value = flatten(value, name)
            arrays |= of_value
        members = {
            WEIGHTS: save(arrays | weights_of(self.module, dtype)),
            MODEL: json.dumps(tree, indent=1, allow_nan=False).encode(),
            # a lone surrogate, which a name may contain, cannot be written
            CARD: card_of(described, target.name, card).encode("utf-8", "replace"),
        }
        write_members(target, members)
        self.gene_ids_, self.set_licences_ = ids, notes or None
        return target

    def _training_summary(self) -> dict[str, Any]:
        """Return numbers about the training, or those that came with the model."""
        if not self.history_ and self.training_summary_ is not None:
            return self.training_summary_
        history = {name: values for name, values in (self.history_ or {}).items() if len(values)}
        fields, setup = self.registry_["field_registries"], self.registry_["setup_args"]
        batch_key = setup.get("batch_key")
        known = fields["batch"]["state_registry"]["categorical_mapping"]
        return {
            "n_obs": int(fields["X"]["state_registry"]["n_obs"]),
            "n_vars": self._prior.n_genes,
            "epochs": len(history.get("elbo_train", ())),
            "posterior_epochs": len(history.get("reconstruction_loss_posterior", ())),
            "metrics": {name: float(values.iloc[-1, 0]) for name, values in history.items()},
            "batches": None if batch_key is None else {"key": batch_key, "names": [str(name) for name in known]},
            "seed": int(self.init_params_["non_kwargs"]["random_state"]),
            "origin": origin_of(self.adata, self.init_params_["non_kwargs"]["programs_key"], self._prior),
        }


def weights_of(module: ProgramModule, dtype: str) -> dict[str, np.ndarray]:
    """Return parameters and buffers by name; raise an error if they are not finite.

    Edges are left out, because the prior has them.
    """
    weights = {}
    for name, tensor in module.state_dict().items():
        if is_edge(name):
            continue
        array = tensor.detach().cpu().numpy()
        # the network only proposes activities, which are then refined by the other weights
        if dtype == "float16" and name.startswith(NETWORK):
            with np.errstate(over="ignore"):
                array = array.astype(np.float16)
        if tensor.is_floating_point() and not np.isfinite(array).all():
            finite = bool(torch.isfinite(tensor).all())
            reason = (
                'are too large for dtype="float16"; use "float32"' if finite else "are NaN or infinite; train again"
            )
            msg = f"Weights of the model ({name}) {reason}."
            raise ValueError(msg)
        weights[f"{OF_MODULE}{name}"] = np.array(array, order="C")
    return weights


def is_edge(name: str) -> bool:
    """Whether a buffer of the module is part of the prior."""
    return ".edges." in name


def _check_arguments(path: str | Path, *, card: str, licence: str, dtype: str, overwrite: bool) -> Path:
    """Return the path to write to; raise an error if an argument is not valid."""
    if not isinstance(path, str | Path) or not str(path):
        msg = f"path={path!r} must be the path of a folder, or of a file that ends with .zip."
        raise TypeError(msg)
    if isinstance(path, str) and "://" in path:
        msg = (
            f"path={path!r} is not a local path. Export to a folder and upload it: hf upload organisation/name folder."
        )
        raise ValueError(msg)
    for argument, value in (("card", card), ("licence", licence)):
        if not isinstance(value, str):
            msg = f"{argument} is a {type(value).__name__}; give a text."
            raise TypeError(msg)
    checks.check_choice(dtype, "dtype", DTYPES)
    checks.check_bool(overwrite, "overwrite")
    # without "..", so that the name of the folder is that of the model
    target = Path(path).expanduser().absolute()
    target = target if target.is_symlink() else target.resolve()
    check_target(target, overwrite=overwrite)
    return target
