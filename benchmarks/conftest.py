"""``pytest --benchmark-only`` times these; a plain ``pytest`` runs each once, untimed, to prove that it still works."""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

GATE = pytest.StashKey[Any]()
PLACES = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the speed gate's options."""
    group = parser.getgroup("srbench speed")
    group.addoption(
        "--speed-gate",
        nargs="?",
        const="",
        metavar="REV",
        help="fail where a benchmark takes 1.2 times as long as in another revision, or as in baseline.json",
    )
    group.addoption("--speed-baseline", action="store_true", help="write baseline.json for this class of machine")
    group.addoption("--speed-turns", help="internal: where a process of the gate hears and answers")


def pytest_configure(config: pytest.Config) -> None:
    """Switch timing off before pytest-benchmark reads its options, unless it was asked for.

    Raises:
        pytest.UsageError: the gate is asked for without --benchmark-only.
    """
    if not config.getoption("benchmark_only"):
        config.option.benchmark_disable = True
        if config.getoption("speed_gate") is not None or config.getoption("speed_baseline"):
            raise pytest.UsageError("--speed-gate and --speed-baseline go with --benchmark-only")
        return
    with contextlib.suppress(ImportError):  # a revision that the gate compares with may not have it
        from srbench.system.malloc import keep_memory

        keep_memory()  # as a run's worker and a training do
    from benchmarks.gate import Baseline, Follower

    if turns := config.getoption("speed_turns"):
        config.stash[GATE] = Follower(turns)
    elif config.getoption("speed_gate") == "" or config.getoption("speed_baseline"):
        config.stash[GATE] = Baseline(update=config.getoption("speed_baseline"))


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Compare with another revision instead of running here."""
    if not config.getoption("speed_gate"):
        return None
    from benchmarks.gate import compare

    keyword = config.getoption("keyword")
    return compare(config.getoption("speed_gate"), ["-k", keyword] if keyword else [])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Number the benchmarks: two processes that take turns must agree on their order."""
    session.config.stash[PLACES] = {item.nodeid: i for i, item in enumerate(session.items)}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the baseline."""
    from benchmarks.gate import Baseline

    gate = session.config.stash.get(GATE, None)
    if isinstance(gate, Baseline):
        gate.save()


@pytest.fixture
def benchmark(request: pytest.FixtureRequest) -> Iterator[Any]:
    """pytest-benchmark's, with what the figures depend on; the gate's where benchmarks take turns."""
    from benchmarks.gate import Follower

    gate = request.config.stash.get(GATE, None)
    if isinstance(gate, Follower):
        yield gate.fixture(f"{request.config.stash[PLACES][request.node.nodeid]} {request.node.nodeid}")
        return
    if gate:
        yield gate.fixture(request.node.nodeid)
        return
    fixture = request.getfixturevalue("benchmark")
    if not fixture.enabled:
        yield fixture
        return
    before = _unit()
    fixture.extra_info.update(_surroundings())
    yield fixture
    if fixture.stats:
        fixture.extra_info["in calibrations"] = round(fixture.stats.stats.median / ((before + _unit()) / 2), 4)


def _unit() -> float:
    """Return the seconds that the calibration workload takes now."""
    from benchmarks.gate import calibration, loops_for, turn

    work = calibration()
    loops = loops_for(work)
    return statistics.median(turn(work, loops) for _ in range(3))


def _surroundings() -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    import torch

    from benchmarks.gate import DEVICE
    from srbench.system.devices import device_name

    versions = {name: version(name) for name in ("srbench", "torch", "numpy")} | {"python": platform.python_version()}
    threads = torch.get_num_threads()
    return {"device": device_name(DEVICE), "threads": threads, "precision": "fp32", "versions": versions}
