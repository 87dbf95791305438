"""Whether a network still answers as it did at first: one that changes while it runs has values of no fixed network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from srbench.inference.enlarger import Enlarger

SIDE = 24
"""Height and width of the input, which costs little beside an image."""
TOLERANCE = 1e-3
"""Largest mean difference of its outputs, in [0, 1]: a quarter of a step of 8 bits."""


class Constancy:
    """Runs a network on one small input before its first image and after each job, and compares the outputs.

    Weights, statistics of batch normalisation, counters and whatever else a network keeps from one image to the next
    are seen as far as its output depends on them. Networks that compute outside torch, draw at random or fail on the
    small input are not looked at.

    Args:
        enlarger: runs the network.
        device: the device.
        stochastic: the output is drawn at random.
    """

    def __init__(self, enlarger: Enlarger, device: torch.device, *, stochastic: bool) -> None:
        self._run = None if stochastic else enlarger.probe
        self._device = device
        self._first: torch.Tensor | None = None

    def begin(self) -> None:
        """Keep the first output, unless there is one already."""
        if self._first is None and self._run is not None:
            self._first = self._output()
            if self._first is None:
                self._run = None

    def remark(self) -> str:
        """Return that the output for the same input is another now; empty if it is not."""
        if self._first is None or (now := self._output()) is None:
            return ""
        gap = float((now - self._first).abs().mean())
        if gap <= TOLERANCE:
            return ""
        return (
            f"its output for one and the same input changed while it ran (by {gap:.2g} of [0, 1] in the mean): its "
            "values depend on which images went before"
        )

    def _output(self) -> torch.Tensor | None:
        if self._run is None:
            return None
        lr = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(self._device)
        try:
            output = self._run(lr)
        except Exception:  # noqa: BLE001  (a plugin may raise anything; its images will tell)
            return None
        return output.clone() if isinstance(output, torch.Tensor) else None
