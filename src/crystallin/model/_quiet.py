"""Lightning and scvi-tools without their messages."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# loggers on which Lightning sets levels to report devices, epochs and its products
LOGGERS = ("lightning", "lightning.fabric", "lightning.pytorch")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress their messages and warnings inside the block, and restore all settings after it.

    The messages are about settings that users did not choose: minibatches that are read in this process, few
    minibatches per epoch, a small last minibatch. Log levels set by the user and warnings of other packages are not
    changed.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # _lightning calls scvi-tools, whose warnings are attributed to the caller
        warnings.filterwarnings(
            "ignore", module=r"(pytorch_)?lightning(\.|$)|scvi(\.|$)|crystallin\.model\._lightning$"
        )
        # torch warns about one of its own names that Lightning uses
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        try:
            for logger in loggers:
                if logger.level in (logging.NOTSET, logging.INFO):
                    logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
