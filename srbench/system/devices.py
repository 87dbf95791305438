"""Find devices by name, and name them in results."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, UsageError, one_line

if TYPE_CHECKING:
    import torch


NAMES = re.compile(r"cpu|mps|cuda(:\d{1,3})?")
"""Names of devices that srbench can time."""


def find_device(name: str) -> torch.device:
    """Return a device by name; ``auto`` is CUDA if available, else the CPU.

    Raises:
        UsageError: no device has such a name.
        SRBenchError: this machine does not have the device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not NAMES.fullmatch(name):
        raise UsageError(f"unknown device {name!r}; there are: auto, cpu, cuda, cuda:N, mps")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SRBenchError(f"device {name!r} is not available: torch finds no CUDA device here; --device cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SRBenchError(f"device {name!r} is not available: {one_line(error)[:160]}") from error
    return device


def device_name(device: torch.device) -> str:
    """Return the name of the processor or accelerator."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
