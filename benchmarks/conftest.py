"""``pytest --benchmark-only`` times these; a plain ``pytest`` runs each once, untimed, to prove that it still works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.memory import keep_memory

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Switch timing off before pytest-benchmark reads its options, unless it was asked for."""
    if not config.getoption("benchmark_only"):
        config.option.benchmark_disable = True
    else:
        keep_memory()  # as a run's worker and a training do
