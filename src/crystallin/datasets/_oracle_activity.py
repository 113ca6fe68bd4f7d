"""The best activities that can be inferred from simulated cells."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import Simulation

from ._simulation._counts import chunks
from ._simulation._mode import Observed, Pairs, posterior_mode
from ._simulation._rates import LOG_ADDITIVE, Rates, softplus, softplus_slope

if TYPE_CHECKING:
    from anndata import AnnData

# a dozen dense arrays of this size are needed at a time
ORACLE_CHUNK = 2**19


def oracle_activity(adata: AnnData, *, layer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Infer activities from simulated counts with all other parameters known, as an upper bound for any model.

    Returns the mode of each cell's posterior under the true loadings, base rates, batch effects, dispersions, ambient
    profile and depth, with z ~ N(0, 1) independent between dimensions, and the standard deviation of its Laplace
    approximation. A model that has to learn these parameters cannot be expected to correlate better with the truth,
    except by using the cell types or the gates, which this oracle does not know.

    Parameters
    ----------
    adata
        Some or all cells of :func:`simulate`, with all genes. It is not changed.
    layer
        Layer that holds the counts; ``None`` uses ``X``.

    Returns
    -------
    Two float32 arrays, cells x dimensions (as ``obsm["true_activity"]``): mode and standard deviation. In the additive
    arm both are of the usage ``softplus(z)``, the deviation by the delta method.

    Raises
    ------
    KeyError
        If ``adata`` was not simulated here.
    ValueError
        If genes were dropped, or ``layer`` does not hold counts.

    Notes
    -----
    Fisher scoring from z = 0 with step halving, until a cell's Newton decrement is below 1e-4. 10,000 cells x 2,000
    genes x 100 programs take about a minute on one core; the time grows with the cells and, above some hundred
    programs, with the cube of these.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(300, 500, n_programs=10, n_decoys=0)
    >>> mode, sd = cr.datasets.oracle_activity(adata[:100])
    >>> mode.shape
    (100, 10)
    """
    _check_truth(adata)
    checks.check_counts(adata, layer, warn=False)
    counts = sparse.csr_matrix(adata.X if layer is None else adata.layers[layer], dtype=np.float64)
    rates = _true_rates(adata)
    # a subset may have lost batches: take the code from the name
    names = [str(name) for name in adata.uns[Simulation.UNS]["batches"]]
    batch = np.array([names.index(str(name)) for name in adata.obs[Simulation.BATCH]], dtype=int)
    depth = adata.obs[Simulation.DEPTH].to_numpy(dtype=np.float64)
    theta = adata.var[Simulation.THETA].to_numpy(dtype=np.float64)
    pairs = Pairs.of(rates.loadings)

    z, sd, reached = (
        np.concatenate(parts)
        for parts in zip(
            *(
                posterior_mode(Observed(counts[part].toarray(), depth[part], batch[part], theta), rates, pairs)
                for part in chunks(adata.n_obs, adata.n_vars, ORACLE_CHUNK)
            ),
            strict=True,
        )
    )
    if not reached.all():
        warnings.warn(
            f"The mode was not reached in {(~reached).sum()} of {len(reached)} cells; their activities are those of "
            "the last step.",
            UserWarning,
            stacklevel=2,
        )
    if rates.arm != LOG_ADDITIVE:
        z, sd = softplus(z), sd * softplus_slope(z)
    return z.astype(np.float32), sd.astype(np.float32)


def _check_truth(adata: AnnData) -> None:
    """Raise unless everything that the simulation wrote is present, for all of its genes and these cells."""
    if Simulation.UNS not in getattr(adata, "uns", {}) or Simulation.LOADINGS not in adata.varm:
        msg = "adata was not simulated; oracle_activity needs cells from crystallin.datasets.simulate."
        raise KeyError(msg)
    stored = adata.uns[Simulation.UNS]
    params = stored.get("params", {})
    wanted = {
        f"uns[{Simulation.UNS!r}]": (stored, ["params", "batches"]),
        f"uns[{Simulation.UNS!r}]['params']": (params, ["n_vars", "arm", "ambient"]),
        "obs": (adata.obs, [Simulation.BATCH, Simulation.DEPTH]),
        "var": (adata.var, [Simulation.THETA, Simulation.LOG_BASE]),
        "varm": (adata.varm, [Simulation.BATCH_EFFECT, *([Simulation.AMBIENT] if params.get("ambient") else [])]),
    }
    for where, (slot, names) in wanted.items():
        if lost := [name for name in names if name not in slot]:
            msg = (
                f"adata.{where} lacks {', '.join(map(repr, lost))} of the simulation; give cells as simulate made them."
            )
            raise KeyError(msg)
    if adata.n_vars != params["n_vars"]:
        msg = (
            f"adata has {adata.n_vars} of the {params['n_vars']} simulated genes, but rates add up over all of them; "
            "call oracle_activity before selecting genes."
        )
        raise ValueError(msg)
    if adata.n_obs == 0:
        msg = "adata has no cells."
        raise ValueError(msg)
    if adata.isbacked:
        msg = "adata is backed by a file; read it into memory first: adata = adata.to_memory()."
        raise ValueError(msg)
    depth = adata.obs[Simulation.DEPTH].to_numpy(dtype=float)
    unknown = set(adata.obs[Simulation.BATCH].astype(str)) - {str(name) for name in stored["batches"]}
    if unknown or not (np.isfinite(depth) & (depth > 0)).all():
        what = f"the batch {min(unknown)!r}" if unknown else f"missing or impossible values in {Simulation.DEPTH!r}"
        msg = f"adata.obs has {what}, which the simulation did not write; give cells as simulate made them."
        raise ValueError(msg)


def _true_rates(adata: AnnData) -> Rates:
    """The simulation's rates, in double precision."""
    params = adata.uns[Simulation.UNS]["params"]
    offset = adata.var[Simulation.LOG_BASE].to_numpy()[:, None] + np.asarray(adata.varm[Simulation.BATCH_EFFECT])
    ambient = float(params["ambient"])
    return Rates(
        arm=str(params["arm"]),
        loadings=np.asarray(adata.varm[Simulation.LOADINGS], dtype=np.float64),
        offset=offset.T.astype(np.float64),
        ambient=ambient,
        ambient_profile=np.asarray(adata.varm[Simulation.AMBIENT], dtype=np.float64).T if ambient else None,
    )
