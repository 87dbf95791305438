"""Fresh processes at little cost: forked from a template that has its imports done, or spawned where that is unsafe.

A template is forked early, before its parent starts threads, uses a device or imports foreign code. It does nothing
but fork others, so each of these begins as the parent was then. They end when their parent does.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import socket
import sys
import threading
import warnings
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from srbench.system.trees import kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    Main = Callable[[Connection], None]
    """What a process runs, with its end of the connection."""

SHORT = 64
"""Bytes of the longest order to a template."""
PING = b"ping"
UNKNOWN = 1
"""Exit code of processes whose template ended before they did."""


class Process(Protocol):
    """A process, and this end of the connection to it."""

    connection: Connection
    pid: int
    sentinel: Any
    """What `multiprocessing.connection.wait` tells the end of the process by."""

    def exit_code(self) -> int | None:
        """Return the exit code once the process has ended, for a signal its negative number; else None."""

    def kill(self) -> None:
        """End the process and its descendants."""


class Template:
    """A process that forks others.

    Args:
        main: what the others run; they exit when it returns.
    """

    def __init__(self, main: Main) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if _fork() == 0:
            self._orders.close()
            _serve(theirs, main)
        theirs.close()

    def runs(self) -> bool:
        """Return whether it can fork: what it forked may have killed it. It is asked, as its end takes a while."""
        try:
            self._orders.send(PING)
            return self._orders.recv(SHORT) == PING
        except OSError:
            return False

    def start(self) -> Process:
        """Fork a process."""
        ours, theirs = socket.socketpair()
        socket.send_fds(self._orders, [b"fork"], [theirs.fileno()])
        theirs.close()
        return _Forked(Connection(ours.detach()), int(self._orders.recv(SHORT)), self._orders)


class Spawner:
    """Starts fresh interpreters, where forks are not safe (macOS) or do not exist (Windows).

    Args:
        main: what they run; they exit when it returns.
    """

    def __init__(self, main: Main) -> None:
        self._main = main

    def runs(self) -> bool:
        """Return True: nothing runs between the processes."""
        return True

    def start(self) -> Process:
        """Start a process."""
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_run, args=(self._main, theirs), daemon=False)
        process.start()
        theirs.close()
        return _Spawned(ours, process)


def processes(main: Main) -> Template | Spawner:
    """Return what starts processes on this system; to be called before threads start and foreign code is imported."""
    return Template(main) if sys.platform == "linux" else Spawner(main)


def receive(process: Process) -> bytes:
    """Wait for the next message of a process.

    Raises:
        EOFError: it ended before it sent one.
    """
    # not the connection alone: copies of the process may hold it open
    if process.connection not in wait([process.connection, process.sentinel]):
        raise EOFError
    try:
        return process.connection.recv_bytes()
    except OSError as error:
        raise EOFError from error


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's idle threads are no danger to a fork
        return os.fork()


def _serve(orders: socket.socket, main: Main) -> None:
    """Fork processes and tell their exit codes, until the parent closes its end."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # nothing that runs here may write among the parent's messages
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    while True:
        order, handles, _, _ = socket.recv_fds(orders, SHORT, 1)
        if not order:
            os._exit(0)
        if order == b"fork":
            pid = _fork()
            if pid == 0:
                orders.close()
                _run(main, Connection(handles[0]))
            os.close(handles[0])
            orders.send(str(pid).encode())
        elif order == PING:
            orders.send(PING)
        else:
            _, status = os.waitpid(int(order), 0)
            orders.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(main: Main, connection: Connection) -> None:
    """Run ``main`` in a new process and end it, without what its parent would do at its end."""
    code = 1
    try:
        main(connection)
        code = 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def end_with(connection: Connection) -> Callable[[], bytes]:
    """Return a function that waits for the next message; the process ends as soon as the other end is closed."""
    import queue

    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                messages.put(connection.recv_bytes())
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return messages.get


class _Forked:
    """A process that a template forked."""

    def __init__(self, connection: Connection, pid: int, orders: socket.socket) -> None:
        self.connection, self.pid, self._orders = connection, pid, orders
        self.sentinel: Any = os.pidfd_open(pid)
        self._code: int | None = None

    def exit_code(self) -> int | None:
        if self._code is None and wait([self.sentinel], 0):
            try:
                self._orders.send(str(self.pid).encode())
                self._code = int(self._orders.recv(SHORT))
            except (OSError, ValueError):  # the template, its parent, has ended
                self._code = UNKNOWN
            os.close(self.sentinel)
        return self._code

    def kill(self) -> None:
        if self._code is None:
            kill_tree(self.pid)
            wait([self.sentinel])
            self.exit_code()
        self.connection.close()


class _Spawned:
    """A process that was spawned."""

    def __init__(self, connection: Connection, process: Any) -> None:
        self.connection, self._process, self.pid = connection, process, process.pid
        self.sentinel = process.sentinel

    def exit_code(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def kill(self) -> None:
        kill_tree(self.pid)
        self._process.join()
        self.connection.close()
