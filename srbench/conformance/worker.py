"""The process that runs checks: ``python -m srbench.conformance.worker``; each line it reads is a check to run."""

from __future__ import annotations

import importlib
import json
import traceback
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from srbench.conformance.checks import CHECKS
from srbench.conformance.outcome import FaultError, SkipError
from srbench.errors import AssetError
from srbench.pipe import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.catalog import Catalog
    from srbench.conformance.bench import Bench
    from srbench.pipe import Emit

SHELVES = {"method": "models", "loss": "losses", "dataset": "datasets", "metric": "metrics"}


class Checker:
    """Runs checks in this process, keeping the last subject's bench."""

    def __init__(self, device: str) -> None:
        from srbench.devices import find_device

        self.device = find_device(device)
        self._catalogs: dict[Any, Catalog] = {}
        self._bench: tuple[Any, Bench, dict[str, Any]] | None = None

    def handle(self, line: str, emit: Emit) -> None:
        """Run one check and emit how it ended."""
        order = json.loads(line)
        check = next(check for check in CHECKS[order["kind"]] if check.name == order["check"])
        module, _, function = check.code.partition(":")
        status, reason, fix = "passed", "", ""
        try:
            bench, before = self._bench_of(order)
            code: Callable[[Bench], None] = getattr(importlib.import_module(f"srbench.conformance.{module}"), function)
            self._run(code, bench)
            if changed := [name for name, value in _data(bench.spec).items() if before[name] != value]:
                status, reason = "failed", f"it changed its own spec: {', '.join(changed)}"
                fix = "a spec is data and stays as it is; variants are specs of their own"
        except (SkipError, AssetError) as skip:
            status, reason = "skipped", " ".join(str(skip).split())
        except FaultError as fault:
            status, reason, fix = "failed", " ".join(str(fault).split()), fault.fix
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
            from srbench.worker import explain

            traceback.print_exc()
            status, reason = "failed", explain(error)
        emit({"status": status, "reason": reason, "fix": (fix or check.fix) if status == "failed" else ""})

    def _run(self, code: Callable[[Bench], None], bench: Bench) -> None:
        from srbench.conformance.bench import reset

        reset()
        try:
            code(bench)
        finally:
            reset()

    def _bench_of(self, order: dict[str, Any]) -> tuple[Bench, dict[str, Any]]:
        from srbench.catalog import Catalog
        from srbench.conformance.bench import BENCHES

        where = tuple(order["files"]), tuple(order["without"])
        who = *where, order["kind"], order["name"]
        if self._bench is None or self._bench[0] != who:
            if where not in self._catalogs:
                self._catalogs[where] = Catalog.load(where[0], installed=lambda name: name not in where[1])
            spec = getattr(self._catalogs[where], SHELVES[order["kind"]])[order["name"]]
            bench = BENCHES[order["kind"]](spec, self._catalogs[where], self.device)
            self._bench = who, bench, _data(spec)
        return self._bench[1], self._bench[2]


def _data(spec: Any) -> dict[str, str]:
    return {field.name: repr(getattr(spec, field.name)) for field in fields(spec)}


def main() -> None:
    """Serve checks from standard input until it ends."""

    def start(settings: dict[str, Any]) -> tuple[str, Callable[[str, Emit], None]]:
        checker = Checker(settings["device"])
        return str(checker.device), checker.handle

    serve(start)


if __name__ == "__main__":
    main()
