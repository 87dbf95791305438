"""Scoring protocols, named and versioned: channel, border, rounding, SSIM definition and greyscale policy.

SR is clamped and rounded to 8 bits once before a protocol is applied, as if saved and read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from srbench.errors import unknown

Planes = Any  # a numpy array or a torch tensor: the arithmetic is the same


@dataclass(frozen=True)
class Protocol:
    """A way to score. Values are comparable only under the same ``identity``."""

    name: str
    version: int
    channel: Literal["y", "rgb"]
    round_luma: bool
    summary: str
    border: str = "scale"
    """Pixels cut from each side before scoring; ``scale``: as many as the scale factor."""
    ssim: str = "11x11 Gaussian, sigma 1.5, K=(0.01, 0.03), L=255, population covariance, valid part"
    grey: str = "grey-as-stored"
    """How greyscale files are scored: on their stored values; studio-range luma is for colour files."""

    @property
    def identity(self) -> str:
        """Name and version, e.g. ``y/1``, recorded with every value."""
        return f"{self.name}/{self.version}"

    def channels(self, rgb: Planes, *, grey: bool) -> Planes:
        """Return the channels to score, before the border is cut.

        Args:
            rgb: ``(..., 3, H, W)``, float64 array or tensor of integers in [0, 255].
            grey: whether the HR file is greyscale.

        Returns:
            ``(..., 1, H, W)`` or ``(..., 3, H, W)`` in [0, 255] (luma in [16, 235]).
        """
        if grey:
            luma = grey_values(rgb)
            return _rounded(luma) if self.round_luma else luma
        if self.channel == "rgb":
            return rgb
        luma = studio_luma(rgb)
        return _rounded(luma) if self.round_luma else luma

    def view(self, rgb: Planes, *, grey: bool, scale: int) -> Planes:
        """Return the channels to score with the border cut; empty if the image is too small.

        At scale 1, where nothing was enlarged, no border is cut, as scripts for restoration do.
        """
        planes = self.channels(rgb, grey=grey)
        return planes if scale == 1 else planes[..., scale:-scale, scale:-scale]


def _rounded(values: Planes) -> Planes:
    return (values + 0.5) // 1  # half up, as MATLAB's uint8()


def studio_luma(rgb: Planes) -> Planes:
    """Return unrounded BT.601 luma in [16, 235] of ``(..., 3, H, W)`` RGB in [0, 255], as MATLAB's ``rgb2ycbcr``."""
    r, g, b = (rgb[..., i : i + 1, :, :] for i in range(3))
    return (65.481 * r + 128.553 * g + 24.966 * b) / 255 + 16


def grey_values(rgb: Planes) -> Planes:
    """Return full-range BT.601 luma, ``(..., 1, H, W)``; for grey pixels exactly their value."""
    r, g, b = (rgb[..., i : i + 1, :, :] for i in range(3))
    return g + (0.299 * (r - g) + 0.114 * (b - g))


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "y",
            1,
            "y",
            round_luma=False,
            summary="BT.601 studio-range luma, unrounded: what most papers print",
        ),
        Protocol(
            "y-uint8",
            1,
            "y",
            round_luma=True,
            summary="the same luma rounded to 8 bits: older MATLAB scripts",
        ),
        Protocol("rgb", 1, "rgb", round_luma=False, summary="all three channels together"),
    )
}


def get_protocol(name: str) -> Protocol:
    """Return a protocol by name, in any case.

    Raises:
        UsageError: there is no such protocol.
    """
    if name.lower() in PROTOCOLS:
        return PROTOCOLS[name.lower()]
    raise unknown("protocol", name, PROTOCOLS)
