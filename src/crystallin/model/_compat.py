"""Every name of scvi-tools that crystallin uses, in one place.

Checked on scvi-tools 1.4.2 (Python 3.11) and 1.5.1 (Python 3.12). Names of modules that begin with an underscore are
private and may move.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # tqdm says so in notebooks without ipywidgets, where progress is shown as text
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
        # scvi-tools 1.4 takes datamodules as they are
        def set_datamodule_split(*_: object, **__: object) -> None:
            """Leave the datamodule as it is."""


__all__ = [
    "AnnDataLoader",
    "AnnDataManager",
    "DDPStrategy",
    "DataSplitter",
    "LossOutput",
    "MINIFY_TYPE_UNS_KEY",
    "MODULE_KEYS",
    "MisconfigurationException",
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
