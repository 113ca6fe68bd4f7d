"""Colours and names of the circles of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke

from ._style import UP, shorten

# from the palettes of Okabe and Ito and of Tol, without the colours of verdicts; labels beyond these share a colour
COLOURS = (UP, "#009E73", "#CC79A7", "#56B4E9", "#882255", "#999933", "#332288")
# letters of a name; points: size of a name, width of one of its letters, height of a line, and what is left free
NAME_WIDTH, NAME_SIZE, LETTER, LINE, FREE = 24, 8.5, 5.4, 10.5, 2.0
# where names may be: at these angles, and at these distances from the circle in points; a line leads to those from here
ANGLES, DISTANCES, LED = np.deg2rad(np.arange(0, 360, 15)), (3.0, 14.0, 28.0, 44.0, 64.0), 20.0
# costs: of covering another name, of leaving the axes, of covering half of all cells, of being within another circle,
# on its line or beside it, of each point of distance
OVERLAP, OUTSIDE, COVERED, FOREIGN, FAR = 1000.0, 500.0, 60.0, 30.0, 0.35
# points: what is nearer to a circle is beside it
BESIDE = 10.0
# number of cells that are looked at
MAX_CELLS = 4_000
# luminance of names at most, so that they can be read on white
LIGHT = 0.38


@dataclass(frozen=True)
class _Canvas:
    """What is drawn, in points.

    Attributes
    ----------
    middle
        Middle of each circle.
    radius
        Radius of the circles.
    dots
        Cells.
    box
        Lower left and upper right corner of the axes.
    """

    middle: np.ndarray
    radius: float
    dots: np.ndarray
    box: np.ndarray

    def cost(self, i: int, place: np.ndarray, half: np.ndarray) -> float:
        """Return the cost of a name of circle ``i`` at ``place``, whose sides are twice ``half``."""
        outside = (place - half < self.box[0]).any() or (place + half > self.box[1]).any()
        covered = np.mean((np.abs(self.dots - place) < half).all(axis=1)) if len(self.dots) else 0
        way = np.abs(np.delete(self.middle, i, axis=0) - place)
        near, far = (np.linalg.norm(side, axis=1) for side in (np.maximum(way - half, 0), way + half))
        on_line = (near < self.radius + 2) & (far > self.radius - 2)
        foreign = np.sum([near < self.radius, on_line, near < self.radius + BESIDE])
        return float(OUTSIDE * outside + COVERED * 2 * covered + FOREIGN * foreign)


def colours_of(centres: np.ndarray) -> list[str]:
    """Return a colour for each label; labels that have to share one are as far from each other as possible."""
    chosen: list[int] = []
    for i, centre in enumerate(centres):
        if i < len(COLOURS):
            chosen.append(i)
            continue
        uses = np.bincount(chosen, minlength=len(COLOURS))
        away = np.linalg.norm(centres[:i] - centre, axis=1)
        nearest = [away[np.array(chosen) == colour].min() for colour in range(len(COLOURS))]
        # first those that are used least
        chosen.append(max(np.flatnonzero(uses == uses.min()), key=lambda colour: nearest[colour]))
    return [COLOURS[colour] for colour in chosen]


def name_circles(
    ax: Axes, labels: list[str], centres: np.ndarray, colours: list[str], cells: np.ndarray, radius: float
) -> None:
    """Write the name of each label beside its circle, where it covers the least.

    The axes must have everything else, because the places depend on their size.
    """
    ax.figure.draw_without_rendering()
    scale = 72 / ax.figure.dpi
    middle, edge = (ax.transData.transform(points) * scale for points in (centres, centres + [radius, 0]))
    dots = cells[:: max(len(cells) // MAX_CELLS, 1)].reshape(-1, 2)
    canvas = _Canvas(
        middle,
        float(np.abs(edge - middle).max()),
        ax.transData.transform(dots) * scale,
        np.array(ax.get_window_extent().extents).reshape(2, 2) * scale,
    )
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    # those with the least room first
    between = np.linalg.norm(middle[:, None] - middle, axis=2)
    for i in np.argsort(between.sum(axis=1), kind="stable"):
        word, colour = shorten(labels[i], NAME_WIDTH), _dark(colours[i])
        half = np.array([LETTER * len(word), LINE]) / 2
        place, distance = _best(i, half, canvas, taken)
        taken.append((place, half))
        beside = {"textcoords": "offset points", "annotation_clip": False}
        style = {"ha": "center", "va": "center", "fontsize": NAME_SIZE, "fontweight": "bold", "color": colour}
        text = ax.annotate(word, tuple(centres[i]), tuple(place - middle[i]), zorder=6, **beside, **style)
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        if distance > LED:
            end = np.clip(middle[i], place - half, place + half) - middle[i]
            line = {"arrowstyle": "-", "linewidth": 0.8, "color": colour, "shrinkA": 0, "shrinkB": canvas.radius}
            ax.annotate("", tuple(centres[i]), tuple(end), arrowprops=line | {"zorder": 5}, **beside)


def _best(
    i: int, half: np.ndarray, canvas: _Canvas, taken: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, float]:
    """Return the place of a name that costs least, and its distance from the circle; ``taken`` are other names."""
    best, found = np.inf, (canvas.middle[i], 0.0)
    for distance in DISTANCES:
        for angle in ANGLES:
            way = np.array([np.cos(angle), np.sin(angle)])
            # the name lies outside, so that its edge and not its middle has the distance
            place = canvas.middle[i] + way * (canvas.radius + distance) + np.sign(way) * half * np.abs(way) ** 0.5
            n_hidden = sum(bool((np.abs(place - at) < half + other + FREE).all()) for at, other in taken)
            cost = OVERLAP * n_hidden + FAR * distance + canvas.cost(i, place, half)
            if cost < best:
                best, found = cost, (place, distance)
    return found


def _dark(colour: str) -> tuple[float, ...]:
    """Return a colour that can be read as text on white."""
    rgb = np.array(to_rgb(colour))
    luminance = float(rgb @ [0.2126, 0.7152, 0.0722])
    return tuple(rgb * min(1.0, LIGHT / max(luminance, 1e-9)))
