"""Keep a plugin's code from ending a command in silence."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_silent_exit() -> Iterator[None]:
    """Raise RuntimeError where code in this process calls ``os._exit``, as other faults of a plugin do.

    Commands such as ``upscale`` run plugins in their own process, which would end without a message and perhaps with
    exit code 0. Forked children, which end so by right, are left alone.
    """
    leave, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:
            leave(status)
        raise RuntimeError(f"os._exit({status}) was called, which would have ended srbench")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave
