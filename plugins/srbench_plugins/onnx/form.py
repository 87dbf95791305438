"""The form of a graph's images: layout, channels, type, fixed sides; and the conversion from and to RGB in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from srbench.errors import UsageError
from srbench.resize import imresize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnxruntime

Array: TypeAlias = np.ndarray[Any, Any]
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""NumPy's type by the type of the graph's input."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G, B in the luma of JPEG (BT.601 in full range), which networks for Y alone are given."""
OVERLAP = 8
"""LR pixels that tiles of a fixed size share with their neighbours on either side, where the size allows it."""


@dataclass(frozen=True)
class Form:
    """What a graph takes."""

    channels: int
    """3 for RGB, 1 for luma."""
    is_last: bool
    """Whether channels come last, ``(N, h, w, C)``."""
    dtype: Any
    """NumPy's type: floating point in [0, 1], or uint8."""
    batch: int | None
    """The only batch size; None for any."""
    sides: tuple[int | None, int | None]
    """The only height and width; None for any."""

    @classmethod
    def of(cls, path: Path, opened: onnxruntime.InferenceSession) -> Form:
        """Return the form of a graph with one input of images and one output.

        Raises:
            UsageError: it has another form; states the reason.
        """
        inputs, outputs = opened.get_inputs(), opened.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UsageError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; a method has one of each")
        shape, dtype = inputs[0].shape, inputs[0].type
        if dtype not in TYPES:
            raise UsageError(f"{path}: takes {dtype}; a method takes floating point in [0, 1] or uint8")
        if len(shape) != 4:
            raise UsageError(f"{path}: takes images of shape {shape}; a method takes (N, C, h, w) or (N, h, w, C)")
        is_last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        channels = shape[3] if is_last else shape[1]
        channels = channels if isinstance(channels, int) else 3
        if channels not in (1, 3):
            raise UsageError(f"{path}: takes {channels} channels; srbench gives RGB, or luma alone")
        sides = shape[1:3] if is_last else shape[2:4]
        height, width = (side if isinstance(side, int) and side > 0 else None for side in sides)
        batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
        return cls(channels, is_last, TYPES[dtype], batch, (height, width))

    @property
    def description(self) -> str:
        """What is special of it, for the method's summary; empty for RGB of any size."""
        height, width = self.sides
        parts = [
            f"in tiles of {width or 'any'}x{height or 'any'}" if self.is_fixed else "",
            "luma alone, colour by bicubic" if self.channels == 1 else "",
            "uint8" if self.dtype is np.uint8 else "",
            "channels last" if self.is_last else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def is_fixed(self) -> bool:
        """Whether a side is fixed."""
        return self.sides != (None, None)

    def encode(self, planes: Array) -> Array:
        """Return float32 ``(N, C, h, w)`` in [0, 1] as the graph takes it."""
        if self.dtype is np.uint8:
            planes = np.floor(planes.clip(0, 1) * 255 + 0.5)
        ordered = planes.transpose(0, 2, 3, 1) if self.is_last else planes
        return np.ascontiguousarray(ordered, self.dtype)

    def decode(self, output: Array, *, is_wide: bool) -> Array:
        """Return an output as float32 ``(N, C, H, W)``; of uint8, and of 0..255 where it is that wide, in [0, 1]."""
        is_last = output.ndim == 4 and output.shape[-1] == self.channels != output.shape[1]
        planes = output.transpose(0, 3, 1, 2) if is_last else output
        divisor = 255 if output.dtype == np.uint8 or is_wide else 1
        return (planes.astype(np.float32) / divisor) if divisor > 1 else planes.astype(np.float32, copy=False)


def with_colour(lr: torch.Tensor, enlarge: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Enlarge the luma of RGB ``(N, 3, h, w)`` by a function of ``(N, 1, h, w)``, and its colour bicubically."""
    weights = torch.tensor(LUMA, dtype=lr.dtype)[:, None, None]
    luma = enlarge((lr * weights).sum(dim=1, keepdim=True))
    large = imresize(lr, (luma.shape[-2], luma.shape[-1]))
    return large + (luma - (large * weights).sum(dim=1, keepdim=True))  # Cb and Cr stay: they are differences to luma


def in_tiles(
    lr: torch.Tensor, sides: tuple[int | None, int | None], enlarge: Callable[[torch.Tensor], torch.Tensor], scale: int
) -> torch.Tensor:
    """Enlarge ``(N, C, h, w)`` by a function that takes one height and width only.

    Smaller images are padded by replicating edges. Tiles overlap, and the middle of each is kept.
    """
    height, width = lr.shape[-2:]
    tile = sides[0] or height, sides[1] or width
    down, right = max(0, tile[0] - height), max(0, tile[1] - width)
    padded = torch.nn.functional.pad(lr, (0, right, 0, down), mode="replicate") if down or right else lr
    rows = []
    for top, first, last in _spans(padded.shape[-2], tile[0]):
        parts = []
        for left, begin, end in _spans(padded.shape[-1], tile[1]):
            sr = enlarge(padded[..., top : top + tile[0], left : left + tile[1]])
            inner = (
                slice((first - top) * scale, (last - top) * scale),
                slice((begin - left) * scale, (end - left) * scale),
            )
            parts.append(sr[..., inner[0], inner[1]])
        rows.append(torch.cat(parts, dim=-1))
    return torch.cat(rows, dim=-2)[..., : height * scale, : width * scale]


def _spans(length: int, side: int) -> list[tuple[int, int, int]]:
    """Return the starts of tiles along a side of an image, and what is kept of each: from and to, in its pixels."""
    margin = min(OVERLAP, (side - 1) // 4)
    spans = []
    start = done = 0
    while True:
        start = min(start, length - side)
        stop = length if start + side == length else start + side - margin
        spans.append((start, done, stop))
        if stop == length:
            return spans
        done, start = stop, stop - margin
