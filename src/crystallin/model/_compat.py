"""All names of scvi-tools and Lightning that crystallin uses, in one place.

Checked on scvi-tools 1.4.2 (Python 3.11) and 1.5.1 (Python 3.12). Names that begin with an underscore, and names from
modules that do, are private and may move; ``tests/model/test_compat.py`` reports those that have moved.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # tqdm warns in notebooks without ipywidgets, in which progress is shown as text
    warnings.filterwarnings("ignore", message="IProgress not found")
    import lightning.pytorch as pl
    from lightning.pytorch.strategies import DDPStrategy
    from lightning.pytorch.utilities.exceptions import MisconfigurationException
    from scvi import REGISTRY_KEYS, settings
    from scvi.data import AnnDataManager
    from scvi.data._constants import _ADATA_MINIFY_TYPE_UNS_KEY as MINIFY_TYPE_UNS_KEY
    from scvi.data._constants import _SCVI_UUID_KEY as SCVI_UUID_KEY
    from scvi.dataloaders import AnnDataLoader, DataSplitter
    from scvi.model import SCVI
    from scvi.model._utils import parse_device_args, use_distributed_sampler
    from scvi.model.base._constants import SAVE_KEYS
    from scvi.module import VAE
    from scvi.module._constants import MODULE_KEYS
    from scvi.module.base import LossOutput
    from scvi.train import Trainer, TrainingPlan, TrainRunner
    from scvi.train._config import merge_kwargs

    try:
        from scvi.model.base._training_mixin import _set_datamodule_split as set_datamodule_split
    except ImportError:
        # scvi-tools 1.4 does not change datamodules
        def set_datamodule_split(*_: object, **__: object) -> None:
            """Do not change the datamodule."""


# private methods and attributes of these classes that the model reads, calls or overrides
PRIVATE: dict[type, tuple[str, ...]] = {
    SCVI: (
        "_check_if_trained",
        "_get_init_params",
        "_get_most_recent_anndata_manager",
        "_make_data_loader",
        "_model_summary_string",
        "_per_instance_manager_store",
        "_register_manager_for_instance",
        "_setup_adata_manager_store",
        "_update_adata_and_manager_post_minification",
        "_validate_anndata",
    ),
    VAE: ("_get_generative_input", "_get_inference_input"),
    TrainingPlan: ("_optimizer_creator_fn",),
    TrainRunner: ("_run_training_core", "_update_history"),
    pl.callbacks.EarlyStopping: ("_evaluate_stopping_criteria",),
}

__all__ = [
    "AnnDataLoader",
    "AnnDataManager",
    "DDPStrategy",
    "DataSplitter",
    "LossOutput",
    "MINIFY_TYPE_UNS_KEY",
    "MODULE_KEYS",
    "MisconfigurationException",
    "PRIVATE",
    "REGISTRY_KEYS",
    "SAVE_KEYS",
    "SCVI",
    "SCVI_UUID_KEY",
    "TrainRunner",
    "Trainer",
    "TrainingPlan",
    "VAE",
    "merge_kwargs",
    "parse_device_args",
    "pl",
    "set_datamodule_split",
    "settings",
    "use_distributed_sampler",
]
