"""Lightning and scvi-tools without their remarks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# where Lightning sets levels, and so tells of devices, epochs and its products
LOGGERS = ("lightning", "lightning.fabric", "lightning.pytorch")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep their messages and warnings off the screen inside the block, and put everything back after it.

    They are about settings that nobody made here: minibatches read in this process, few of them in an epoch, a last one
    that is small. A level that someone set lower than Lightning does is left as it is, as are others' warnings.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # the last calls scvi-tools itself, which warns in its caller's name
        warnings.filterwarnings(
            "ignore", module=r"(pytorch_)?lightning(\.|$)|scvi(\.|$)|crystallin\.model\._lightning$"
        )
        # of torch, on its own name in Lightning
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        try:
            for logger in loggers:
                if logger.level in (logging.NOTSET, logging.INFO):
                    logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
