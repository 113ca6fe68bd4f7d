"""Checks of arguments that ``train`` passes on to scvi-tools and Lightning, by their signatures and constructors."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader

from crystallin import _checks as checks
from crystallin._checks._words import did_you_mean

from ._compat import (
    AnnDataLoader,
    DataSplitter,
    DDPStrategy,
    MisconfigurationException,
    Trainer,
    TrainingPlan,
    merge_kwargs,
    parse_device_args,
    pl,
)
from ._process import process_settings_kept
from ._quiet import quiet
from ._trainingplan import ProgramTrainingPlan


def _names(*callables: Any) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = (p for function in callables for p in inspect.signature(function).parameters.values())
    return {p.name for p in parameters if p.kind not in kinds}


# arguments of train itself
OF_TRAIN = {"accelerator", "batch_size", "checkpoint", "datamodule", "datasplitter_kwargs", "device_budget", "devices"}
OF_TRAIN |= {"early_stopping", "load_sparse_tensor", "max_epochs", "plan_config", "plan_kwargs", "posterior_epochs"}
OF_TRAIN |= {"shuffle_set_split", "train_size", "trainer_config", "validation_size"}
OF_TRAINER = _names(Trainer, pl.Trainer) | {"ckpt_path"}
OF_PLAN = _names(TrainingPlan, ProgramTrainingPlan) - {"module"}
OF_SPLITTER = (_names(DataSplitter, AnnDataLoader, DataLoader) | {"device_budget"}) - (
    (OF_TRAIN - {"device_budget"}) | {"adata_manager", "dataset", "distributed_sampler", "indices", "shuffle"}
)
# names of arguments in other packages, and the arguments to use instead
OTHER_NAMES = {
    "batch": "batch_size=",
    "device": "accelerator= and devices=",
    "epochs": "max_epochs=",
    "gpu": 'accelerator="gpu"',
    "gpus": 'accelerator="gpu" and devices=',
    "learning_rate": 'plan_kwargs={"lr": ...}',
    "n_epochs": "max_epochs=",
    "num_epochs": "max_epochs=",
    "patience": "early_stopping_patience=",
    "progress_bar": "enable_progress_bar=",
    "random_state": "ProgramVAE(random_state=...)",
    "seed": "ProgramVAE(random_state=...)",
    "use_gpu": 'accelerator="gpu"',
    "verbose": "enable_progress_bar=",
}
# the only supported precision, which the likelihood, the posterior and sparse products need
PRECISIONS = ("32-true", "32", 32)
# arguments of the trainer that are integers, with their smallest values, and those that are True or False
WHOLE = {"accumulate_grad_batches": 1, "check_val_every_n_epoch": 1, "log_every_n_steps": 0, "min_epochs": 0}
WHOLE |= {"max_steps": -1, "num_sanity_val_steps": -1}
SWITCHES = {"detect_anomaly", "enable_checkpointing", "enable_model_summary", "inference_mode", "learning_rate_monitor"}
SWITCHES |= {"sync_batchnorm", "use_distributed_sampler"}
LEARNING_RATES = ("elbo_validation", "reconstruction_loss_validation", "kl_local_validation")


def check_names(arguments: Iterable[str]) -> None:
    """Raise an error if ``train`` has no such arguments, and suggest the right ones."""
    for name in arguments:
        if name in OF_TRAINER and name not in OF_TRAIN:
            continue
        if name in OTHER_NAMES:
            hint = f" Use {OTHER_NAMES[name]} instead."
        elif name in OF_PLAN:
            hint = f' Give it to the training plan: plan_kwargs={{"{name}": ...}}.'
        elif name in OF_SPLITTER:
            hint = f' Give it to the data splitter: datasplitter_kwargs={{"{name}": ...}}.'
        else:
            hint = did_you_mean(name, OF_TRAIN | OF_TRAINER)
        msg = (
            f"train has no argument {name!r}.{hint} It takes {', '.join(sorted(OF_TRAIN))}, and those of "
            "scvi.train.Trainer."
        )
        raise TypeError(msg)


def check_values(arguments: Mapping[str, Any]) -> None:
    """Raise an error if an argument is out of range and Lightning would notice this late or never."""
    given = {name: value for name, value in arguments.items() if value is not None}
    for name, minimum in WHOLE.items():
        if name in given:
            checks.check_int(given[name], name, minimum)
    for name in SWITCHES & given.keys():
        checks.check_bool(given[name], name)
    if "gradient_clip_val" in given:
        checks.check_number(given["gradient_clip_val"], "gradient_clip_val", 0)
    if given.get("limit_train_batches", 1) == 0:
        msg = "limit_train_batches=0 leaves no minibatches to train on; leave it out."
        raise ValueError(msg)
    if given.get("max_steps", -1) == 0:
        msg = "max_steps=0 leaves no steps to train; leave it out."
        raise ValueError(msg)
    for name in ("fast_dev_run", "overfit_batches"):
        if given.get(name):
            msg = (
                f"{name}={given[name]!r} is not supported, because Lightning would leave out callbacks or minibatches "
                "that the training needs. For a quick trial use max_epochs=1 and limit_train_batches=1."
            )
            raise ValueError(msg)
    if given.get("deterministic", False) not in (True, False, "warn"):
        msg = f"deterministic={given['deterministic']!r} must be True, False or 'warn'."
        raise ValueError(msg)
    for name, kinds, what in (
        ("logger", bool | pl.loggers.Logger | list | tuple, "a Lightning logger, True or False"),
        ("log_save_dir", str | os.PathLike, "a folder"),
        ("ckpt_path", str | os.PathLike, "a file"),
    ):
        if name in given and not isinstance(given[name], kinds):
            msg = f"{name}={given[name]!r} must be {what}."
            raise TypeError(msg)
    if "ckpt_path" in given and not os.path.isfile(given["ckpt_path"]):
        msg = f"ckpt_path={str(given['ckpt_path'])!r} is not a file. To continue an interrupted run, use checkpoint=."
        raise ValueError(msg)


def check_callbacks(callbacks: Any) -> list[pl.Callback]:
    """Return callbacks as a list; raise an error unless they are Lightning's."""
    given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in given:
        if not isinstance(callback, pl.Callback):
            msg = f"callbacks={callbacks!r} must be a list of lightning.pytorch.Callback."
            raise TypeError(msg)
    return given


def merged(config: Any, arguments: Any, name: str) -> dict[str, Any]:
    """Return arguments as one dictionary, including those of scvi-tools' configuration objects."""
    for value, argument in ((config, f"{name}_config"), (arguments, f"{name}_kwargs")):
        if value is not None and not isinstance(value, Mapping) and not hasattr(value, "to_kwargs"):
            msg = f"{argument}={value!r} must be a dictionary."
            raise TypeError(msg)
    return merge_kwargs(config, arguments, name=name)


def check_plan(arguments: Mapping[str, Any], n_validation: int) -> dict[str, Any]:
    """Check and return the arguments of the training plan."""
    _check_known(arguments, OF_PLAN, "plan_kwargs")
    given = dict(arguments)
    above, from_zero = {"include_minimum": False}, {}
    for name, minimum, kind in (
        ("lr", 0, above),
        ("eps", 0, from_zero),
        ("weight_decay", 0, from_zero),
        ("lr_factor", 0, above),
        ("lr_threshold", 0, from_zero),
        ("lr_min", 0, from_zero),
        ("max_kl_weight", 0, from_zero),
        ("min_kl_weight", 0, from_zero),
    ):
        if name in given:
            checks.check_number(given[name], f"plan_kwargs: {name}", minimum, **kind)
    for name in ("n_epochs_kl_warmup", "n_steps_kl_warmup"):
        if given.get(name) is not None:
            checks.check_int(given[name], f"plan_kwargs: {name}", 0)
    if "lr_patience" in given:
        checks.check_int(given["lr_patience"], "plan_kwargs: lr_patience", 0)
    if given.get("min_kl_weight", 0.0) > given.get("max_kl_weight", 1.0):
        msg = f"plan_kwargs: min_kl_weight={given['min_kl_weight']} is above max_kl_weight."
        raise ValueError(msg)
    optimizer = given.get("optimizer", "Adam")
    checks.check_choice(optimizer, "plan_kwargs: optimizer", ("Adam", "AdamW", "Custom"))
    if optimizer == "Custom" and not callable(given.get("optimizer_creator")):
        msg = 'plan_kwargs: optimizer="Custom" needs optimizer_creator, a function of the parameters.'
        raise ValueError(msg)
    checks.check_choice(given.get("lr_scheduler_metric", LEARNING_RATES[0]), "lr_scheduler_metric", LEARNING_RATES)
    if given.get("reduce_lr_on_plateau") and not n_validation:
        msg = "plan_kwargs: reduce_lr_on_plateau needs validation cells; give a train_size below 1."
        raise ValueError(msg)
    if given.get("update_only_decoder") or given.get("on_step"):
        msg = "plan_kwargs: update_only_decoder and on_step have no effect on this model; leave them out."
        raise ValueError(msg)
    return given


def check_splitter(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check and return the arguments of the data splitter."""
    given = {} if arguments is None else arguments
    _check_known(given, OF_SPLITTER, "datasplitter_kwargs")
    if given.get("device_budget") is not None:
        checks.check_int(given["device_budget"], "datasplitter_kwargs: device_budget", 0)
    return dict(given)


def check_trainer(accelerator: Any, devices: Any, arguments: Mapping[str, Any], n_train: int | None) -> Any:
    """Return the strategy; raise an error if Lightning cannot create a trainer with these arguments.

    ``n_train`` is the number of training cells, if it is known.

    A trainer is created and discarded, because only Lightning knows which devices exist and which arguments fit
    together.
    """
    precision, strategy = arguments.get("precision"), arguments.get("strategy", "auto")
    if precision is not None and precision not in PRECISIONS:
        msg = (
            f"precision={precision!r} is not supported, because likelihood and posterior need single precision. Leave "
            'it out, or give "32-true".'
        )
        raise ValueError(msg)
    with quiet(), process_settings_kept():
        try:
            found, found_devices, _ = parse_device_args(accelerator, devices, return_device="torch")
        except (MisconfigurationException, AttributeError, ImportError, RuntimeError, TypeError, ValueError) as error:
            msg = (
                f"accelerator={accelerator!r} with devices={devices!r} is not available ({_first_line(error)}). This "
                f"machine has {_accelerators()}. Leave both arguments out to choose automatically."
            )
            raise ValueError(msg) from error
        try:
            ours = {"callbacks": list(arguments["callbacks"]), "logger": False, "log_save_dir": None}
            ours |= {"strategy": strategy, "simple_progress_bar": False}
            theirs = {name: value for name, value in arguments.items() if name != "ckpt_path"}
            trainer = Trainer(accelerator=found, devices=found_devices, **(theirs | ours))
        except (MisconfigurationException, AttributeError, ImportError, RuntimeError, TypeError, ValueError) as error:
            checked = {"callbacks", "enable_progress_bar", *WHOLE, *SWITCHES}
            given = ", ".join(f"{name}={value!r}" for name, value in theirs.items() if name not in checked)
            msg = f"Lightning does not accept {given or 'these arguments'}: {error}"
            raise ValueError(msg) from error
    if n_train is not None and trainer.world_size > n_train:
        msg = (
            f"devices={devices!r} makes {trainer.world_size} processes, but there are {n_train} training cells to "
            "share among them. Use fewer devices."
        )
        raise ValueError(msg)
    return _with_unused_parameters(strategy, trainer)


def _with_unused_parameters(strategy: Any, trainer: pl.Trainer) -> Any:
    """Return a name of the strategy that scvi-tools knows, and that allows parameters without gradients."""
    if not isinstance(trainer.strategy, DDPStrategy) or not isinstance(strategy, str):
        return strategy
    if strategy == "auto":
        strategy = "ddp_notebook" if trainer.strategy.launcher.is_interactive_compatible else "ddp"
    return strategy if "find_unused" in strategy else f"{strategy}_find_unused_parameters_true"


def _check_known(arguments: Any, known: set[str], where: str) -> None:
    if not isinstance(arguments, Mapping):
        msg = f'{where}={arguments!r} must be a dictionary, such as {{"lr": 1e-3}}.'
        raise TypeError(msg)
    for name in arguments:
        if name in known:
            continue
        if name in OF_TRAIN or name in OF_TRAINER:
            hint = f" Give it to train itself: {name}=..."
        else:
            hint = ' Did you mean "lr"?' if name == "learning_rate" and "lr" in known else did_you_mean(name, known)
        msg = f"{where} has no {name!r}.{hint} It takes {', '.join(sorted(known))}."
        raise TypeError(msg)


def _accelerators() -> str:
    there = [("gpu", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
    return " and ".join(name for name, is_there in there if is_there)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
