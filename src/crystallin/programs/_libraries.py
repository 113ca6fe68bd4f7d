"""Gene-set libraries that gseapy downloads and caches."""

from __future__ import annotations

import locale
import logging
from pathlib import Path
from typing import Any

from ._gmt import read_gmt

logger = logging.getLogger(__name__)

MSIGDB_VERSION = "2025.1.Hs"


def load_enrichr(name: str) -> dict[str, Any]:
    """Return an Enrichr library, from gseapy's cache if possible; human and mouse share one server."""
    import gseapy

    # gseapy writes this file itself when it downloads a library
    cached = _cache_folder() / f"Enrichr.{name}.gmt"
    if cached.is_file():
        logger.info("Enrichr library %s read from the cache %s.", name, cached)
        return _read_cache(cached)
    # without a network, gseapy retries for half a minute
    logger.info("Asking Enrichr for %s.", name)
    try:
        return gseapy.get_library(name, organism="Human", min_size=0, max_size=100_000)
    except UnicodeError as error:
        msg = (
            f"gseapy could not write {name!r} to its cache in this system's encoding ({error}); set the environment "
            "variable PYTHONUTF8=1 and start again."
        )
        raise ValueError(msg) from error
    except ValueError as error:
        # raised by gseapy when the server answers but does not list the library
        msg = (
            f"Enrichr has no library {name!r}; gseapy.get_library_name() lists all of them (names are case sensitive)."
        )
        raise ValueError(msg) from error
    except Exception as error:
        raise _unreachable("Enrichr", name, error) from error


def load_msigdb(name: str) -> dict[str, Any]:
    """Return an MSigDB collection, ``"h.all"`` or with a release ``"h.all@2024.1.Hs"``."""
    from gseapy import Msigdb

    category, _, version = name.partition("@")
    version = version or MSIGDB_VERSION
    cached = _cache_folder() / f"MSigDB.{category}.v{version}.gmt"
    if cached.is_file():
        logger.info("MSigDB collection %s read from the cache %s.", name, cached)
        return _read_cache(cached)
    logger.info("Asking MSigDB for %s.", name)
    try:
        sets = Msigdb.get_gmt(category=category, dbver=version)
    except Exception as error:
        raise _unreachable("MSigDB", name, error) from error
    if not sets:
        msg = (
            f"MSigDB has no collection {category!r} in release {version!r}; examples are 'msigdb:h.all' (Hallmark), "
            "'msigdb:c2.cp.reactome' and, for a release, 'msigdb:h.all@2024.1.Hs'. "
            "gseapy.Msigdb.list_category() lists them."
        )
        raise ValueError(msg)
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_suffix(".part")
    lines = ("\t".join([set_name, category, *genes]) for set_name, genes in sets.items())
    partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    partial.replace(cached)
    return sets


def _read_cache(path: Path) -> dict[str, Any]:
    # gseapy writes in the system's encoding, which may not be UTF-8
    return read_gmt(path, fallback=locale.getpreferredencoding(False))


def _cache_folder() -> Path:
    from gseapy import utils

    return Path(utils.DEFAULT_CACHE_PATH)


def _unreachable(server: str, name: str, error: Exception) -> ConnectionError:
    msg = (
        f"{server} could not be reached for {name!r} ({type(error).__name__}). Without a network, use local gene "
        'sets: a ".gmt" file downloaded elsewhere, a dict, a DataFrame (source, target[, weight]), or the built-in '
        '"immune".'
    )
    return ConnectionError(msg)
