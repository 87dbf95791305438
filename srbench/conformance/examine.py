"""Plan which subjects to check, and run their checks. Plugins run in separate processes, which may crash or hang."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from srbench.catalog.catalog import Catalog
from srbench.catalog.model_files import parse
from srbench.catalog.plugin import Problem, installed_plugins
from srbench.catalog.plugin_files import plugin_source
from srbench.conformance.checklist import CHECKS
from srbench.conformance.outcome import Order, Result, Subject
from srbench.conformance.probe import Probe, probe
from srbench.errors import UsageError, unknown
from srbench.system.child import Child, Exit
from srbench.system.leftovers import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from srbench.conformance.checklist import Check

HANG = "find the loop, lock or wait that does not end; --timeout gives it more time"
CRASH = "find what ends Python: native code, os._exit, endless recursion, too much memory"
DEFINE = "only define things at the top of the module: slow or failing work belongs in build and recipe"
PROBES = 4
"""Plugins that are loaded at once, so that one that hangs does not delay the others."""
OWN = "srbench"
"""The distribution whose plugins are checked only if they are named."""


@dataclass(frozen=True)
class Plan:
    """The subjects to check, each plugin before its methods, losses, datasets and metrics."""

    subjects: tuple[Subject, ...]
    files: tuple[str, ...]
    """Plugin files that can be loaded."""
    without: tuple[str, ...]
    """Installed plugins that cannot be loaded."""
    probes: dict[str, Probe]
    problems: dict[str, tuple[Problem, ...]]
    references: dict[str, str]
    """Name of a method that is a file -> the name by which the catalog opens it."""


def make_plan(
    names: Sequence[str] = (), files: Iterable[str | Path] = (), *, everything: bool = False, timeout_s: float = 120
) -> Plan:
    """Return the plan for names, plugin files or everything that is installed.

    Args:
        names: methods, losses, datasets, metrics or plugins; if empty, everything in the files.
        files: plugin files.
        everything: check all installed plugins.
        timeout_s: time limit for the import of a plugin.

    Raises:
        UsageError: there is nothing to check, a file does not exist, or a name is unknown.
    """
    paths: dict[str, str] = {}
    for file in files:
        plugin_source(file)  # raises if it does not exist
        path = Path(file).resolve()
        if paths.setdefault(path.stem, str(path)) != str(path):
            raise UsageError(f"{paths[path.stem]} and {path} have the same name; check one after the other")
    points = {point.name for point in installed_plugins()}
    if not (names or paths or everything):
        raise UsageError("name what to check, or give --plugin FILE or --all")
    first = [*paths, *(sorted(points) if everything else [name for name in names if name in points])]
    probes = _probe_all(dict.fromkeys(first), paths, timeout_s)
    dead = {name for name, seen in probes.items() if seen.dead}
    alive = tuple(path for name, path in paths.items() if name not in dead)
    without = tuple(sorted(dead - set(paths)))
    catalog = Catalog.load(alive, installed=lambda name: name not in without)
    problems: dict[str, tuple[Problem, ...]] = {}
    for plugin in catalog.plugins:
        problems[plugin.name] = problems.get(plugin.name, ()) + plugin.problems
    if everything:
        wanted = [plugin.name for plugin in catalog.plugins] + sorted(dead)
        subjects = [subject for name in wanted for subject in _of_plugin(catalog, name)]
    elif names:
        broken = [name for name in paths if name in dead or problems.get(name)]
        subjects = [Subject("plugin", name) for name in broken]
        subjects += [subject for name in names for subject in _named(catalog, name, dead, known=not broken)]
    else:
        subjects = [subject for name in paths for subject in _of_plugin(catalog, name)]
    subjects = list(dict.fromkeys(subjects))
    later = [subject.name for subject in subjects if subject.kind == "plugin" and subject.name not in probes]
    probes |= _probe_all(later, paths, timeout_s)
    references = {spec.name: spec.reference for spec in catalog.models.opened.values()}
    return Plan(tuple(subjects), alive, without, probes, problems, references)


def _probe_all(names: Iterable[str], paths: Mapping[str, str], timeout_s: float) -> dict[str, Probe]:
    names = list(names)
    with ThreadPoolExecutor(PROBES) as pool:
        return dict(zip(names, pool.map(lambda name: probe(name, paths.get(name, ""), timeout_s), names), strict=True))


def third_party() -> list[str]:
    """Return the installed plugins that are not srbench's own."""
    return [point.name for point in installed_plugins() if not point.dist or point.dist.name != OWN]


def _of_plugin(catalog: Catalog, name: str) -> list[Subject]:
    """Return a plugin, and its methods, losses, datasets and metrics."""
    brought = [
        Subject(shelf.kind, spec)
        for shelf in catalog.shelves.values()
        for spec, owner in shelf.owners.items()
        if owner.name == name
    ]
    return [Subject("plugin", name), *brought]


def _named(catalog: Catalog, name: str, dead: set[str], *, known: bool) -> list[Subject]:
    """Return the subjects of a name: specs with their plugins, else a plugin with its specs.

    Args:
        catalog: all specs.
        name: of a spec or a plugin.
        dead: plugins that cannot be loaded.
        known: whether the name must exist; not if a broken plugin may have it.

    Raises:
        UsageError: the name must exist, and does not.
    """
    subjects: list[Subject] = []
    if name not in catalog.models and parse(name) is not None:
        name = catalog.models[name].name  # opens the file, or says why it is no method
    for shelf in catalog.shelves.values():
        if name in shelf:
            subjects += [Subject("plugin", shelf.owner(name).name), Subject(shelf.kind, shelf[name].name)]
        elif name in shelf.clashes:
            subjects += [Subject("plugin", plugin) for plugin in shelf.clashes[name]]
    if subjects:
        return subjects
    plugins = [plugin.name for plugin in catalog.plugins]
    if name in plugins or name in dead:
        return _of_plugin(catalog, name)
    if not known:
        return []
    if Path(name).suffix == ".py":
        raise UsageError(f"{name!r} is a file: --plugin {name} checks everything in it")
    names = [spec for shelf in catalog.shelves.values() for spec in (*shelf.specs, *shelf.aliases)]
    raise unknown("name", name, [*names, *plugins])


class Examiner:
    """Runs checks in a worker process, which is replaced after a crash or a time-out.

    Args:
        plan: the subjects.
        device: device of networks.
        timeout_s: time limit of one check.
    """

    def __init__(self, plan: Plan, device: str = "cpu", timeout_s: float = 120) -> None:
        self.plan, self.device, self.timeout_s = plan, device, timeout_s
        self._folder = scratch("srbench-check-")
        self._child: Child | None = None
        self._ended: dict[tuple[Subject, str], Result] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child:
            self._child.kill()
        self._folder.cleanup()

    def run_all(self) -> Iterator[Result]:
        """Run every check of every subject, in order."""
        for subject in self.plan.subjects:
            for check in CHECKS[subject.kind]:
                yield self.run(subject, check)

    def run(self, subject: Subject, check: Check) -> Result:
        """Run one check, after the checks that it needs."""
        if (subject, check.name) in self._ended:
            return self._ended[subject, check.name]
        start = time.perf_counter()
        for needed in (other for other in CHECKS[subject.kind] if other.name in check.needs):
            if (before := self.run(subject, needed)).status != "passed":
                result = _blocked(subject, check, needed, before)
                break
        else:
            result = (
                self._of_probe(subject, check) if subject.kind == "plugin" else self._of_worker(subject, check, start)
            )
        self._ended[subject, check.name] = result
        return result

    def _of_probe(self, subject: Subject, check: Check) -> Result:
        seen = self.plan.probes[subject.name]
        if check.name == "loads":
            problems = list(dict.fromkeys((*self.plan.problems.get(subject.name, ()), *seen.problems)))
            if seen.dead:
                problems = [Problem(seen.dead, DEFINE)]
            fix = problems[0].fix if problems else ""
            return _result(subject, check, "; ".join(map(str, problems)), fix)
        reason = {
            "lazy imports": f"importing it imports {', '.join(seen.heavy)}" if seen.heavy else "",
            "import": f"importing it changes {', '.join(seen.changed)}" if seen.changed else "",
            "repeatable": f"called again, its hooks gave another {', '.join(seen.unlike)}" if seen.unlike else "",
        }[check.name]
        return _result(subject, check, reason, check.fix)

    def _of_worker(self, subject: Subject, check: Check, start: float) -> Result:
        if self._child is None or not self._child.alive():
            if self._child is not None:
                self._child.kill()
            log = Path(self._folder.name) / "worker.log"
            (folder := Path(self._folder.name) / "work").mkdir(exist_ok=True)
            self._child = Child("srbench.conformance.worker", {"device": self.device, "folder": str(folder)}, log)
        child, limit = self._child, self.timeout_s * check.patience
        reference = self.plan.references.get(subject.name, subject.name) if subject.kind == "method" else subject.name
        order = Order(subject.kind, subject.name, reference, check.name, self.plan.files, self.plan.without)
        child.send(order.to_json())
        answer = child.receive(limit)
        seconds = time.perf_counter() - start
        if answer is None:
            child.kill()
            return Result(subject, check.name, "failed", f"did not end within {limit:g} s", HANG, seconds)
        if isinstance(answer, Exit):
            return Result(subject, check.name, "failed", answer.reason, CRASH, seconds)
        return Result(subject, check.name, **answer, seconds=seconds)


def _result(subject: Subject, check: Check, reason: str, fix: str) -> Result:
    return Result(subject, check.name, "failed" if reason else "passed", reason, fix if reason else "")


def _blocked(subject: Subject, check: Check, needed: Check, before: Result) -> Result:
    """Return the result of a check that needs another, where that did not pass."""
    if before.blocked:
        return Result(subject, check.name, "skipped", before.reason, blocked=True)
    why = "which failed" if before.status == "failed" else before.reason
    return Result(subject, check.name, "skipped", f"needs '{needed.name}', {why}", blocked=True)
