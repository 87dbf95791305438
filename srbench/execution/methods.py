"""The methods in use, by name, scale and weights: in this process, or each in one of its own."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.execution.jobs import Job, Session
    from srbench.execution.method import Method, Network
    from srbench.execution.method_process import MethodProcess
    from srbench.system.forks import Spawner, Template

    Key = tuple[str, int, str]

M = TypeVar("M")

KEPT = 4
"""Methods that are kept for the next images; more would hold much memory."""


class Methods(Protocol):
    """Opens methods, and keeps some of them."""

    def open(self, job: Job) -> Method:
        """Return the method of a job.

        Raises:
            SRBenchError: it cannot be built.
        """

    def drop(self, job: Job) -> None:
        """Close the method of a job: a failure may have changed it."""

    def keep_only(self, job: Job) -> None:
        """Close all but the method of a job: nothing else may run while it is timed."""

    def close(self) -> None:
        """Close all methods."""

    def copies(self, job: Job) -> int:
        """Return how many copies of a method's process tried to answer."""


def key_of(job: Job) -> Key:
    """Return what identifies the method of a job: name, scale, weights."""
    return job.method, job.scale, job.weights


class MethodsHere:
    """Methods in this process, for debugging: what one changes here stays for the next."""

    def __init__(self, catalog: Catalog, session: Session, device: torch.device) -> None:
        self._catalog, self._session, self._device = catalog, session, device
        self._opened: OrderedDict[Key, Network] = OrderedDict()

    def open(self, job: Job) -> Method:
        """Return the method of a job."""
        from srbench.execution.method import Network

        return _kept(self._opened, job, lambda: Network(self._catalog, self._session, job, self._device), _forget)

    def drop(self, job: Job) -> None:
        """Forget all networks: they share this process."""
        self._opened.clear()

    def keep_only(self, job: Job) -> None:
        """Do nothing: no other method runs."""

    def close(self) -> None:
        """Forget all networks."""
        self._opened.clear()

    def copies(self, job: Job) -> int:
        """Return 0: nothing answers but this process."""
        return 0


class MethodProcesses:
    """Methods in processes of their own.

    Args:
        processes: starts fresh processes that run `srbench.execution.method_process.main`.
        session: settings of all jobs.
        threads: CPU threads of each.
        held: returns the bytes that the run's processes hold.
    """

    def __init__(self, processes: Template | Spawner, session: Session, threads: int, held: Callable[[], int]) -> None:
        self._processes, self._session, self._threads, self._held = processes, session, threads, held
        self._opened: OrderedDict[Key, MethodProcess] = OrderedDict()

    def open(self, job: Job) -> Method:
        """Return the method of a job."""
        return _kept(self._opened, job, lambda: self._start(job), lambda method: method.close())

    def _start(self, job: Job) -> MethodProcess:
        from srbench.execution.method_process import MethodProcess

        held = self._held() if self._session.max_memory else 0
        return MethodProcess(self._processes.start(), self._session, self._threads, job, held)

    def drop(self, job: Job) -> None:
        """End the process of a method."""
        if method := self._opened.pop(key_of(job), None):
            method.close()

    def keep_only(self, job: Job) -> None:
        """End the processes of all but the method of a job."""
        for key in [key for key in self._opened if key != key_of(job)]:
            self._opened.pop(key).close()

    def close(self) -> None:
        """End all processes."""
        while self._opened:
            self._opened.popitem()[1].close()

    def copies(self, job: Job) -> int:
        """Return how many copies of a method's process tried to answer."""
        method = self._opened.get(key_of(job))
        return method.copies if method else 0


def _forget(_: Network) -> None:
    """Do nothing: a network is freed with its last reference."""


def _kept(opened: OrderedDict[Key, M], job: Job, make: Callable[[], M], close: Callable[[M], object]) -> M:
    """Return the method of a job, made if it is not kept; the one that was used longest ago makes way."""
    key = key_of(job)
    if key not in opened:
        opened[key] = make()
        if len(opened) > KEPT:
            close(opened.popitem(last=False)[1])
    opened.move_to_end(key)
    return opened[key]
