"""Activities of programs on an embedding of the cells, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import matplotlib as mpl
import numpy as np
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.colorbar import make_axes
from matplotlib.colors import Normalize, to_rgb

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY, LABELS, Keys, sd_of

from ._chosen import named
from ._style import finish, panels, wrap

COLOURS, UNKNOWN = "RdBu_r", "#dcdcdc"
# share of the activities within the scale, and the least the scale shows
WITHIN, MIN_LIMIT = 0.99, 1.0
# points: area of all cells together, of one at most
AREA, MAX_SIZE = 16_000, 30
# inches: side of a panel, of the colour key, and the latter as a share of an ax of any size
PANEL, KEY_SIDE, KEY_SHARE = 2.7, 0.85, 0.3
# steps of the colour key to both sides
KEY_STEPS = 60


def embedding(
    adata: AnnData,
    programs: str | Sequence[str],
    *,
    basis: str = "umap",
    size: float | None = None,
    n_cols: int = 4,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw cells on an embedding, coloured by activity and faded by its uncertainty, with one panel for each program.

    Red means an activity above 0, blue below, and white near 0. The more uncertain the activity of a cell, the closer
    its colour is to grey: the strength of the colour is 1 - sd², the share of the prior's variance that is explained by
    the counts. Grey means that the counts contain no information about the program. The key on the right shows both.
    All panels share one scale, which covers 99 % of the activities. Cells with the strongest colours are drawn last.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`, and an embedding.
    programs
        Names of programs. Free programs can be named ``"free 1"`` for short.
    basis
        Name of the embedding in ``obsm``, such as ``"umap"`` or ``"X_umap"``; its first two columns are drawn.
    size
        Area of a cell's dot in square points; ``None`` makes dots smaller the more cells there are.
    n_cols
        Number of panels in a row.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    ax
        Axes to draw on; only for a single program. The key takes some of its room.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single program, else a list of Axes.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no program or embedding of that name.
    ValueError
        If ``programs`` is empty, the embedding has less than two columns, ``ax`` is given for several programs, or
        ``kind`` is not a reading.

    Examples
    --------
    >>> cr.pl.embedding(adata, ["Monocyte", "Cytotoxicity"])  # doctest: +SKIP
    """
    checks.check_int(n_cols, "n_cols", 1)
    if size is not None:
        checks.check_number(size, "size", 0, include_minimum=False)
    names = named(programs, "programs")
    both = get.activity_df(adata, names, kind=kind, key=key, sd=True)
    activity, sd = both[names], both[[sd_of(program) for program in names]].set_axis(names, axis=1)
    name, place = _coordinates(adata, basis, key)
    if ax is not None and len(names) > 1:
        msg = f"ax has room for one program, but {len(names)} were given. Name a single program, or leave ax out."
        raise ValueError(msg)
    # programs that were not measured (NaN) are as uncertain as the prior
    activity, sd = activity.fillna(0), sd.fillna(1)
    limit = max(float(np.quantile(activity.abs(), WITHIN)), MIN_LIMIT)
    axes = [ax] if ax is not None else panels(len(names), n_cols, (PANEL, PANEL + 0.4), (1.6, 0))
    for panel, program in zip(axes, names, strict=True):
        mean, known = activity[program].to_numpy(), _known(sd[program].to_numpy())
        order = np.argsort(known * np.abs(mean), kind="stable")
        panel.scatter(
            *place[order].T,
            c=_colour(mean, known, limit)[order],
            s=size or min(AREA / len(place), MAX_SIZE),
            linewidth=0,
            rasterized=True,
        )
        panel.set_title(wrap(program), fontsize=9)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
        panel.set_xlabel(f"{name} 1", fontsize=7, loc="left", color="0.4")
        panel.set_ylabel(f"{name} 2", fontsize=7, loc="bottom", color="0.4")
    side = KEY_SIDE / (PANEL * math.ceil(len(axes) / n_cols)) if ax is None else KEY_SHARE
    _draw_key(axes, limit, side, LABELS[kind])
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _coordinates(adata: AnnData, basis: str, key: str) -> tuple[str, np.ndarray]:
    """Return the name and the first two columns of an embedding."""
    slot = next((slot for slot in (f"X_{basis}", basis) if slot in adata.obsm), None)
    if slot is None:
        own = Keys(key).of_cells
        there = ", ".join(repr(slot.removeprefix("X_")) for slot in adata.obsm if slot not in own)
        msg = (
            f"basis={basis!r} is not an embedding in adata.obsm, which has {there or 'none'}. "
            "Compute one with scanpy.tl.umap(adata), for example."
        )
        raise KeyError(msg)
    place = np.asarray(adata.obsm[slot])
    if place.ndim != 2 or place.shape[1] < 2:
        msg = f"basis={basis!r} has shape {place.shape}; an embedding needs two columns."
        raise ValueError(msg)
    return slot.removeprefix("X_").upper(), place[:, :2]


def _known(sd: np.ndarray) -> np.ndarray:
    """Return the share of the prior's variance, which is 1, that is explained."""
    return np.clip(1 - sd**2, 0, 1)


def _colour(mean: np.ndarray, known: np.ndarray, limit: float) -> np.ndarray:
    colour = mpl.colormaps[COLOURS](Normalize(-limit, limit)(mean))[..., :3]
    return to_rgb(UNKNOWN) + known[..., None] * (colour - to_rgb(UNKNOWN))


def _draw_key(axes: list[Axes], limit: float, height: float, reading: str) -> None:
    """Draw the colour key, with activity to the right and uncertainty upwards; ``height`` is a share of the panels."""
    mean, sd = np.meshgrid(np.linspace(-limit, limit, 2 * KEY_STEPS), np.linspace(0, 1, KEY_STEPS))
    panel, _ = make_axes(axes, shrink=height, aspect=1, anchor=(0, 1), panchor=False)
    panel.imshow(_colour(mean, _known(sd), limit), extent=(-limit, limit, 0, 1), aspect="auto", origin="lower")
    panel.set_box_aspect(1)
    end = math.floor(limit)
    panel.set_xticks([-end, 0, end])
    panel.set_yticks([0, 0.5, 1])
    # scanpy's settings turn it on
    panel.grid(False)
    panel.tick_params(labelsize=7, length=2)
    panel.set_xlabel(reading, fontsize=8)
    panel.set_ylabel("posterior sd", fontsize=8)
    panel.spines[:].set_visible(False)
