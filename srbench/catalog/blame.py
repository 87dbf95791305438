"""Explain exceptions that involve plugins: kind, one-line reason, and the line in the plugin's own code."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import Code, Failure, MethodError, SRBenchError, one_line, say

if TYPE_CHECKING:
    from collections.abc import Iterator


def location_of(error: BaseException, home: Path | None) -> str:
    """Return the last line of a plugin's own code in the traceback of an exception or of its causes.

    Args:
        error: the exception.
        home: the plugin's file or folder.

    Returns:
        `` (network.py:12)``; empty if no line is the plugin's.
    """
    if home is None:
        return ""
    cause: BaseException | None = error
    location = ""
    while cause is not None:
        for frame in traceback.extract_tb(cause.__traceback__):
            file = Path(frame.filename)
            if home in (file, *file.parents):
                location = f" ({file.name}:{frame.lineno})"
        cause = cause.__cause__
    return location


def explain(error: BaseException, home: Path | None = None) -> Failure:
    """Return why work that a plugin took part in failed.

    Args:
        error: the exception.
        home: file or folder of the plugin's own code; its last line in the traceback is named.
    """
    import torch

    location = location_of(error, home)
    if isinstance(error, SRBenchError):
        return Failure(error.code, (one_line(error) or type(error).__name__) + location)
    if isinstance(error, torch.OutOfMemoryError):
        return Failure(Code.OUT_OF_MEMORY, "out of GPU memory")
    if isinstance(error, MemoryError):
        return Failure(Code.OUT_OF_MEMORY, "out of memory")
    frames = traceback.extract_tb(error.__traceback__)
    if frames and not location:
        location = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    # torch raises device-side asserts as plain RuntimeErrors: only the text distinguishes them
    broken = isinstance(error, RuntimeError) and "CUDA error" in str(error)
    return Failure(Code.DEVICE_BROKEN if broken else Code.FAILED, say(error) + location)


@contextmanager
def blaming(name: str, home: Path | None) -> Iterator[None]:
    """Raise exceptions of a plugin's own code as `MethodError`; others pass unchanged.

    Raises:
        MethodError: the plugin's code raised; names the method, the error and its location.
    """
    try:
        yield
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:
        if location := location_of(error, home):
            raise MethodError(f"{name} failed: {say(error)}{location}") from error
        raise
