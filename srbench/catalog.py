"""Everything installed plugins offer: entry points and ``--plugin`` files -> Catalog.

Each plugin gets a plugin manager of its own, so one that is broken is recorded with its reason and the
others never notice.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.metadata
import importlib.util
import reprlib
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy

from srbench import hookspecs
from srbench.errors import SRBenchError, UsageError, one_line, place, say, unknown
from srbench.model_files import ModelFileSpec, open_file, parse
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

Spec = ModelSpec | ModelFileSpec | LossSpec | DatasetSpec | MetricSpec
LOADING = threading.RLock()
"""Held while standard output is another: two threads that load would put it back in the wrong order."""
S = TypeVar("S", ModelSpec, ModelFileSpec, LossSpec, DatasetSpec, MetricSpec)
HOOKS: dict[str, type[Spec]] = {
    "srbench_models": ModelSpec,
    "srbench_losses": LossSpec,
    "srbench_datasets": DatasetSpec,
    "srbench_metrics": MetricSpec,
}


@dataclass(frozen=True)
class Plugin:
    """One installed plugin or plugin file: where it comes from, and what is wrong with it (empty: nothing)."""

    name: str
    origin: str
    """Distribution and version, or the file."""
    module: ModuleType | None = field(default=None, repr=False, compare=False)
    problems: tuple[str, ...] = ()

    @property
    def home(self) -> Path | None:
        """Where its code lies: the folder of a package, else the file."""
        found = getattr(self.module, "__file__", None)
        if found is None:
            return None
        return Path(found).parent if Path(found).name == "__init__.py" else Path(found)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) over the plugin's Python files: results of another version are not its own."""
        found = getattr(self.module, "__file__", None)
        if found is None:
            return "builtin"
        path = Path(found)
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.relative_to(path.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Shelf(Generic[S]):
    """The specs of one kind by canonical name, with what is needed to explain a name that is not there."""

    kind: str
    specs: dict[str, S]
    aliases: dict[str, str]
    owners: dict[str, Plugin]
    clashes: dict[str, tuple[str, ...]]
    """Name -> the plugins that claimed it; all were refused."""
    broken: tuple[Plugin, ...] = ()

    def __getitem__(self, name: str) -> S:
        """Look up a name or alias.

        Raises:
            UsageError: nothing has this name; suggests the nearest.
        """
        canonical = self.aliases.get(name, name)
        if canonical in self.specs:
            return self.specs[canonical]
        if name in self.clashes:
            raise UsageError(
                f"{self.kind} {name!r} is claimed by several plugins ({', '.join(self.clashes[name])}); "
                "rename or uninstall all but one"
            )
        broken = ", ".join(plugin.name for plugin in self.broken)
        more = f" (broken plugins: {broken}; see 'srbench list plugins')" if broken else ""
        raise unknown(self.kind, name, (*self.specs, *self.aliases), more)

    def __contains__(self, name: str) -> bool:
        return name in self.specs or name in self.aliases

    def owner(self, name: str) -> Plugin:
        """Return the plugin that brought a spec."""
        return self.owners[self[name].name]


@dataclass(frozen=True)
class Models(Shelf[ModelSpec]):
    """The methods by name; also by ``PREFIX:PATH`` those that are files, which then are known by their names too."""

    files: dict[str, ModelFileSpec] = field(default_factory=dict)
    """By prefix."""
    openers: dict[str, Plugin] = field(default_factory=dict)
    opened: dict[str, ModelSpec] = field(default_factory=dict, compare=False)

    def __getitem__(self, name: str) -> ModelSpec:
        """Look up a name, an alias or a file.

        Raises:
            UsageError: nothing has this name, or the file is no method.
        """
        if name in self.opened:
            return self.opened[name]
        asked = parse(name)
        if asked is None or name in self:
            return super().__getitem__(name)
        if asked.prefix not in self.files:
            raise unknown("kind of model file", asked.prefix, self.files)
        known = self.opened.get(asked.name)
        if known is None:
            known = open_file(self.files[asked.prefix], asked)
            self.owners[known.name] = self.openers[asked.prefix]
            self.opened[known.name] = known
        if known.file != asked.path and not (asked.path.exists() and asked.path.samefile(known.file or "")):
            raise UsageError(
                f"{known.file} and {asked.path} would both be named {asked.name}; NAME={asked.prefix}:PATH gives one "
                "another name"
            )
        return known

    def __contains__(self, name: str) -> bool:
        return name in self.opened or super().__contains__(name)


@dataclass(frozen=True)
class Catalog:
    """All plugins and what they offer."""

    plugins: tuple[Plugin, ...]
    models: Models
    losses: Shelf[LossSpec]
    datasets: Shelf[DatasetSpec]
    metrics: Shelf[MetricSpec]

    @classmethod
    def load(cls, files: Iterable[str | Path] = (), installed: Callable[[str], bool] = lambda _: True) -> Catalog:
        """Load every installed plugin and the given plugin files.

        Args:
            files: plugin files, or folders of packages.
            installed: says by its name whether an installed plugin is loaded.

        Raises:
            UsageError: a plugin file does not exist. (One that is broken is recorded, not raised.)
        """
        sources: list[tuple[str, str, Callable[[], Any]]] = [
            (point.name, _origin(point), point.load) for point in installed_plugins() if installed(point.name)
        ]
        paths = dict.fromkeys(Path(file).resolve() for file in files)
        sources += [(path.stem, str(path), partial(_import_file, plugin_source(path))) for path in paths]
        loaded = [_load(name, origin, importer) for name, origin, importer in sources]
        return cls._assemble(loaded)

    def complaints(self, files: Iterable[str | Path] = ()) -> list[str]:
        """Say of each broken plugin what is wrong with it; ``files`` are those that were asked for."""
        asked = {str(Path(file).resolve()) for file in files}
        return [
            f"{f'--plugin {plugin.origin}' if plugin.origin in asked else f'plugin {plugin.name}'}: {problem}"
            for plugin in self.plugins
            for problem in plugin.problems
        ]

    @classmethod
    def _assemble(cls, loaded: Sequence[tuple[Plugin, list[Spec]]]) -> Catalog:
        problems = {id(plugin): list(plugin.problems) for plugin, _ in loaded}
        parts: dict[type, tuple[dict[str, Any], dict[str, str], dict[str, Plugin], dict[str, tuple[str, ...]]]] = {}
        for kind in (*HOOKS.values(), ModelFileSpec):
            offers = [(plugin, spec) for plugin, specs in loaded for spec in specs if isinstance(spec, kind)]
            claims: dict[str, list[int]] = defaultdict(list)
            for index, (_, spec) in enumerate(offers):
                for name in dict.fromkeys((spec.name, *spec.aliases)):
                    claims[name].append(index)
            clashes = {name: tuple(offers[i][0].name for i in who) for name, who in claims.items() if len(who) > 1}
            refused = {i for name in clashes for i in claims[name]}
            for name in clashes:
                for i in dict.fromkeys(claims[name]):
                    plugin = offers[i][0]
                    others = [offers[j][0].name for j in claims[name] if j != i]
                    problems[id(plugin)].append(
                        f"{_kind(kind)} {offers[i][1].name!r} is refused: the name {name!r} is also claimed by "
                        f"{', '.join(others)}"
                    )
            kept = [offer for i, offer in enumerate(offers) if i not in refused]
            parts[kind] = (
                {spec.name: spec for _, spec in kept},
                {alias: spec.name for _, spec in kept for alias in spec.aliases},
                {spec.name: plugin for plugin, spec in kept},
                clashes,
            )
        plugins = {
            id(plugin): Plugin(plugin.name, plugin.origin, plugin.module, tuple(problems[id(plugin)]))
            for plugin, _ in loaded
        }
        broken = tuple(plugin for plugin in plugins.values() if plugin.problems)

        def shelf(kind: type[S]) -> Shelf[S]:
            specs, aliases, owners, clashes = parts[kind]
            owned = {name: plugins[id(plugin)] for name, plugin in owners.items()}
            return Shelf(_kind(kind), specs, aliases, owned, clashes, broken)

        named, files = shelf(ModelSpec), shelf(ModelFileSpec)
        models = Models(
            named.kind, named.specs, named.aliases, named.owners, named.clashes, broken, files.specs, files.owners
        )
        return cls(tuple(plugins.values()), models, shelf(LossSpec), shelf(DatasetSpec), shelf(MetricSpec))


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


def _kind(spec: type[Spec]) -> str:
    kinds = {LossSpec: "loss", DatasetSpec: "dataset", MetricSpec: "metric", ModelFileSpec: "kind of model file"}
    return kinds.get(spec, "method")


def _origin(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _import_file(path: Path) -> ModuleType:
    """Import one file (or a package by its ``__init__.py``) under a name that cannot meet another's."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    name = f"srbench_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{stem}".replace("-", "_")
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


def _load(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    """Load, validate and call one plugin by itself; what it prints goes to standard error."""
    with LOADING, contextlib.redirect_stdout(sys.stderr):
        return _load_quietly(name, origin, importer)


def _load_quietly(name: str, origin: str, importer: Callable[[], Any]) -> tuple[Plugin, list[Spec]]:
    try:
        module = importer()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything on import)
        return Plugin(name, origin, None, (f"cannot be imported: {_line(error)}{_import_place(error)}",)), []
    manager = pluggy.PluginManager("srbench")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        return Plugin(name, origin, module, (_validation(error),)), []
    own = {caller.name for caller in manager.get_hookcallers(module) or ()}
    if not own:
        return Plugin(name, origin, module, ("has no hook: mark a function srbench_* with @hookimpl",)), []
    specs: list[Spec] = []
    problems: list[str] = []
    for hook, kind in ((hook, kind) for hook, kind in HOOKS.items() if hook in own):
        try:
            result: Any = next(iter(getattr(manager.hook, hook)()), None)  # pluggy leaves None out
            several = isinstance(result, Iterable) and not isinstance(result, str)
            returned = list(result) if several else []
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a hook may raise anything)
            problems.append(f"{hook} raised {_line(error)}{place(error, Plugin(name, origin, module).home)}")
            continue
        if not several:
            problems.append(f"{hook} returned {_shown(result)}, not a list of {kind.__name__}s")
        for spec in returned:
            if isinstance(spec, kind) or (kind is ModelSpec and isinstance(spec, ModelFileSpec)):
                specs.append(spec)
            else:
                problems.append(f"{hook} returned {_shown(spec)}, which is no {kind.__name__}")
    return Plugin(name, origin, module, tuple(problems)), specs


def _import_place(error: BaseException) -> str:
    """Return where importing a plugin failed in its own code, which begins behind Python's import machinery."""
    import traceback

    frames = (Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__))
    own = next((file for file in frames if str(file) != __file__ and "importlib" not in str(file)), None)
    return place(error, own.parent if own is not None and own.name == "__init__.py" else own)


def _shown(value: object) -> str:
    return one_line(reprlib.repr(value))


def _validation(error: Exception) -> str:
    """Turn pluggy's several lines into one that says which hook and what is wrong with it."""
    text = one_line(error)
    if "unknown hook" in text:
        wrong = text.split("unknown hook ")[1].split(" in plugin")[0].strip("'\"")
        near = difflib.get_close_matches(wrong, HOOKS, n=1)
        return f"unknown hook {wrong!r}" + (f"; did you mean {near[0]!r}?" if near else f"; hooks: {', '.join(HOOKS)}")
    return text


def _line(error: BaseException) -> str:
    return one_line(error) if isinstance(error, SRBenchError) else say(error)
