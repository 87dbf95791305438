"""Load one plugin: import it, validate its hooks, collect its specs; whatever fails becomes its problem."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.metadata
import importlib.util
import os
import reprlib
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from srbench import hookspecs
from srbench.catalog.blame import location_of
from srbench.errors import SpecError, SRBenchError, UsageError, one_line, say
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


Spec = ModelSpec | ModelFileSpec | LossSpec | DatasetSpec | MetricSpec
MARK = "srbench_impl"
"""Attribute by which pluggy marks implementations of hooks."""
LOADING = threading.RLock()
"""Held while standard output is another: two threads that load would put it back in the wrong order."""
HOOKS: dict[str, type[Spec]] = {
    "srbench_models": ModelSpec,
    "srbench_losses": LossSpec,
    "srbench_datasets": DatasetSpec,
    "srbench_metrics": MetricSpec,
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a plugin, and how it is mended."""

    reason: str
    fix: str

    def __str__(self) -> str:
        return self.reason


NO_HOOK = Problem("has no hook: mark a function srbench_* with @hookimpl", "mark the function with @srbench.hookimpl")
RETURNS = "a hook returns a list of its kind of spec"


@dataclass(frozen=True)
class Plugin:
    """One installed plugin or plugin file: where it comes from, and what is wrong with it (empty: nothing)."""

    name: str
    origin: str
    """Distribution and version, or the file."""
    module: ModuleType | None = field(default=None, repr=False, compare=False)
    problems: tuple[Problem, ...] = ()

    @property
    def source(self) -> Path | None:
        """The file of its module; of a package the ``__init__.py``; None for a module without a file."""
        file = getattr(self.module, "__file__", None)
        return None if file is None else Path(file)

    @property
    def home(self) -> Path | None:
        """Where its code lies: the folder of a package, else the file."""
        source = self.source
        return source.parent if source is not None and source.name == "__init__.py" else source

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) over the plugin's Python files: results of another version are not its own."""
        path = self.source
        if path is None:
            return "builtin"
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        digest = hashlib.sha256()
        for file in files:
            digest.update(os.fsencode(file.relative_to(path.parent).as_posix()) + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:16]


def installed_plugins() -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of all installed plugins by name, loading none."""
    return sorted(importlib.metadata.entry_points(group="srbench"), key=lambda point: point.name)


def plugin_source(file: str | Path) -> Path:
    """Return the Python file behind what ``--plugin`` was given: itself, or the ``__init__.py`` of a package's folder.

    Raises:
        UsageError: it does not exist.
    """
    file = Path(file)
    path = file / "__init__.py" if file.is_dir() else file
    if not path.is_file() or path.suffix != ".py":
        raise UsageError(f"--plugin {file}: no such Python file")
    return path


def origin_of(point: importlib.metadata.EntryPoint) -> str:
    """Return the distribution and version that an entry point comes from."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def import_file(path: Path) -> ModuleType:
    """Import one file (or a package by its ``__init__.py``) under a name that cannot meet another's."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    name = f"srbench_file_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}_{stem}".replace("-", "_")
    search = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load_plugin(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    """Load, validate and call one plugin by itself; what it prints goes to standard error."""
    with LOADING, contextlib.redirect_stdout(sys.stderr):
        return _load_quietly(name, origin, importer)


def _load_quietly(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    try:
        module = importer()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything on import)
        return Plugin(name, origin, None, (_import_problem(error),)), []
    if problem := _misspelt_hook(module):
        return Plugin(name, origin, module, (problem,)), []
    manager = pluggy.PluginManager("srbench")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        return Plugin(name, origin, module, (Problem(one_line(error), "spell the hook as the reason says"),)), []
    hooks = {caller.name for caller in manager.get_hookcallers(module) or ()}
    if not hooks:
        return Plugin(name, origin, module, (NO_HOOK,)), []
    home = Plugin(name, origin, module).home
    specs: list[Spec] = []
    problems: list[Problem] = []
    for hook in (hook for hook in HOOKS if hook in hooks):
        try:
            result: Any = next(iter(getattr(manager.hook, hook)()), None)  # pluggy leaves None out
            returned = list(result) if isinstance(result, Iterable) and not isinstance(result, str) else None
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a hook may raise anything)
            problems.append(_hook_problem(hook, error, home))
            continue
        kind = HOOKS[hook]
        if returned is None:
            problems.append(Problem(f"{hook} returned {_shown(result)}, not a list of {kind.__name__}s", RETURNS))
        for spec in returned or ():
            if isinstance(spec, kind) or (kind is ModelSpec and isinstance(spec, ModelFileSpec)):
                specs.append(spec)
            else:
                problems.append(Problem(f"{hook} returned {_shown(spec)}, which is no {kind.__name__}", RETURNS))
    return Plugin(name, origin, module, tuple(problems)), specs


def _import_problem(error: BaseException) -> Problem:
    fix = "mend the line that is named, or install what is missing"
    if isinstance(error, SpecError):
        fix = "mend the field that is named"
    return Problem(f"cannot be imported: {_line(error)}{_import_place(error)}", fix)


def _hook_problem(hook: str, error: BaseException, home: Path | None) -> Problem:
    fix = "the hook must return its specs, whatever is installed or not"
    if isinstance(error, SpecError):
        fix = "mend the field that is named"
    return Problem(f"{hook} raised {_line(error)}{location_of(error, home)}", fix)


def _misspelt_hook(module: ModuleType) -> Problem | None:
    """Return the first function that is marked as a hook and is none of srbench's."""
    marked = (name for name, value in vars(module).items() if getattr(value, MARK, None) and name not in HOOKS)
    wrong = next(marked, "")
    if not wrong:
        return None
    near = difflib.get_close_matches(wrong, HOOKS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"hooks: {', '.join(HOOKS)}"
    return Problem(f"unknown hook {wrong!r}; {hint}", "spell the hook as the reason says")


def _import_place(error: BaseException) -> str:
    """Return where importing a plugin failed in its own code, which begins behind Python's import machinery."""
    import traceback

    frames = (Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__))
    own = next((file for file in frames if str(file) != __file__ and "importlib" not in str(file)), None)
    return location_of(error, own.parent if own is not None and own.name == "__init__.py" else own)


def _shown(value: object) -> str:
    return one_line(reprlib.repr(value))


def _line(error: BaseException) -> str:
    return one_line(error) if isinstance(error, SRBenchError) else say(error)
