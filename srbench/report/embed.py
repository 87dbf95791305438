"""Images inside the page, within a budget of bytes: whole if they fit, else crops where methods differ most."""

from __future__ import annotations

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow
from PIL import features

from srbench import defaults
from srbench.errors import ImageError
from srbench.images.read import read
from srbench.report.crops import Crop, differences, most_different

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from srbench.system.terminal import UI

SIZES = (4096, 1024, 768, 512, 384, 320, 256, 224, 192, 160, 128, 112, 96, 80, 64)
"""Heights and widths of crops in HR pixels that are tried, largest first."""

FOCUS = 96
"""Height and width in HR pixels of the square that is shown first."""

PROBES = 8
MOST_WEBP = 16383
"""Largest height and width of WebP in pixels."""


@dataclass(frozen=True)
class Shot:
    """One image in the page: its size in HR pixels, the crop, the part to show first, and the pictures."""

    width: int
    height: int
    crop: Crop
    focus: Crop
    difference: float
    """Mean variance between the methods within ``focus``, in squared 8-bit levels."""
    uris: dict[str, str]
    """Data URI of the crop by ``HR``, ``LR`` or method; empty if HR or LR cannot be read."""
    faults: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of characters of its data URIs."""
        return sum(len(uri) for uri in self.uris.values())


def data_uri(pixels: NDArray[Any]) -> str:
    """Return ``(H, W, 3)`` uint8 as a data URI, encoded without loss: WebP, else PNG."""
    buffer = io.BytesIO()
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    if features.check("webp") and max(image.size) <= MOST_WEBP:
        image.save(buffer, "WEBP", lossless=True, quality=50, method=2)
        kind = "webp"
    else:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def shoot(files: Mapping[str, Path], scale: int, size: int) -> Shot:
    """Read the pictures of one image, and crop them to the square on which the methods differ most.

    Args:
        files: ``HR``, ``LR`` and one per method.
        scale: the factor between LR and HR.
        size: height and width of the crop in HR pixels; if larger than the image, it is kept whole.

    Raises:
        ImageError: HR or LR cannot be read.
    """
    hr, lr = read(files["HR"]).pixels, read(files["LR"]).pixels
    pictures, faults = {"HR": hr, "LR": lr}, []
    for name, path in files.items():
        if name in pictures:
            continue
        try:
            pixels = read(path).pixels
        except ImageError as error:
            faults.append(str(error))
            continue
        if pixels.shape == hr.shape:
            pictures[name] = pixels
        else:
            faults.append(f"{path}: differs in size from {files['HR'].name}")
    if defaults.BASELINE not in pictures:
        pictures[defaults.BASELINE] = _bicubic(lr, hr.shape)
    methods = [pixels for name, pixels in pictures.items() if name not in {"HR", "LR"} and name in files]
    variance = differences(methods if len(methods) > 1 else [*methods, hr], scale)
    crop, focus = (most_different(variance, side, side, scale) for side in (size, FOCUS))
    difference = float(focus.of(variance).mean())
    uris = {name: data_uri(crop.of(pixels, scale if name == "LR" else 1)) for name, pixels in pictures.items()}
    return Shot(hr.shape[1], hr.shape[0], crop, focus, difference, uris, tuple(faults))


def _shoot_or_say(files: Mapping[str, Path], scale: int, size: int) -> Shot:
    """Return a shot as `shoot` does; without pictures if HR or LR cannot be read."""
    try:
        return shoot(files, scale, size)
    except ImageError as error:
        nothing = Crop(0, 0, 0, 0)
        return Shot(0, 0, nothing, nothing, 0.0, {}, (str(error),))


def _bicubic(lr: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return LR upscaled as by the method bicubic, for runs without that method."""
    import torch

    from srbench.images.tensors import to_8bit, to_float
    from srbench.resize import imresize

    large = imresize(to_float(torch.from_numpy(lr.transpose(2, 0, 1).copy())), (shape[0], shape[1]))
    return to_8bit(large[0]).permute(1, 2, 0).numpy()


def embed(images: Sequence[tuple[Mapping[str, Path], int]], budget: int, ui: UI) -> list[Shot | None]:
    """Return each image's pictures, all cropped to the largest size at which everything fits.

    A picture that cannot be read is in the faults of its image.

    If not even the smallest crops fit, the images on which methods differ most are kept; the others are None.

    Args:
        images: files and scale of each.
        budget: most characters of all data URIs together.
        ui: shows progress.
    """
    if not images or budget <= 0:
        return [None] * len(images)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:

        def shots(chosen: Sequence[tuple[Mapping[str, Path], int]], size: int) -> list[Shot]:
            with ui.track(f"cropping images to {size} px", len(chosen)) as advance:
                done = pool.map(lambda image: _shoot_or_say(image[0], image[1], size), chosen)
                return [(shot, advance(""))[0] for shot in done]

        size = _estimate(images, shots(images[:: max(1, len(images) // PROBES)], 384), budget)
        while True:
            candidates = shots(images, size)
            if sum(shot.size for shot in candidates) <= budget:
                return list(candidates)
            if size == SIZES[-1]:
                return _dearest(candidates, budget)
            size = SIZES[SIZES.index(size) + 1]


def _estimate(images: Sequence[tuple[Mapping[str, Path], int]], probes: list[Shot], budget: int) -> int:
    """Return the largest size that is likely to fit, estimated from crops of a few images."""
    counted = sum(len(shot.uris) * shot.crop.width * shot.crop.height for shot in probes)
    per_pixel = sum(shot.size for shot in probes) / max(1, counted)
    pictures = sum(len(files) for files, _ in images)
    area = sum(shot.width * shot.height for shot in probes) / len(probes)
    for size in SIZES:
        if pictures * min(area, size * size) * per_pixel <= budget:
            return size
    return SIZES[-1]


def _dearest(shots: list[Shot], budget: int) -> list[Shot | None]:
    kept: list[Shot | None] = [None] * len(shots)
    for i in sorted(range(len(shots)), key=lambda k: -shots[k].difference):
        if shots[i].size <= budget:
            kept[i] = shots[i]
            budget -= shots[i].size
    return kept
