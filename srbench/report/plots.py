"""Plots of quality against speed and perception against distortion, and training curves, as matplotlib figures.

Colours are Okabe and Ito's, which colour-blind readers can distinguish. Each method has a marker and a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.report.labels import Box, place
from srbench.report.svg import INK, RC
from srbench.system.figures import figure_style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from srbench.results.rows import Row

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH = 358
"""Pixels: a phone's width, so that text is never scaled below 12 pixels."""

LONGEST = 24
"""Most characters of a name in a plot; the middle of a longer one is left out."""

LARGEST = 17.0
"""Radius in points of the bubble of the largest network."""


@dataclass(frozen=True)
class Axis:
    """A column of the board on an axis."""

    column: str
    label: str
    better: str
    log: bool = False


@dataclass(frozen=True)
class Point:
    """A method in a plot; on the Pareto front if no other is at least as good in both values and better in one."""

    method: str
    x: float
    y: float
    params: float
    front: bool


def points(rows: Sequence[Row], x: Axis, y: Axis) -> list[Point]:
    """Return the methods with finite values on both axes (above 0 on a logarithmic axis)."""

    def value(row: Row, axis: Axis) -> float:
        number = row[axis.column]
        number = math.nan if number is None else float(number)
        return number if math.isfinite(number) and (number > 0 or not axis.log) else math.nan

    defined = [(row, value(row, x), value(row, y)) for row in rows]
    defined = [(row, a, b) for row, a, b in defined if not (math.isnan(a) or math.isnan(b))]
    merits = [(a if x.better == "higher" else -a, b if y.better == "higher" else -b) for _, a, b in defined]
    fronts = [not any(o != m and o[0] >= m[0] and o[1] >= m[1] for o in merits) for m in merits]
    return [
        Point(str(row["method"]), a, b, float(row["params"] or 0) if row["params"] == row["params"] else 0.0, front)
        for (row, a, b), front in zip(defined, fronts, strict=True)
    ]


def inner_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the smallest and largest value without outliers that would squeeze the others into a third or less.

    Outliers are more than three interquartile ranges from the quartiles (Tukey 1977, "far out").
    """
    low, high = min(values), max(values)
    first, third = np.percentile(values, [25, 75])
    reach = 3 * (third - first)
    kept = [value for value in values if first - reach <= value <= third + reach]
    inner = min(kept), max(kept)
    return inner if 0 < inner[1] - inner[0] < (high - low) / 3 else (low, high)


def shown_at(point: Point, y_range: tuple[float, float]) -> Point:
    """Return a point as it is drawn: an outlier at the edge, with its value in the label; long names shortened."""
    name = point.method
    if len(name) > LONGEST:
        name = f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2 - 1) :]}"
    y = min(max(point.y, y_range[0]), y_range[1])
    if y != point.y:
        name = f"{name} {'↓' if point.y < y else '↑'} {point.y:.4g}"
    return replace(point, method=name, y=y)


def looks(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each method, for all plots of a page."""
    names = sorted(set(methods))
    return {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(names)}


def scatter(
    shown: Sequence[Point], x: Axis, y: Axis, look: Mapping[str, tuple[str, str]], *, bubbles: bool = False
) -> Figure:
    """Draw methods as labelled points, the front as a dashed line; areas of bubbles are proportional to parameters.

    Outliers stand at the edge of the plot with their value, see `inner_range`.
    """
    colours = [look[point.method] for point in shown]
    if shown:
        y_range = inner_range([point.y for point in shown])
        shown = [shown_at(point, y_range) for point in shown]
    with figure_style(RC):
        figure, axes = _frame(WIDTH, 300)
        if x.log:
            axes.set_xscale("log")
        axes.margins(0.15, 0.12)
        axes.grid(visible=True)
        front = sorted((point for point in shown if point.front), key=lambda p: (p.x, p.y))
        (line,) = axes.plot([p.x for p in front], [p.y for p in front], "--", color=INK, lw=0.9, alpha=0.55, zorder=1)
        line.set_gid("front")
        most = max((point.params for point in shown), default=0)
        for i, point in enumerate(shown):
            colour, marker = colours[i]
            if bubbles and point.params:
                radius = LARGEST * math.sqrt(point.params / most)
                bubble = axes.plot(point.x, point.y, "o", ms=2 * radius, color=colour, alpha=0.2, mec="none", zorder=1)
                bubble[0].set_gid(f"bubble-{i}")
            (mark,) = axes.plot(point.x, point.y, marker, ms=6.5, color=colour, mec=INK, mew=0.6, zorder=3)
            mark.set_gid(f"point-{i}")
        axes.set_xlabel(_directed(x))
        axes.set_ylabel(_directed(y))
        if x.log:
            _plain_decades(axes)
        _name(figure, axes, shown)
    return figure


def _directed(axis: Axis) -> str:
    return f"{axis.label}  ({'better →' if axis.better == 'higher' else '← better'})"


def _frame(width: int, height: int) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 96, height / 96), dpi=72, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _plain_decades(axes: Axes) -> None:
    """Write 0.1, 1, 10 instead of powers, and 2 and 5 between them where the axis is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    low, high = axes.get_xlim()
    decades = math.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def _name(figure: Figure, axes: Axes, shown: Sequence[Point]) -> None:
    """Label each point where there is room, with a thin line to the point if the label is far from it."""
    figure.draw_without_rendering()
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    centres = [tuple(axes.transData.transform((point.x, point.y))) for point in shown]
    texts = [axes.text(0, 0, p.method, fontweight="bold" if p.front else "normal", zorder=4) for p in shown]
    extents = [text.get_window_extent(renderer) for text in texts]
    inner = axes.get_window_extent(renderer)
    frame = Box(inner.x0, inner.y0, figure.bbox.x1, inner.y1)
    boxes = place(centres, [(extent.width + 2, extent.height) for extent in extents], frame)
    back = axes.transData.inverted()
    for text, box, centre in zip(texts, boxes, centres, strict=True):
        x, y = back.transform((box.left + 1, (box.bottom + box.top) / 2))
        text.set(x=x, y=y, va="center", ha="left", clip_on=False)
        nearest = min(max(centre[0], box.left), box.right), min(max(centre[1], box.bottom), box.top)
        if math.dist(nearest, centre) > 12:
            ends = back.transform([nearest, centre])
            axes.plot(ends[:, 0], ends[:, 1], "-", color=INK, lw=0.5, alpha=0.6, zorder=2, scalex=False, scaley=False)


def curve(name: str, steps: Sequence[int], values: Sequence[float], *, validated: bool) -> Figure:
    """Draw one logged value of a training over steps; validation values have markers."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    with figure_style(RC):
        figure, axes = _frame(236, 168)
        axes.grid(visible=True)
        colour = COLOURS[1] if validated else COLOURS[0]
        (line,) = axes.plot(steps, values, color=colour, lw=1.4, marker="o" if validated else "", ms=4)
        line.set_gid("curve")
        axes.set_title(name, loc="left")
        axes.set_xlabel("step")
        plain = ScalarFormatter(useOffset=False)
        plain.set_scientific(False)
        axes.yaxis.set_major_formatter(plain)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
    return figure
