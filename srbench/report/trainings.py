"""A training on the page: curves, pictures over steps, the card of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from srbench.errors import ImageError
from srbench.images.read import read
from srbench.report.crops import differences, most_different
from srbench.report.embed import data_uri
from srbench.report.gather import series
from srbench.report.plots import curve
from srbench.report.svg import to_svg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from srbench.report.gather import Training
    from srbench.results.rows import Row

SAMPLE = 144
"""Side of the sample pictures in pixels."""

SAMPLE_STEPS = 6
"""Number of steps that are shown, the first and the last included."""


def training_view(training: Training, name: str) -> Row:
    """Return the data of a training for the page; ``name`` makes the ids of its plots unique."""
    curves = []
    for i, (value, pairs) in enumerate(series(training.log).items()):
        steps, values = [step for step, _ in pairs], [number for _, number in pairs]
        figure = curve(value, steps, values, validated=value.startswith("validation "))
        label = f"{value} of {training.name}: {values[0]:.4g} at step {steps[0]}, {values[-1]:.4g} at step {steps[-1]}"
        curves.append(to_svg(figure, f"{name}c{i}", label, {}))
    return {
        "name": training.name,
        "digest": training.digest,
        "origin": training.origin,
        "remark": training.remark,
        "card": _flat(training.card),
        "curves": curves,
        "strips": {image: _strip(files) for image, files in training.samples.items()},
    }


def _strip(files: Sequence[tuple[int, Path]]) -> list[dict[str, Any]]:
    """Return crops of one image over the steps, at the window where the first and the last step differ most."""
    last = len(files) - 1
    chosen = sorted(
        {round(i * last / max(1, min(SAMPLE_STEPS, len(files)) - 1)) for i in range(SAMPLE_STEPS)}
        & set(range(len(files)))
    )
    try:
        pictures = [(files[i][0], read(files[i][1]).pixels) for i in chosen]
    except ImageError:
        return []
    if not pictures or any(pixels.shape != pictures[0][1].shape for _, pixels in pictures):
        return []
    crop = most_different(differences([pictures[0][1], pictures[-1][1]], 4), SAMPLE, SAMPLE, 1)
    return [
        {"step": step, "uri": data_uri(crop.of(pixels)), "width": crop.width, "height": crop.height}
        for step, pixels in pictures
    ]


def _flat(card: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return a card as (name, text) pairs; nested names are joined by dots."""
    lines = []
    for key, value in card.items():
        name, parts = f"{prefix}{key}", dict(enumerate(value)) if isinstance(value, list) else value
        text = "none" if value is None else str(value)
        lines += _flat(parts, f"{name}.") if isinstance(parts, dict) else [(name, text)]
    return lines
