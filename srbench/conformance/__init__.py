"""Check plugins: ``srbench check NAME``, ``pytest --pyargs srbench.conformance``, or `check` in a test of your own.

Under pytest, every check is a test. The environment variable ``SRBENCH_CHECK`` is a comma-separated list of names and
plugin files, or ``all``; without it, the installed plugins that are not srbench's own are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.conformance.examine import Examiner, make_plan
from srbench.conformance.outcome import Result, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Result", "Subject", "check"]


def check(*names: str, plugins: Iterable[str | Path] = (), device: str = "cpu", timeout_s: float = 120) -> list[Result]:
    """Run all checks of the named subjects, or of everything in the plugin files.

    Args:
        names: methods, losses, datasets, metrics or installed plugins.
        plugins: plugin files to load too.
        device: device of networks: ``auto``, ``cpu``, ``cuda``.
        timeout_s: time limit of one check.

    Returns:
        A result per check, in the order they ran; ``status`` is ``passed``, ``failed`` or ``skipped``.

    Raises:
        UsageError: a name is unknown, or a file does not exist.
    """
    with Examiner(make_plan(names, plugins, timeout_s=timeout_s), device, timeout_s) as examiner:
        return list(examiner.run_all())
