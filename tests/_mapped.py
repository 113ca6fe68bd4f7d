"""A mapped query, as crystallin.map leaves it, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin._keys import Keys

LABELS = ("B cells", "CD14+ monocytes", "NK cells")
ALL_VERDICTS = ("like the reference", "shifted", "new", "too few cells")


def mapped(n_cells: int = 120, **options: Any) -> AnnData:
    """Cells without counts, and their map; ``options`` as in :func:`add_map`."""
    adata = AnnData(np.zeros((n_cells, 1), dtype=np.float32))
    adata.obs_names = [f"cell{i}" for i in range(n_cells)]
    add_map(adata, **options)
    return adata


def add_map(
    adata: AnnData,
    *,
    labels: tuple[str, ...] = LABELS,
    groups: tuple[str, ...] | None = None,
    groupby: str | None = None,
    verdicts: tuple[str, ...] = ALL_VERDICTS,
    limit: float = 1.5,
    spread: float = 6.0,
    key: str = "programs",
    seed: int = 0,
) -> None:
    """Write what crystallin.map writes; groups have the ``verdicts`` in turn.

    Groups are the labels, unless ``groupby`` is given, a column that gets ``groups`` if it is not there.
    """
    rng = np.random.default_rng(seed)
    keys = Keys(key)
    n, far = adata.n_obs, 4.0
    centres = rng.normal(0, spread, (len(labels), 2))
    code = rng.permutation(np.arange(n) % len(labels))
    plane = centres[code] + rng.normal(0, 1, (n, 2))
    p = rng.uniform(0.001, 1, n)
    if groupby is None:
        names, of_cells = list(labels), code
    else:
        if groups is not None:
            adata.obs[groupby] = pd.Categorical([groups[i] for i in rng.integers(0, len(groups), n)], groups)
        column = adata.obs[groupby].astype("category")
        names, of_cells = [str(name) for name in column.cat.categories], column.cat.codes.to_numpy()
    rows = []
    for i, name in enumerate(names):
        verdict = verdicts[i % len(verdicts)]
        low, high = {"like the reference": (0.2, 1.4), "shifted": (1.7, 3.8), "new": (4.5, 7.0)}.get(verdict, (0, 5))
        distance = float(rng.uniform(low, high))
        inside = of_cells == i
        nearest = int(np.bincount(code[inside], minlength=len(labels)).argmax())
        rows.append(
            {
                "group": name,
                "n_cells": int(inside.sum()),
                "verdict": verdict,
                "label": labels[nearest],
                "label_share": float((code[inside] == nearest).mean()),
                "unlike": float((p[inside] < 0.05).mean()),
                "unlike_limit": 0.3,
                "distance": distance,
                "own_distance": max(distance - 0.3, 0),
                "limit": limit,
                "far": far,
                "batch_shift": 0.2,
                "batch_limit": 0.5,
                "moved": "" if verdict == "like the reference" else "Interferon +2.1, Hypoxia -1.3",
            }
        )
    columns = [code, rng.uniform(0.6, 1, n), p, np.sqrt(p), p**0.7]
    adata.obsm[keys.map] = np.column_stack(columns).astype(np.float32)
    adata.obsm[keys.map_plane] = plane.astype(np.float32)
    params: dict[str, Any] = {"labels": np.array(labels), "tool": "map", "key": key, "crystallin": "0"}
    stored = adata.uns.get(keys.uns, {})
    params |= {name: stored["params"][name] for name in ("prior_digest", "added") if name in stored.get("params", {})}
    params |= {"model_digest": stored.get("activity_params", {}).get("digest", "")}
    params |= {} if groupby is None else {"groupby": groupby}
    adata.uns[keys.result("map")] = {
        "table": pd.DataFrame(rows),
        "centres": centres,
        "params": params,
    }
