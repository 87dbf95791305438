"""Load one plugin: import it, validate its hooks, collect its specs. Any failure is recorded as its problem."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
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
from srbench.catalog.plugin_files import code_hash
from srbench.errors import SpecError, SRBenchError, one_line, say
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec
from srbench.system.environment import watching
from srbench.system.put_back import put_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


Spec = ModelSpec | ModelFileSpec | LossSpec | DatasetSpec | MetricSpec
MARK = "srbench_impl"
"""Attribute by which pluggy marks implementations of hooks."""
LOADING = threading.RLock()
"""Held while standard output is redirected: two threads would restore it in the wrong order."""
HOOKS: dict[str, type[Spec]] = {
    "srbench_models": ModelSpec,
    "srbench_losses": LossSpec,
    "srbench_datasets": DatasetSpec,
    "srbench_metrics": MetricSpec,
}


@dataclass(frozen=True)
class Problem:
    """A fault of a plugin, and its fix."""

    reason: str
    fix: str

    def __str__(self) -> str:
        return self.reason


NO_HOOK = Problem("has no hook: mark a function srbench_* with @hookimpl", "mark the function with @srbench.hookimpl")
RETURNS = "a hook returns a list of its kind of spec"


@dataclass(frozen=True)
class Plugin:
    """One installed plugin or plugin file."""

    name: str
    origin: str
    """Distribution and version, or the file."""
    module: ModuleType | None = field(default=None, repr=False, compare=False)
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        """What it is loaded by: the path of a plugin file, else the name of an installed plugin."""
        return self.origin if Path(self.origin).is_absolute() else self.name

    @property
    def source(self) -> Path | None:
        """The file of its module (``__init__.py`` of a package), or None for a module without a file."""
        file = getattr(self.module, "__file__", None)
        return None if file is None else Path(file)

    @property
    def home(self) -> Path | None:
        """Folder of its package, or its file."""
        source = self.source
        return source.parent if source is not None and source.name == "__init__.py" else source

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) of the plugin's Python files. It tells results of different code apart."""
        return "builtin" if self.source is None else code_hash(self.source)[:16]


def installed_plugins() -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of all installed plugins, sorted by name, without loading them."""
    return sorted(importlib.metadata.entry_points(group="srbench"), key=lambda point: point.name)


def origin_of(point: importlib.metadata.EntryPoint) -> str:
    """Return the distribution and version that an entry point comes from."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def load_plugin(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    """Load one plugin and call its hooks; its standard output goes to standard error."""
    with LOADING, put_back(), contextlib.redirect_stdout(sys.stderr), watching():
        return _load_quietly(name, origin, importer)


def _load_quietly(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    try:
        module = importer()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything on import)
        fix = "correct the line that is named, or install what is missing"
        raised = _problem("cannot be imported:", error, _import_location(error), fix)
        return Plugin(name, origin, None, (raised,)), []
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
            fix = "the hook must return its specs, independent of what is installed"
            problems.append(_problem(f"{hook} raised", error, location_of(error, home), fix))
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


def _problem(event: str, error: BaseException, location: str, fix: str) -> Problem:
    """Return the problem of a plugin that raised an exception."""
    text = one_line(error) if isinstance(error, SRBenchError) else say(error)
    fix = "correct the field that is named" if isinstance(error, SpecError) else fix
    return Problem(f"{event} {text}{location}", fix)


def _misspelt_hook(module: ModuleType) -> Problem | None:
    """Return a problem for the first function that is marked as a hook and has another name than a hook."""
    marked = (name for name, value in vars(module).items() if getattr(value, MARK, None) and name not in HOOKS)
    wrong = next(marked, "")
    if not wrong:
        return None
    near = difflib.get_close_matches(wrong, HOOKS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"hooks: {', '.join(HOOKS)}"
    return Problem(f"unknown hook {wrong!r}; {hint}", "spell the hook as the reason says")


def _import_location(error: BaseException) -> str:
    """Return the line of the plugin's own code on which its import failed; that code follows the import machinery."""
    import traceback

    frames = (Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__))
    machinery = Path(__file__).parent
    own = next((file for file in frames if file.parent != machinery and "importlib" not in str(file)), None)
    return location_of(error, own.parent if own is not None and own.name == "__init__.py" else own)


def _shown(value: object) -> str:
    return one_line(reprlib.repr(value))
