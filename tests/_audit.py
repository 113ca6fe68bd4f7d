"""An audit of programs, as the tool leaves it, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

import crystallin as cr

N_GENES = 80


def audited(sets: dict[str, Any] | None = None, *, n_decoys: int = 2, key: str = "programs", **options) -> AnnData:
    """Random counts with programs and their audit; ``options`` as in :func:`audit_of`."""
    rng = np.random.default_rng(0)
    adata = AnnData(sparse.csr_matrix(rng.poisson(1.0, (30, N_GENES)).astype(np.float32)))
    adata.var_names = [f"g{i}" for i in range(N_GENES)]
    if sets is None:
        sets = {
            "T/one": [f"g{i}" for i in range(12)],
            "T two": [f"g{i}" for i in range(10, 20)],
            # signed, with weights
            "Signed": {f"g{i}": (-0.5 if i % 3 == 0 else 2.0) for i in range(30, 40)},
            "asleep": [f"g{i}" for i in range(50, 60)],
        }
    cr.pp.add_programs(adata, sets, n_decoys=n_decoys, key_added=key)
    slot = "audit_programs" if key == "programs" else f"{key}_audit_programs"
    adata.uns[slot] = audit_of(adata, key=key, **options)
    return adata


def audit_of(
    adata: AnnData,
    *,
    key: str = "programs",
    n_suggested: int = 4,
    n_possible: int = 2,
    n_silent: int = 2,
    n_contradicts: int = 1,
    n_samples: int = 0,
    outside: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """Return an audit of the programs in ``adata``; each has half the suggestions of the one before, the last sleeps.

    The first suggestion of each program is of a gene that is not in ``adata`` if ``outside``.
    """
    rng = np.random.default_rng(seed)
    about = cr.get.programs_df(adata, key=key, columns="all")
    names = [str(name) for name in adata.uns[key]["names"]]
    prior = np.asarray(adata.varm[key].todense())
    rows, summary = [], []
    for place, name in enumerate(about.index):
        weights = prior[:, names.index(name)]
        members = np.flatnonzero(weights)
        counts = {"program": name, "n_members": len(members)}
        if place == len(about) - 1 and place:
            summary.append(
                {**counts, "n_kept": 0, "n_silent": 0, "n_contradicts": 0, "n_suggested": 0}
                | {"typical_loading": np.nan, "reason": "asleep: not more coherent than random sets"}
            )
            continue
        n = n_suggested >> place
        genes = [(str(adata.var_names[i]), "member", np.sign(weights[i])) for i in members]
        others = rng.permutation(np.flatnonzero(weights == 0))[: n + n_possible]
        signed = bool((weights < 0).any())
        genes += [(str(adata.var_names[i]), "missing", -1.0 if signed and j % 2 else 1.0) for j, i in enumerate(others)]
        for i, (gene, kind, weight) in enumerate(genes):
            j = i - len(members)
            sd = rng.uniform(0.03, 0.08)
            loading = rng.uniform(0.35, 0.8)
            verdict = "kept" if kind == "member" else "suggested" if j < n else "possible"
            if kind == "member" and i < n_silent:
                verdict, sd, loading = "silent", rng.uniform(0.4, 0.9), rng.normal(0.2, 0.2)
            elif kind == "member" and i < n_silent + n_contradicts:
                verdict, sd, loading = "contradicts", 0.03, -0.02
            elif verdict == "possible":
                loading = 0.22
            loading *= weight
            is_new = outside and j == 0 and verdict == "suggested"
            rows.append(
                {
                    "program": name,
                    "gene": f"new-{gene}" if is_new else gene,
                    "kind": kind,
                    "verdict": verdict,
                    "loading": loading,
                    "sd": sd,
                    "lower": loading - 1.96 * sd,
                    "upper": loading + 1.96 * sd,
                    "ratio": weight * loading / 0.55,
                    "score": 0.0 if kind == "member" else (weight * loading - 0.14) / sd,
                    "q": 0.3 if verdict == "possible" else 0.01 * (i % 7 + 1),
                    "replicated": verdict in ("kept", "suggested") and i % 4 != 3,
                    "n_samples": n_samples,
                    "n_agree": max(n_samples - i % 3, 0),
                    "degree": 1 + i % 3,
                    "expression": float(rng.uniform(0.1, 3)),
                    "competitor": "T two" if verdict == "suggested" and j == 1 and name != "T two" else "",
                    "in_panel": not is_new,
                    "weight": float(weight),
                    "stability": np.nan,
                }
            )
        verdicts = [row["verdict"] for row in rows if row["program"] == name]
        summary.append(
            counts
            | {f"n_{verdict}": verdicts.count(verdict) for verdict in ("kept", "silent", "contradicts", "suggested")}
            | {"typical_loading": 0.55, "reason": ""}
        )
    table = pd.DataFrame(rows)
    n_all = int((table["verdict"] == "suggested").sum())
    params: dict[str, Any] = {"fdr": 0.1, "min_loading": 0.25, "random_state": 0}
    params |= {"n_suggested": n_all, "n_mirror": n_all // 10, "realised": n_all // 10 / n_all if n_all else np.nan}
    stored = adata.uns[key]["params"]
    origin = {"tool": "audit_programs", "key": key, "model_digest": "", "crystallin": cr.__version__}
    origin |= {name: stored[name] for name in ("prior_digest", "added") if name in stored}
    return {"table": table, "summary": pd.DataFrame(summary), "params": params | origin}
