"""Say in one line why a job failed."""

from __future__ import annotations

import traceback
from pathlib import Path

from srbench.catalog.blame import place
from srbench.errors import SRBenchError, one_line, say


def explain(error: BaseException, home: Path | None = None) -> str:
    """Say in one line what went wrong in a job, with the place in the plugin's own code, which lies at ``home``."""
    import torch

    where = place(error, home)
    if isinstance(error, SRBenchError):
        return (one_line(error) or type(error).__name__) + where
    if isinstance(error, torch.OutOfMemoryError):
        return "out of GPU memory"
    if isinstance(error, MemoryError):
        return "out of memory"
    frames = traceback.extract_tb(error.__traceback__)
    if frames and not where:
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return say(error) + where
