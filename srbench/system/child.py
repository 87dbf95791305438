"""A child process that exchanges JSON lines with its parent, and may die without harm to it.

Each line has the number of the parent's line that it answers, so that nothing late or foreign counts for another.

`Child` is the parent's side, `serve` the child's. The child ends when its standard input is closed, so no process
outlives a killed parent. Output of plugins, and of processes they start, is kept apart from the messages.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.errors import SRBenchError
from srbench.system.bounded_log import BoundedLog
from srbench.system.environment import clean_environment
from srbench.system.trees import kill_tree, tree_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Message = dict[str, Any]
    Emit = Callable[[Message], None]
    Handle = Callable[[str, Emit], None]

START_TIMEOUT_S = 300


@dataclass(frozen=True)
class Exit:
    """The end of a child process."""

    code: int
    """The exit code; for a signal, its negative number."""

    @property
    def is_killed(self) -> bool:
        """Whether it was killed by SIGKILL, most likely by the kernel because memory ran out."""
        return self.code == -signal.SIGKILL

    @property
    def reason(self) -> str:
        """How the process ended, in one line."""
        if self.is_killed:
            return "the worker was killed (SIGKILL): most likely out of memory"
        if self.code < 0:
            return f"the worker crashed ({signal.Signals(-self.code).name})"
        return f"the worker process exited (exit code {self.code})"


class Child:
    """A child process, and the thread that reads its messages.

    Args:
        module: the module to run with ``python -m``.
        hello: the first message to the child.
        log: file for the child's standard error, of which the beginning and the end are kept.

    Raises:
        SRBenchError: the child did not start, or refused to serve.
    """

    def __init__(self, module: str, hello: Message, log: Path) -> None:
        self._log = BoundedLog(log)
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            start_new_session=True,  # Ctrl-C is for the parent, which stops the child itself
        )
        if self._popen.stderr is not None:
            self._log.follow(self._popen.stderr)
        self._answers: queue.Queue[tuple[int, Message] | Exit] = queue.Queue()
        self._number = -1
        self._strays = 0
        threading.Thread(target=self._read, daemon=True).start()
        self.send(json.dumps(hello))
        first = self.receive(START_TIMEOUT_S)
        if not isinstance(first, dict) or "greeting" not in first:
            self.kill()
            refusal = first.get("refusal") if isinstance(first, dict) else ""
            raise SRBenchError(refusal or f"the worker did not start; see {log}")
        self.greeting: Any = first["greeting"]
        """The child's first message."""

    def _read(self) -> None:
        if self._popen.stdout is None:
            return
        with self._popen.stdout as answers:
            for line in answers:
                if (answer := _numbered(line)) is not None:
                    self._answers.put(answer)
                else:
                    self._strays += 1
        code = self._popen.wait()
        self._log.finish()  # messages say "see the log"
        self._answers.put(Exit(code))

    def send(self, line: str) -> None:
        """Write one line to the child; what it still sends of the last one is dropped.

        If the child is dead, `receive` reports that.
        """
        self._number += 1
        if self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.write(json.dumps([self._number, line]).encode() + b"\n")
                self._popen.stdin.flush()

    def receive(self, timeout_s: float) -> Message | Exit | None:
        """Return the next message on the last line, or None after the timeout; the last is an `Exit`."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                answer = self._answers.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return None
            if isinstance(answer, Exit):
                return answer
            if answer[0] == self._number:
                return answer[1]
            self._strays += 1

    def take_strays(self) -> int:
        """Return how many messages were dropped since the last call: of other numbers, or not of this form."""
        strays, self._strays = self._strays, 0
        return strays

    def ended(self) -> int | None:
        """Return the exit code if the child has ended and all its messages were received, else None."""
        return self._popen.poll() if self._answers.empty() else None

    def alive(self) -> bool:
        """Return whether the child runs and no message is waiting."""
        return self._popen.poll() is None and self._answers.empty()

    def memory(self, enough: int = 0) -> int:
        """Return the memory of the child and its descendants in bytes, as `srbench.system.trees.tree_memory` does."""
        return tree_memory(self._popen.pid, enough)

    def kill(self) -> None:
        """Kill the child and its descendants."""
        kill_tree(self._popen.pid)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)  # it leads its own process group
        if self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # unread lines may be dropped
                self._popen.stdin.close()
        self._popen.wait()
        self._log.finish()


def _numbered(line: bytes) -> tuple[int, Message] | None:
    """Return the number and the message of a line; None if it has another form."""
    try:
        number, message = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    return (number, message) if isinstance(number, int) and isinstance(message, dict) else None


def serve(start: Callable[[Message], tuple[Any, Handle]]) -> None:
    """Handle the parent's lines until its end of the pipe is closed.

    Args:
        start: called with the first message; returns the greeting and the handler of later lines.
    """
    answers, own = os.fdopen(os.dup(1), "w", encoding="utf-8"), os.getpid()
    if hasattr(os, "register_at_fork"):  # copies of this process, which plugins may make, cannot answer
        os.register_at_fork(after_in_child=partial(os.close, answers.fileno()))
    os.dup2(2, 1)  # output of plugins must not mix with the messages
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a plugin printed before it crashed must be in the log
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # processes of plugins must not read the parent's lines
    lines: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    number = 0

    def listen() -> None:
        for line in orders:
            lines.put(json.loads(line))
        os._exit(0)  # the parent is gone or done

    def emit(message: Message) -> None:
        if os.getpid() != own:
            os._exit(0)
        answers.write(json.dumps([number, message]) + "\n")
        answers.flush()

    threading.Thread(target=listen, daemon=True).start()
    try:
        number, line = lines.get()
        greeting, handle = start(json.loads(line))
    except SRBenchError as error:
        emit({"refusal": str(error)})
        return
    emit({"greeting": greeting})
    while True:
        number, line = lines.get()
        handle(line, emit)
