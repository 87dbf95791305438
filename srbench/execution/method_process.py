"""A method in a process of its own, so that nothing it does there reaches other methods, HR or the metrics.

The process is forked before any plugin is imported, and imports only the plugin of its method. A call is a frame of
JSON, followed by one with an image if it has one, and so is the answer, which carries the number of the call. Copies
that a method makes of its process cannot answer.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from srbench.catalog.blame import explain
from srbench.catalog.catalog import Catalog
from srbench.errors import Code, Failure, MethodError, SRBenchError
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job, Session
from srbench.execution.method import Costs, Network, Upscaled, reset_torch
from srbench.inference.speed import SpeedSettings
from srbench.system.child import Exit
from srbench.system.devices import find_device
from srbench.system.forks import end_with, receive
from srbench.system.malloc import keep_memory, trim

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from srbench.system.forks import Process

COUNT = struct.Struct("q")


def plugins_of(key: str, session: Session) -> Catalog:
    """Return the catalog of one plugin, by `srbench.catalog.plugin.Plugin.key`; of all if it is empty."""
    return Catalog.load_only([key], session.plugins) if key else Catalog.load(session.plugins)


class MethodProcess:
    """The side of the process that uses the method.

    Args:
        process: a fresh process that runs `main`.
        session: settings of all jobs.
        threads: CPU threads.
        job: names the method, the scale and the weights.
        held: bytes that the run's other processes hold.

    Raises:
        SRBenchError: the method cannot be built.
    """

    def __init__(self, process: Process, session: Session, threads: int, job: Job, held: int = 0) -> None:
        self._process, self._numbers = process, 0
        self.copies = 0
        """Copies of the process that tried to answer."""
        try:
            opened, _ = self._call("open", session=asdict(session), threads=threads, job=job.to_json(), held=held)
        except BaseException:
            self.close()
            raise
        self.remark: str = opened["remark"]
        self.stochastic: bool = opened["stochastic"]

    def upscale(self, lr: torch.Tensor) -> Upscaled:
        """Return SR of LR; see `srbench.execution.method.Method`."""
        answer, sr = self._call("upscale", lr)
        if sr is None or sr.dtype != torch.uint8:
            raise MethodError("its process returned no image")
        return Upscaled(sr, answer["tile"])

    def remarks(self) -> dict[str, str]:
        """Return what is to be said of the outputs since the last call, by topic."""
        remarks: dict[str, str] = self._call("remarks")[0]
        return remarks

    def costs(self, settings: SpeedSettings, photographs: torch.Tensor | None, seed: int) -> Costs:
        """Return parameters, multiply-accumulates and times; see `srbench.execution.method.Method`."""
        return Costs(**self._call("costs", photographs, settings=asdict(settings), seed=seed)[0])

    def close(self) -> None:
        """End the process."""
        self._process.kill()

    def _call(self, name: str, image: torch.Tensor | None = None, **values: Any) -> tuple[Any, torch.Tensor | None]:
        """Send a call and return its answer.

        Raises:
            SRBenchError: the method failed, or its process ended.
        """
        self._numbers += 1
        try:
            _send(self._process.connection, {"number": self._numbers, "call": name, **values}, image)
            answer = json.loads(receive(self._process))
            while answer["number"] != self._numbers:  # of a call that was given up
                answer = json.loads(receive(self._process))
            returned = _image(answer["image"], receive(self._process)) if answer["image"] else None
        except (EOFError, BrokenPipeError, ConnectionError):
            raise JobFailedError(self._end()) from None
        self.copies = answer["copies"]
        if failed := answer.get("failed"):
            failure = Failure(Code(failed["code"]), failed["reason"])
            raise MethodError(failure.reason, failure.code) if failed["contract"] else JobFailedError(failure)
        return answer["answer"], returned

    def _end(self) -> Failure:
        """Return why the process ended; end it if it only closed its connection."""
        code = self._process.exit_code()
        self._process.kill()
        end = Exit(self._process.exit_code() or 0 if code is None else code)
        return Failure(Code.OUT_OF_MEMORY if end.is_killed else Code.CRASHED, end.reason)


def _send(connection: Connection, message: dict[str, Any], image: torch.Tensor | None) -> None:
    """Send a message, and an image if there is one, whose strides are kept: sums depend on them in the last digit."""
    form: dict[str, Any] | None = None
    if image is not None:
        last = not image.is_contiguous() and image.is_contiguous(memory_format=torch.channels_last)
        image = (image.permute(0, 2, 3, 1) if last else image).cpu().contiguous()
        form = {"shape": list(image.shape), "last": last}
    connection.send_bytes(json.dumps({**message, "image": form}).encode())
    if image is not None:
        connection.send_bytes(image.numpy().data.cast("B") if image.numel() else b"")


def _image(form: dict[str, Any], data: bytes) -> torch.Tensor:
    image = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(form["shape"])
    return image.permute(0, 3, 1, 2) if form["last"] else image


class _Server:
    """The side of the process that holds the method."""

    def __init__(self) -> None:
        self.network: Network | None = None
        self.home: Path | None = None
        self.threads = 0
        self.trims = False

    def open(self, message: dict[str, Any], _: Any) -> tuple[dict[str, Any], None]:
        session, job = Session.from_settings(message["session"]), Job.from_json(message["job"])
        self.threads, self.trims = message["threads"], bool(session.max_memory)
        keep_memory()
        reset_torch(self.threads)
        device = find_device(session.device)
        catalog = plugins_of(job.plugin, session)
        name = job.reference or job.method
        self.home = catalog.models.owner(name).home if name in catalog.models else None
        self.network = Network(catalog, session, job, device, message["held"])
        return {"remark": self.network.remark, "stochastic": self.network.stochastic}, None

    def upscale(self, _: dict[str, Any], lr: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor]:
        done = self._opened().upscale(lr)
        return {"tile": done.tile}, done.sr

    def remarks(self, _: dict[str, Any], __: Any) -> tuple[dict[str, str], None]:
        remarks = self._opened().remarks()
        if self.trims:  # the last call of a job: what other methods need is counted together with this
            trim()
        return remarks, None

    def costs(self, message: dict[str, Any], photographs: torch.Tensor | None) -> tuple[dict[str, Any], None]:
        settings = SpeedSettings(**message["settings"])
        return asdict(self._opened().costs(settings, photographs, message["seed"])), None

    def _opened(self) -> Network:
        if self.network is None:
            raise SRBenchError("the method was not opened")
        return self.network


def main(connection: Connection) -> None:
    """Answer calls until the other end is closed."""
    copies = mmap.mmap(-1, COUNT.size)  # shared with copies of this process
    number, own = connection.fileno(), os.getpid()
    os.register_at_fork(after_in_child=lambda: os.close(number))
    server, next_message = _Server(), end_with(connection)
    while True:
        message = json.loads(next_message())
        image = _image(message["image"], next_message()) if message["image"] else None
        answer: dict[str, Any] = {"number": message["number"]}
        returned = None
        try:
            if server.threads:
                reset_torch(server.threads)
            answer["answer"], returned = getattr(server, message["call"])(message, image)
        except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
            if not isinstance(error, SRBenchError):
                traceback.print_exc()
            failure = explain(error, server.home)
            answer["failed"] = {
                "code": failure.code,
                "reason": failure.reason,
                "contract": isinstance(error, MethodError),
            }
        if os.getpid() != own:
            copies[:] = COUNT.pack(COUNT.unpack(copies[:])[0] + 1)
            os._exit(0)
        _send(connection, {**answer, "copies": COUNT.unpack(copies[:])[0]}, returned)
