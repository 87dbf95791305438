"""The speed gate: does a benchmark take more than 1.2 times as long as before, three times out of three?

``pytest --benchmark-only --speed-gate=REV`` lets this tree and another revision take turns, a few dozen milliseconds
each, in two processes: what disturbs the machine disturbs both, and the time that the system gave to others does not
count. ``--speed-gate`` alone compares with
``baseline.json``: the time of each benchmark, in units of a fixed calibration workload that takes turns with it, for
this class of machine; ``--speed-baseline`` writes that file. A repetition that is not worse ends the matter, so an
unchanged tree costs little more than running its benchmarks once.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from srbench.system.devices import device_name

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], object]

WORSE = 1.2
REPETITIONS = 3
TURNS = 11, 21
"""Fewest and most pairs of turns of a repetition; between them, as many as fit into `REPETITION_S`."""
TURN_S = 0.05
REPETITION_S = 2.5
LONG_TURN_S, LONG_TURNS = 0.5, 3
"""A turn that cannot be shorter than this is an average already: so few pairs of them do. Calibration next to it takes
turns as long as that."""
ROOT = Path(__file__).resolve().parent.parent
BASELINE = Path(__file__).with_name("baseline.json")
SCHEDULED = Path("/proc/thread-self/schedstat")
"""Linux's account of this thread: nanoseconds on a core, nanoseconds ready for one, turns."""
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Turns(BenchmarkFixture):  # type: ignore[misc]  # pytest-benchmark insists on its own type
    """Stands in for pytest-benchmark's fixture where benchmarks take turns; hands what is timed to ``judge``."""

    disabled = True
    """Nothing is asserted about speed by the benchmark itself."""

    def __init__(self, judge: Callable[[Run], None]) -> None:
        self.extra_info: dict[str, Any] = {}
        self._judge = judge

    def __call__(self, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run it once for its result, then in turns."""
        result = run(*args, **kwargs)
        self._judge(lambda: run(*args, **kwargs))
        return result

    def pedantic(self, run: Callable[..., Any], args: Any = (), kwargs: Any = None, **_how: Any) -> Any:
        """Do the same, whatever rounds were asked for."""
        return self(run, *args, **(kwargs or {}))


def turn(run: Run, loops: int) -> float:
    """Return the seconds of one call, over so many, without those in which other processes had this one's core."""
    waited = _kept_waiting()
    elapsed = _elapsed(run, loops)
    waited = _kept_waiting() - waited
    # the system counts in steps of its own: of a short turn it may say that all of it was spent waiting, or more
    return (elapsed - waited if waited < elapsed else elapsed) / loops


def _elapsed(run: Run, loops: int) -> float:
    began = time.perf_counter()
    for _ in range(loops):
        run()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _kept_waiting() -> float:
    """Return the seconds that this thread could have run and others did; 0 where the system does not tell."""
    try:
        return int(SCHEDULED.read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def loops_for(run: Run, seconds: float = TURN_S) -> int:
    """Return how many calls fill a turn; the first call, which warms up, does not count."""
    run()
    return max(1, round(seconds / max(1e-6, _elapsed(run, 1))))


def calibration() -> Run:
    """Return the workload that others are measured in: products, memory and interpreted code, a few milliseconds."""
    left, right = torch.rand(2, 384, 384, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    large = torch.zeros(2**20, device=DEVICE)

    def work() -> None:
        for _ in range(4):
            torch.mm(left, right)
            large.mul_(0.5).add_(1)
        sum(i * i for i in range(5000))

    return work


def ratio(mine: Callable[[], float], other: Callable[[], float]) -> float:
    """Let two sides take turns; return how many times as long the first takes, by the fastest turn of each.

    What disturbs a turn only makes it longer, so the fastest is the least disturbed.
    """
    first: list[float] = []
    second: list[float] = []
    fewest, most = TURNS
    end = time.perf_counter() + REPETITION_S
    while len(first) < fewest or (len(first) < most and time.perf_counter() < end):
        if len(first) == LONG_TURNS and min(first) > LONG_TURN_S:
            break
        if len(first) % 2:
            first.append(mine())
            second.append(other())
        else:
            second.append(other())
            first.append(mine())
    return min(first) / min(second)


def judge(measure: Callable[[], float]) -> list[float]:
    """Return the ratios of up to three repetitions; it is worse when all three are above `WORSE`."""
    found = [measure()]
    while found[-1] > WORSE and len(found) < REPETITIONS:
        found.append(measure())
    return found


def is_worse(ratios: list[float]) -> bool:
    """Whether all of three repetitions say so."""
    return len(ratios) == REPETITIONS and min(ratios) > WORSE


def machine_class() -> str:
    """Name what timings depend on: processor or accelerator, and threads."""
    return f"{device_name(DEVICE)}, {torch.get_num_threads()} threads"


class Baseline:
    """Benchmarks in units of the calibration, as `BASELINE` holds them by class of machine."""

    def __init__(self, *, update: bool) -> None:
        self.update = update
        self.all: dict[str, dict[str, float]] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        self.here = machine_class()
        self.found: dict[str, float] = {}
        if not update and self.here not in self.all:
            known = "; ".join(self.all) or "none"
            raise pytest.UsageError(
                f"no baseline for {self.here!r} (there are: {known}): --speed-baseline writes one, "
                "--speed-gate=REV needs none"
            )

    def fixture(self, name: str) -> Turns:
        """Return what times the benchmark of this name."""
        work = calibration()

        def measured(run: Run) -> None:
            loops = loops_for(run)
            alone = turn(run, 1) if loops == 1 else 0.0
            unit_loops = loops_for(work, max(TURN_S, min(alone, LONG_TURN_S)))

            def measure() -> float:
                return ratio(lambda: turn(run, loops), lambda: turn(work, unit_loops))

            if self.update:
                self.found[name] = statistics.median(measure() for _ in range(REPETITIONS))
            elif before := self.all[self.here].get(name):
                ratios = judge(lambda: measure() / before)
                if is_worse(ratios):
                    pytest.fail(f"{_times(ratios)} times as long as in {BASELINE.name}", pytrace=False)
            else:
                pytest.skip(f"not in {BASELINE.name} yet: --speed-baseline adds it")

        return Turns(measured)

    def save(self) -> None:
        """Write what was measured, for this class of machine, where that was asked for."""
        if self.update and self.found:
            merged = sorted((self.all.get(self.here, {}) | self.found).items())
            self.all[self.here] = {name: float(f"{value:.4g}") for name, value in merged}
            BASELINE.write_text(json.dumps(self.all, indent=1, sort_keys=True) + "\n")


class Side:
    """One of the two processes that take turns, seen from the process that lets them."""

    def __init__(self, tree: Path, arguments: list[str]) -> None:
        mine, theirs = os.pipe(), os.pipe()
        paths = [str(tree), str(tree / "plugins"), os.environ.get("PYTHONPATH", "")]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
        command = [sys.executable, "-m", "pytest", "--benchmark-only", "-p", "no:cacheprovider", "-p", "no:xdist", "-q"]
        command.append("--continue-on-collection-errors")  # another revision may lack what a benchmark is about
        self.process = subprocess.Popen(
            [*command, f"--speed-turns={theirs[0]},{mine[1]}", *arguments, "benchmarks"],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            pass_fds=(theirs[0], mine[1]),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        os.close(theirs[0])
        os.close(mine[1])
        self._read, self._write = os.fdopen(mine[0]), os.fdopen(theirs[1], "w")

    def hear(self) -> str:
        """Return its next line; empty when it has ended."""
        return self._read.readline().rstrip("\n")

    def say(self, word: str) -> None:
        """Tell it what to do."""
        self._write.write(word + "\n")
        self._write.flush()

    def time(self) -> float:
        """Let it take a turn."""
        self.say("turn")
        return float(self.hear() or "nan")

    def end(self) -> str:
        """Wait for its end and return what it printed."""
        self._write.close()
        self.process.wait()
        self.log.seek(0)
        return self.log.read()


class Follower:
    """The other end: waits in each benchmark for its turns."""

    def __init__(self, ends: str) -> None:
        listen, talk = (int(end) for end in ends.split(","))
        self._read: TextIO = os.fdopen(listen)
        self._write: TextIO = os.fdopen(talk, "w")

    def say(self, word: str) -> None:
        """Answer."""
        self._write.write(word + "\n")
        self._write.flush()

    def fixture(self, name: str) -> Turns:
        """Return what lets the benchmark of this name be timed turn by turn."""

        def take(run: Run) -> None:
            loops = loops_for(run)
            self.say(name)
            while self._read.readline() == "turn\n":
                self.say(repr(turn(run, loops)))

        return Turns(take)


def compare(revision: str, arguments: list[str]) -> int:
    """Let this tree and another revision take turns at this tree's benchmarks; print what is worse.

    Raises:
        pytest.UsageError: there is no such revision.
    """
    with tempfile.TemporaryDirectory(prefix="speed-gate-") as folder:
        _check_out(revision, Path(folder))
        sides = Side(ROOT, arguments), Side(Path(folder), arguments)
        worse, count = _take_turns(*sides)
        logs = [side.end() for side in sides]
    failed = [log for side, log in zip(sides, logs, strict=True) if side.process.returncode not in (0, 5)]
    for log in failed:
        print(log)
    for name, ratios in worse.items():
        print(f"SLOWER {name}: {_times(ratios)} times as long as in {revision}")
    print(f"{count} benchmarks compared with {revision}: {len(worse)} slower")
    if not count and not failed:
        raise pytest.UsageError("no benchmark was run: is there one of this name in both revisions?")
    return 1 if worse or failed else 0


def _check_out(revision: str, folder: Path) -> None:
    """Unpack a revision, with the benchmarks of this tree, which it is measured by."""
    archive = folder / "tree.zip"
    git = ["git", "-C", str(ROOT), "archive", "--format=zip", revision]
    with archive.open("wb") as file:
        done = subprocess.run(git, stdout=file, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise pytest.UsageError(f"--speed-gate={revision}: {done.stderr.decode().strip()}")
    with zipfile.ZipFile(archive) as tree:
        tree.extractall(folder, [name for name in tree.namelist() if not name.startswith("benchmarks/")])
    archive.unlink()
    (folder / "benchmarks").mkdir(exist_ok=True)
    for file in ROOT.glob("benchmarks/*.py"):
        (folder / "benchmarks" / file.name).write_bytes(file.read_bytes())
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())  # pytest's settings


def _take_turns(mine: Side, other: Side) -> tuple[dict[str, list[float]], int]:
    """Go through both sides' benchmarks; one that only one side reaches is passed over."""
    worse, count = {}, 0
    left, right = mine.hear(), other.hear()
    seen: tuple[list[str], list[str]] = [], []
    while left and right:
        if left != right:  # the other one failed or skipped it
            behind = right in seen[0] or (left not in seen[1] and _order(left) > _order(right))
            if behind:
                other.say("done")
                right = other.hear()
            else:
                mine.say("done")
                left = mine.hear()
            continue
        ratios = judge(lambda: ratio(mine.time, other.time))
        count += 1
        if is_worse(ratios):
            worse[left] = ratios
        seen[0].append(left)
        seen[1].append(right)
        mine.say("done")
        other.say("done")
        left, right = mine.hear(), other.hear()
    for side, name in ((mine, left), (other, right)):
        while name:
            side.say("done")
            name = side.hear()  # noqa: PLW2901
    return worse, count


def _order(name: str) -> tuple[int, str]:
    place, _, rest = name.partition(" ")
    return int(place), rest


def _times(ratios: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in ratios)
