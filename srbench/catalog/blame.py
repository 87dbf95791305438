"""Which plugin is to blame for an exception: the place in its own code where it was raised."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
from srbench.errors import MethodError, SRBenchError, say


def place(error: BaseException, home: Path | None) -> str:
    """Return where an exception, or one that led to it, last was in a plugin's own code.

    Args:
        error: what was raised.
        home: the plugin's file or folder.

    Returns:
        `` (network.py:12)``, or nothing where it never was there.
    """
    if home is None:
        return ""
    import traceback
    from pathlib import Path

    cause: BaseException | None = error
    found = ""
    while cause is not None:
        for frame in traceback.extract_tb(cause.__traceback__):
            file = Path(frame.filename)
            if home in (file, *file.parents):
                found = f" ({file.name}:{frame.lineno})"
        cause = cause.__cause__
    return found


@contextmanager
def blaming(name: str, home: Path | None) -> Iterator[None]:
    """Tell what comes out of a plugin's own code as the plugin's failure; anything else goes on as it is.

    Raises:
        MethodError: a plugin's code raised; names the method, the error and the place.
    """
    try:
        yield
    except SRBenchError:
        raise
    except Exception as error:
        if where := place(error, home):
            raise MethodError(f"{name} failed: {say(error)}{where}") from error
        raise
