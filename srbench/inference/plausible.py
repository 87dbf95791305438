"""Whether a measured speed can be true: what no network can do is remarked on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES, WRITES = 3, 10
FASTER_THAN_MEMORY = 0.5
"""Share of the time that writing the output takes, below which a pass cannot have computed it."""
PLAIN_RATE = 2e10
"""Bytes per second that any memory writes, whatever a busy machine seems to say."""
GROWTH = 1.4
"""Smallest honest ratio of the times of an input and of one of half its height and width; arithmetic alone has 4."""
SHORT_MS = {"cpu": 5.0}
"""Times that may be those of starting operators, which do not grow with the input, by device."""
SHORT_ELSEWHERE_MS = 50.0


def implausible(
    latency_ms: float, macs: int | None, params: int, output: torch.Size, half: Callable[[], object] | None, kind: str
) -> str:
    """Return what cannot be true of a measurement; empty if nothing is odd.

    Args:
        latency_ms: time of a pass.
        macs: its multiply-accumulates; None if they are unknown.
        params: parameters of the network.
        output: shape of the output, float32.
        half: runs a pass on an input of half the height and width, and waits for it; None if there is none.
        kind: type of the device.
    """
    if params and macs == 0:
        return f"no multiply-accumulates for {params} parameters: its arithmetic cannot be counted, or it does none"
    taken = f"a pass takes {latency_ms:.3g} ms"
    is_fast = 4 * output.numel() > PLAIN_RATE * latency_ms / 1000
    if is_fast and latency_ms < FASTER_THAN_MEMORY * (least := _writing_ms(output, kind)):
        return f"{taken}, and writing its output alone {least:.3g} ms: it cannot have computed it"
    if half is not None and latency_ms > SHORT_MS.get(kind, SHORT_ELSEWHERE_MS):
        half()
        shorter = min(_milliseconds(half) for _ in range(PASSES))
        if latency_ms < GROWTH * shorter:
            return f"{taken}, and {shorter:.3g} ms on a quarter of the pixels: its time does not grow with the input"
    return ""


def _writing_ms(shape: torch.Size, kind: str) -> float:
    """Return the shortest time of writing a tensor, in ms; 0 on devices, whose memory is faster than their start."""
    if kind != "cpu":
        return 0.0
    target = torch.empty(shape)
    target.fill_(1.0)
    return min(_milliseconds(lambda: target.fill_(0.5)) for _ in range(WRITES))


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)
