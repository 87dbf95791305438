"""The comparison figure: one image, a crop of each method's output, the scores below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench import defaults
from srbench.errors import ImageError, MethodError, SRBenchError, UsageError, say
from srbench.images.degradations import get_degradation
from srbench.images.tensors import to_8bit, to_picture
from srbench.inference.build import random_weights
from srbench.inference.upscaler import Upscaler
from srbench.protocols import get_protocol
from srbench.report.crops import Crop, differences, most_different
from srbench.results.rows import decode_value
from srbench.results.run_folder import check_picture
from srbench.scoring.outputs import criteria, score_samples, upscale_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import load_sample
from srbench.scoring.scorer import Scorer
from srbench.scoring.sr_folders import read_sr, sr_files
from srbench.store.backbones import missing_backbones
from srbench.system.atomic import replacing
from srbench.system.devices import find_device
from srbench.system.figures import figure_style
from srbench.system.leftovers import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from srbench.catalog.catalog import Catalog
    from srbench.scoring.outputs import Criterion
    from srbench.scoring.samples import Sample
    from srbench.specs import ImagePair, MetricSpec, ModelSpec
    from srbench.system.terminal import UI

FORMATS = (".png", ".pdf", ".svg")
STORE_BYTES = 2**28
DPI = 200
PANEL = 320
"""Smallest width of a panel in pixels."""

GAP, CAPTION = 16, 84
SMALLEST = 32


@dataclass(frozen=True)
class Picture:
    """The figure, and the crop that it shows."""

    figure: Figure
    crop: Crop


@dataclass(frozen=True)
class Panel:
    """The output of a method, ``(H, W, 3)`` uint8, and its scores as text by metric."""

    name: str
    pixels: NDArray[Any]
    scores: Mapping[str, str]
    best: frozenset[str] = frozenset()
    """Metrics in which no other panel is better."""


def parse_crop(text: str, width: int, height: int, scale: int) -> Crop:
    """Read ``x,y,w,h`` in HR pixels.

    Raises:
        UsageError: the text has another form, or the crop is not inside the image.
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--crop {text}: takes x,y,width,height in HR pixels, whole numbers")
    crop = Crop(*map(int, parts))
    if min(crop.width, crop.height) < 1 or crop.x + crop.width > width or crop.y + crop.height > height:
        raise UsageError(f"--crop {text}: is not inside the image, which is {width}x{height} at x{scale}")
    return crop


def choose_crop(pictures: Sequence[NDArray[Any]], hr: NDArray[Any], scale: int) -> Crop:
    """Return a window of about a quarter of the shorter side on which the methods differ most."""
    side = max(min(SMALLEST, *hr.shape[:2]), min(hr.shape[:2]) // 4)
    return most_different(differences(pictures if len(pictures) > 1 else [*pictures, hr], scale), side, side, scale)


def compare(
    catalog: Catalog,
    pair: ImagePair,
    methods: Sequence[ModelSpec],
    scale: int,
    *,
    protocol: str,
    metrics: Sequence[MetricSpec],
    crop: str,
    weights: Mapping[str, str],
    device: str,
    ui: UI,
    dataset: str = "",
    degradation: str = defaults.DEGRADATION,
    precision: str = "fp32",
) -> tuple[Picture | None, list[str]]:
    """Upscale an image with several methods, score them whole, and draw a crop of each.

    Args:
        catalog: the methods.
        pair: the image; LR is made from HR unless it has its own.
        methods: in the order of the panels.
        scale: the factor.
        protocol: name of the scoring protocol.
        metrics: the scores below each panel.
        crop: ``x,y,w,h`` in HR pixels; if empty, the window on which the methods differ most.
        weights: ``shipped``, ``trained`` or a path, by method.
        device: ``auto``, ``cpu``, ``cuda``.
        ui: shows progress.
        dataset: the image's dataset, if it has one; by its name the folders of ``files:DIR`` are found.
        degradation: name of the degradation that makes LR.
        precision: ``fp32``, ``bf16`` or ``fp16``; a method that does not do it fails.

    Returns:
        The picture, or None if all methods failed; and one line per method that failed.

    Raises:
        UsageError: a protocol, crop, weights or device does not exist.
        ImageError: the image cannot be used.
    """
    by_protocol = get_protocol(protocol)
    choices = catalog.models.choices(weights, methods)
    target = find_device(device)
    sample = load_sample(pair, scale, target, get_degradation(degradation))
    hr = to_picture(sample.hr, grey=sample.grey).pixels
    window = parse_crop(crop, hr.shape[1], hr.shape[0], scale) if crop else None
    missing = missing_backbones(metrics, ui)
    columns = criteria([metric for metric in metrics if metric.name not in missing], [by_protocol])
    outputs: dict[str, torch.Tensor] = {}
    faults = []
    with ui.track("upscaling", len(methods)) as advance:
        for method in methods:
            try:
                if method.outputs and method.file:
                    file = sr_files(method.file, dataset, scale, [pair])[pair.name]
                    check_picture(file)
                    outputs[method.name], remarks = read_sr(file, pair, sample.hr, scale)
                    for remark in remarks.values():
                        ui.warn(f"{method.name}: {remark}")
                else:
                    choice = choices.get(method.name, "")
                    outputs[method.name] = _upscale(method, sample, choice, str(target), precision, ui)
            except (MethodError, ImageError) as error:
                faults.append(f"{method.name} failed: {error}")
            advance(method.name)
    if not outputs:
        return None, faults
    panels = panels_of(sample, outputs, columns)
    window = window or choose_crop([panel.pixels for panel in panels], hr, scale)
    lr = "" if degradation == defaults.DEGRADATION else f", LR by {degradation}"
    return Picture(draw(f"{pair.name} x{scale}{lr}, protocol {protocol}", hr, panels, window), window), faults


def _upscale(method: ModelSpec, sample: Sample, choice: str, device: str, precision: str, ui: UI) -> torch.Tensor:
    """Return SR as ``(3, H, W)`` uint8; warn where its range or the weights cannot be right.

    Raises:
        MethodError: the method does not support this scale or precision, has no weights, or fails.
    """
    scale = sample.scale
    if reason := method.lacks_scale(scale):
        raise MethodError(f"it {reason}")
    if precision not in method.precisions:
        raise MethodError(f"it does not do {precision}")
    try:
        upscaler = Upscaler(method, scale, choice, device, precision=precision)
        tiler = upscaler.tiler
        sr = upscale_samples(lambda lr: tiler(lr, to_8bit), [sample])[0]
        remarks = random_weights(method, upscaler.net, scale), tiler.enlarger.take_remark()
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise MethodError(say(error)) from error
    for remark in filter(None, remarks):
        ui.warn(f"{method.name}: {remark}")
    return sr


def panels_of(sample: Sample, outputs: Mapping[str, torch.Tensor], columns: Sequence[Criterion]) -> list[Panel]:
    """Score each output, and mark the best.

    Args:
        sample: the image.
        outputs: method -> ``(3, H, W)`` uint8.
        columns: metrics under the protocol.
    """
    scorer = Scorer(ReferenceStore(STORE_BYTES))
    names = {sample.name: sample.name}
    values: dict[str, dict[str, float]] = {column.metric.name: {} for column in columns}
    for method, sr in outputs.items():
        image = {sample.name: sample}, {sample.name: sr}, {sample.name: columns}, names
        for _, column, score in score_samples(scorer, *image):
            values[column.metric.name][method] = decode_value(score.value)
    best: dict[str, set[str]] = {method: set() for method in outputs}
    for column in columns:
        metric = column.metric
        defined = {method: value for method, value in values[metric.name].items() if not np.isnan(value)}
        top = (min if metric.better == "lower" else max)(defined.values(), default=np.nan)
        for method in (method for method, value in defined.items() if value == top and len(defined) > 1):
            best[method].add(metric.name)

    def text(column: Criterion, method: str) -> str:
        value = values[column.metric.name][method]
        return "-" if np.isnan(value) else f"{value:.{column.metric.decimals}f}"

    return [
        Panel(
            method,
            to_picture(sr, grey=sample.grey).pixels,
            {column.metric.name: text(column, method) for column in columns},
            frozenset(best[method]),
        )
        for method, sr in outputs.items()
    ]


def draw(title: str, hr: NDArray[Any], panels: Sequence[Panel], crop: Crop) -> Figure:
    """Draw the whole image with the crop marked, and the crops of HR and of each panel, in two rows if many.

    Crops are enlarged by a whole factor without interpolation; every edge lies on a pixel of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    factor = max(1, -(-PANEL // crop.width))
    width, height = crop.width * factor, crop.height * factor
    rows = 1 if len(panels) < 3 else 2
    columns = -(-(len(panels) + 1) // rows)
    total_height = rows * (height + CAPTION) + (rows + 1) * GAP
    shrink = min((total_height - 2 * GAP - CAPTION) / hr.shape[0], 3 * width / hr.shape[1])
    left_width, left_height = round(hr.shape[1] * shrink), round(hr.shape[0] * shrink)
    first = max(left_width, width)  # wide enough for the caption of the whole image
    total_width = first + columns * (width + GAP) + 2 * GAP
    style: dict[Any, Any] = {"font.family": "DejaVu Sans", "font.size": 9, "svg.fonttype": "path", "pdf.fonttype": 42}
    with figure_style(style):
        figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)

        def show(pixels: NDArray[Any], left: int, top: int, w: int, h: int, smooth: bool) -> Any:
            box = (left / total_width, 1 - (top + h) / total_height, w / total_width, h / total_height)
            axes = figure.add_axes(box)
            axes.imshow(pixels, interpolation="antialiased" if smooth else "nearest", aspect="auto")
            axes.set_axis_off()
            return axes

        def write(text: str, left: int, top: float, w: int, **more: Any) -> None:
            figure.text((left + w / 2) / total_width, 1 - top / total_height, text, ha="center", va="top", **more)

        whole = show(hr, GAP + (first - left_width) // 2, GAP, left_width, left_height, smooth=True)
        corner = (crop.x - 0.5, crop.y - 0.5)
        whole.add_patch(Rectangle(corner, crop.width, crop.height, fill=False, edgecolor="#D55E00", linewidth=1.6))
        metrics = list(panels[0].scores) if panels else []
        lines = (_shortened(title, first), " / ".join(name.upper() for name in metrics))
        for i, text in enumerate(lines):
            write(
                text,
                GAP,
                GAP + left_height + 8 + 34 * i,
                left_width,
                fontsize=_fitting(max(lines, key=len), left_width),
            )
        for i, panel in enumerate([Panel("HR", hr, {}), *panels]):
            left = 2 * GAP + first + (i % columns) * (width + GAP)
            top = GAP + (i // columns) * (height + CAPTION + GAP)
            show(crop.of(panel.pixels), left, top, width, height, smooth=False)
            name = _shortened(panel.name, width)
            write(name, left, top + height + 8, width, fontsize=_fitting(name, width))
            _scores(figure, panel, (left + width / 2) / total_width, 1 - (top + height + 42) / total_height, width)
    return figure


def _shortened(text: str, width: int) -> str:
    """Return a text, without its middle if it does not fit a width in pixels at 6 points."""
    fits = int(width * 72 / DPI / (0.64 * 6))
    return text if len(text) <= fits else f"{text[: fits // 2]}…{text[len(text) - fits // 2 + 1 :]}"


def _fitting(text: str, width: int, size: float = 9) -> float:
    """Return the font size in points at which a text fits a width in pixels; a letter is about 0.64 em wide."""
    return min(size, max(4.0, width * 72 / DPI / (0.64 * max(1, len(text)))))


def _scores(figure: Figure, panel: Panel, x: float, y: float, width: int) -> None:
    """Write the scores in one centred line, the best in bold."""
    if not panel.scores:
        return
    texts = list(panel.scores.values())
    size = _fitting(" / ".join(texts), width, 8)
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    parts = []
    for i, (metric, text) in enumerate(panel.scores.items()):
        weight = "bold" if metric in panel.best else "normal"
        parts += [(" / ", "normal")] if i else []
        parts.append((text, weight))
    placed = [
        figure.text(0, y, text, fontsize=size, fontweight=weight, va="top", color="#333") for text, weight in parts
    ]
    widths = [part.get_window_extent(renderer).width for part in placed]
    total = figure.bbox.width
    left = x - sum(widths) / 2 / total
    for part, wide in zip(placed, widths, strict=True):
        part.set_x(left)
        left += wide / total


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG, PDF or SVG, with the same bytes every time.

    Raises:
        UsageError: the file has another suffix.
        SRBenchError: it cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise UsageError(f"{path}: cannot write {kind or 'a file without suffix'}; use {', '.join(FORMATS)}")
    quiet: dict[str, dict[str, Any]] = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        ".svg": {"Date": None, "Creator": None},
    }
    style = {"svg.hashsalt": "srbench", "svg.fonttype": "path", "pdf.fonttype": 42}
    remove_leftovers(path.parent)
    with replacing(path) as temporary, figure_style(style):
        figure.savefig(temporary, dpi=DPI, metadata=quiet[kind])
