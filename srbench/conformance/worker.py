"""The process that runs checks: ``python -m srbench.conformance.worker`` reads one check per line."""

from __future__ import annotations

import importlib
import os
import traceback
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from srbench.catalog.blame import explain, location_of
from srbench.conformance.checklist import CHECKS
from srbench.conformance.outcome import FaultError, Order, SkipError
from srbench.errors import AssetError, one_line
from srbench.store.home import home, is_remote, users_path
from srbench.system.child import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.catalog.catalog import Catalog
    from srbench.conformance.bench import Bench
    from srbench.system.child import Emit

RAISED = "correct the error on the line that is named"
"""The fix of a check in which the plugin raised an exception."""


class Checker:
    """Runs checks in this process, and keeps the bench of the last subject.

    Args:
        device: device of networks.
        folder: the working folder of plugins.
    """

    def __init__(self, device: str, folder: str) -> None:
        from srbench.system.devices import find_device

        self.device = find_device(device)
        mirror = os.environ.get("SRBENCH_MIRROR", "")
        os.environ["SRBENCH_HOME"] = str(home())
        if mirror and not is_remote(mirror):
            os.environ["SRBENCH_MIRROR"] = str(users_path(mirror))
        os.chdir(folder)
        self._catalogs: dict[Any, Catalog] = {}
        self._bench: tuple[Any, Bench, dict[str, str]] | None = None

    def handle(self, line: str, emit: Emit) -> None:
        """Run one check and emit its result."""
        order = Order.from_json(line)
        check = next(check for check in CHECKS[order.kind] if check.name == order.check)
        module, _, function = check.code.partition(":")
        status, reason, fix, own = "passed", "", "", None
        try:
            bench, before = self._bench_of(order)
            own = bench.home
            code: Callable[[Bench], None] = getattr(
                importlib.import_module(f"srbench.conformance.checks.{module}"), function
            )
            self._run(code, bench, check.name)
            if changed := [name for name, value in _data(bench.spec).items() if before[name] != value]:
                status, reason = "failed", f"it changed its own spec: {', '.join(changed)}"
                fix = "a spec must stay as it is; give each variant its own spec"
        except (SkipError, AssetError) as skip:
            status, reason = "skipped", one_line(skip)
        except FaultError as fault:
            status, reason, fix = "failed", one_line(fault) + location_of(fault, own), fault.fix or check.fix
        except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
            traceback.print_exc()
            status, reason, fix = "failed", explain(error, own).reason, RAISED
        emit({"status": status, "reason": reason, "fix": fix})

    def _run(self, code: Callable[[Bench], None], bench: Bench, check: str) -> None:
        """Run a check, and record and undo the changes that it leaves in the process."""
        from srbench.conformance.trace import changes, look, restore

        before = look()
        try:
            code(bench)
        finally:
            for change in changes(before):
                bench.traces.setdefault(change, check)
            restore(before)

    def _bench_of(self, order: Order) -> tuple[Bench, dict[str, str]]:
        from srbench.catalog.catalog import Catalog
        from srbench.conformance.bench import BENCHES

        plugins = order.files, order.without
        key = *plugins, order.kind, order.name
        if self._bench is None or self._bench[0] != key:
            if plugins not in self._catalogs:
                self._catalogs[plugins] = Catalog.load(order.files, installed=lambda name: name not in order.without)
            catalog = self._catalogs[plugins]
            shelf = catalog.shelves[order.kind]
            spec = shelf[order.reference]
            bench = BENCHES[order.kind](spec, catalog, self.device, shelf.owner(spec.name).home)
            self._bench = key, bench, _data(spec)
        return self._bench[1], self._bench[2]


def _data(spec: Any) -> dict[str, str]:
    return {field.name: repr(getattr(spec, field.name)) for field in fields(spec)}


def main() -> None:
    """Serve checks from standard input until it ends."""

    def start(settings: dict[str, Any]) -> tuple[str, Callable[[str, Emit], None]]:
        checker = Checker(settings["device"], settings["folder"])
        return str(checker.device), checker.handle

    serve(start)


if __name__ == "__main__":
    main()
