"""Programs that can be audited: awake, with members that follow them, and told apart from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import AWAKE, TABLE, Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

    from crystallin.model import EdgeEvidence, ProgramVAE

# spread of members' loadings beside their errors, by which precise ones count more in the typical loading
TYPICAL_SPREAD = 0.25
# typical loading below this share of that of other programs, and members that can be seen to follow, below which a
# program says too little to find further members; variance inflation above which it is nearly a sum of others
MIN_SHARE, MIN_KEPT, MAX_INFLATION = 0.25, 3, 50.0
RIDGE = 1e-3


def which_awake(adata: AnnData, keys: Keys, model: ProgramVAE, wanted: Sequence[str] | None) -> np.ndarray:
    """Return the positions of the programs to audit: those named, or those that were found awake.

    Raises
    ------
    KeyError
        If the programs have not been screened, and none are named.
    ValueError
        If none is awake.
    """
    names = model.program_names
    if wanted is not None:
        chosen = set(checks.check_program_names(wanted, names.tolist()))
        return np.flatnonzero([name in chosen for name in names])
    table = adata.uns[keys.uns][TABLE]
    if AWAKE not in table:
        table = model.programs_table
    if table is None or AWAKE not in table:
        msg = (
            "It is not known which programs are awake, and in programs that are asleep any gene would seem to be "
            "missing. Call crystallin.pp.screen_programs(adata) first (it needs no new training), or name the "
            "programs to audit with programs=[…]."
        )
        raise KeyError(msg)
    awake = table.set_index(table["name"].astype(str))[AWAKE].astype(str).eq("True")
    awake = awake[~awake.index.duplicated()].reindex(names, fill_value=False).to_numpy(dtype=bool) & ~model.is_decoy
    if not awake.any():
        raise ValueError(_none_awake(len(names)))
    return np.flatnonzero(awake)


def check_awake(adata: AnnData, keys: Keys) -> None:
    """Raise unless a program was found awake; ``adata`` has been screened."""
    table = adata.uns[keys.uns][TABLE]
    if not table.loc[table["kept"].astype(bool), AWAKE].any():
        raise ValueError(_none_awake(int(table["kept"].sum())))


def _none_awake(n_programs: int) -> str:
    return (
        f"None of the {n_programs} programs is awake in these cells (crystallin.pp.screen_programs), so there is no "
        "activity that further genes could follow. To audit programs in any case, name them with programs=[…]."
    )


def typical_loadings(loading: np.ndarray, sd: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the weighted median of the members' loadings in the direction of their signs, for each program.

    Parameters
    ----------
    loading, sd
        Loadings and their standard deviations, programs x genes.
    direction
        Sign of each member, 0 for other genes.
    """
    typical = np.zeros(len(loading))
    for i, signs in enumerate(direction):
        members = np.flatnonzero(signs)
        values = (loading[i] * signs)[members]
        order = np.argsort(values)
        weight = np.cumsum(1 / (sd[i, members] ** 2 + TYPICAL_SPREAD**2)[order])
        typical[i] = values[order][np.searchsorted(weight, weight[-1] / 2)]
    return typical


def reasons(evidence: EdgeEvidence, positions: np.ndarray, typical: np.ndarray, n_kept: np.ndarray) -> list[str]:
    """Return for each program why no missing members are sought, or an empty text."""
    inflation, nearest = _inflation(evidence.activity)
    usual = float(np.median(typical))
    found = []
    for i, position in enumerate(positions):
        if n_kept[i] < MIN_KEPT:
            n = f"only {n_kept[i]}" if n_kept[i] else "none"
            why = f"{n} of its members can be seen to follow it, and {MIN_KEPT} are needed"
        elif typical[i] < MIN_SHARE * usual:
            why = f"its members hardly follow it (typical loading {typical[i]:.2g}, {usual:.2g} in other programs)"
        elif inflation[position] > MAX_INFLATION:
            other = evidence.programs[nearest[position]]
            why = (
                f"its activity is nearly a sum of those of other programs (variance inflation {inflation[position]:.0f}"
                f"), such as {str(other)!r}"
            )
        else:
            why = ""
        found.append(why)
    return found


def auditable(why: list[str]) -> np.ndarray:
    """Return which programs have no reason against them."""
    return np.array([not reason for reason in why], dtype=bool)


def _inflation(activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return variance inflation factors of activities, latent x cells, and the most correlated other dimension."""
    centred = activity - activity.mean(axis=1, keepdims=True)
    sd = np.sqrt(np.square(centred).mean(axis=1))
    centred = centred / np.where(sd > 0, sd, 1)[:, None]
    correlation = centred @ centred.T / activity.shape[1]
    correlation[np.diag_indices(len(correlation))] = 1 + RIDGE
    inflation = np.diag(np.linalg.inv(correlation.astype(float)))
    off = np.abs(correlation)
    np.fill_diagonal(off, -1)
    return inflation, off.argmax(axis=1)
