"""The range of a network's output beside that of its input, and a remark where it cannot be that of an SR image.

SR is clamped to [0, 1] before it is scored, so a network that returns 0..255 would be scored as a white image. An SR
image has the mean and the contrast of LR: bicubic enlargement keeps both, and overshoot at edges changes neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

RANDOM = "random weights, or an input in another range than the network was trained on"
SWITCH = "convert it in forward, and the input likewise if the network was trained so"
BEYOND = -1.0, 2.0
"""Bounds that no honest network exceeds in more than `FEW` of its values, with all its overshoot."""
FEW = 0.005
WIDE = {(100, 700): "0..255", (700, 1600): "0..1023", (3000, 6000): "0..4095", (4e4, 1e5): "0..65535"}
"""Usual ranges, by the ratio of SR's contrast to LR's."""
NEAR = 0.1
"""Largest distance of an honest network's mean from LR's."""
FLAT = 0.01
"""Largest standard deviation of LR of one colour, in which contrast cannot be compared."""


@dataclass(frozen=True)
class Moments:
    """Mean by channel, standard deviation, extremes and the share of values beyond `BEYOND`."""

    means: tuple[float, ...]
    deviation: float
    lowest: float
    highest: float
    beyond: float = 0.0

    @property
    def mean(self) -> float:
        """The mean of all channels."""
        return sum(self.means) / len(self.means)


class OutputRange:
    """Collects moments of LR and SR over calls; nothing waits for the device until `remark` is called."""

    def __init__(self) -> None:
        self._sums: tuple[torch.Tensor, torch.Tensor] | None = None

    def see(self, lr: torch.Tensor, sr: torch.Tensor) -> None:
        """Take ``(N, 3, h, w)`` and ``(N, 3, h*scale, w*scale)``, neither clamped; one SR value per LR pixel counts."""
        scale = sr.shape[-1] // lr.shape[-1]
        sums = _sums(lr), _sums(sr[..., scale // 2 :: scale, scale // 2 :: scale])
        if self._sums is not None:
            sums = _added(self._sums[0], sums[0]), _added(self._sums[1], sums[1])
        self._sums = sums

    def take(self) -> str:
        """Return the remark on all calls since the last one; empty if there is nothing to say."""
        sums, self._sums = self._sums, None
        return remark(_moments(sums[0]), _moments(sums[1])) if sums else ""


def _added(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the sums of two calls together."""
    extremes = torch.minimum(first[:2], second[:2])
    return torch.cat([extremes, first[2:] + second[2:]])


def _sums(image: torch.Tensor) -> torch.Tensor:
    """Return, on the device: lowest, -highest, values per channel, sum of squares, count beyond, sums by channel."""
    values = image.detach().float()
    low, high = torch.aminmax(values)
    beyond = ((values < BEYOND[0]) | (values > BEYOND[1])).sum().float()
    count = values.new_tensor(values.numel() / values.shape[1])
    return torch.stack([low, -high, count, values.square().sum(), beyond, *values.sum(dim=(0, 2, 3))])


def _moments(sums: torch.Tensor) -> Moments:
    """Return the moments that sums stand for."""
    low, high, count, squares, beyond, *channels = sums.tolist()
    means = tuple(total / count for total in channels)
    values = count * len(means)
    mean = sum(means) / len(means)
    return Moments(means, math.sqrt(max(0.0, squares / values - mean**2)), low, -high, beyond / values)


def remark(lr: Moments, sr: Moments) -> str:
    """Return what is wrong with the range of SR of LR in [0, 1], with the likely range; empty if nothing is."""
    contrast = sr.deviation / lr.deviation if lr.deviation > FLAT else sr.mean / max(lr.mean, FLAT)
    if sr.beyond > FEW:
        likely = _wide(lr, sr, contrast)
        return f"{_reach(sr)}: it looks like {likely}; {SWITCH}" if likely else f"{_reach(sr)}: {RANDOM}"
    return _mapped(lr, sr, contrast) or _unlike(lr, sr, contrast) or _swapped(lr, sr)


def _reach(sr: Moments) -> str:
    return f"output reaches from {sr.lowest:.3g} to {sr.highest:.3g}, where [0, 1] is promised"


def _means(lr: Moments, sr: Moments) -> str:
    return f"the output's mean is {sr.mean:.2g}, bicubic's is {lr.mean:.2g}"


def _wide(lr: Moments, sr: Moments, contrast: float) -> str:
    """Return the likely range of an output far beyond [0, 1]; empty if it is none that is usual."""
    if 3 < contrast < 7 and abs(sr.mean - (lr.mean - 0.45) / 0.225) < 1:
        return "values normalised by ImageNet's mean and deviation"
    if 20 < sr.mean < 260 and sr.highest < 700:  # trained on 0..255: of [0, 1] it makes little but the mean colour
        return "0..255"
    return next((name for (low, high), name in WIDE.items() if low <= contrast < high), "")


def _mapped(lr: Moments, sr: Moments, contrast: float) -> str:
    """Return the remark on an output that is a usual linear function of what it should be; empty if it is none."""

    def is_about(factor: float, offset: float) -> bool:
        """Return whether SR is about ``factor * LR + offset``, and not LR."""
        expected = factor * lr.mean + offset
        alike = abs(sr.mean - expected) < max(0.02, 0.4 * abs(expected - lr.mean))
        is_moved = abs(sr.mean - lr.mean) > 0.04
        return alike and is_moved and (lr.deviation <= FLAT or 0.65 < contrast / factor < 1.5)

    if is_about(2, -1):
        return f"{_reach(sr)}: it looks like -1..1; {SWITCH}"
    if is_about(1, -0.5):
        return f"{_reach(sr)}: it looks like -0.5..0.5; {SWITCH}"
    if is_about(0.5, 0.5):
        return f"{_means(lr, sr)}, at half the contrast: it looks as if the network took -1..1"
    if is_about(1 / 255, 0):
        return f"{_means(lr, sr)}: it looks as if the network took 0..255 and divided by 255"
    return ""


def _unlike(lr: Moments, sr: Moments, contrast: float) -> str:
    """Return the remark on an output with another mean, or nearly no contrast; empty if it is like LR."""
    if abs(sr.mean - lr.mean) > NEAR:
        return f"{_means(lr, sr)}: {RANDOM}"
    if lr.deviation > 0.05 and contrast < 0.25:
        return f"the output is nearly of one colour, with {contrast:.0%} of LR's contrast: {RANDOM}"
    return ""


def _swapped(lr: Moments, sr: Moments) -> str:
    """Return that red and blue are swapped, if the means of the channels say so."""
    if len(sr.means) != 3 or len(lr.means) != 3:
        return ""

    def distance(means: tuple[float, ...]) -> float:
        return max(abs(a - b) for a, b in zip(means, lr.means, strict=True))

    if distance(sr.means) > 0.05 and distance(sr.means[::-1]) < 0.2 * distance(sr.means):
        return "the output's red and blue have the means of bicubic's blue and red: it looks like BGR"
    return ""
