"""The specs of all installed plugins and ``--plugin`` files.

Each plugin gets its own plugin manager: a broken plugin is recorded with the reason and does not affect the others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from srbench.catalog.plugin import (
    HOOKS,
    Plugin,
    Problem,
    Spec,
    installed_plugins,
    load_plugin,
    origin_of,
)
from srbench.catalog.plugin_files import import_file, plugin_source
from srbench.catalog.shelves import Models, S, Shelf, kind_of
from srbench.catalog.trial import try_file, try_installed
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

KINDS: tuple[type[Spec], ...] = (*HOOKS.values(), ModelFileSpec)


@dataclass(frozen=True)
class Catalog:
    """All plugins and their specs."""

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
            installed: returns, given its name, whether an installed plugin is loaded.

        Raises:
            UsageError: a plugin file does not exist. (One that is broken is recorded, not raised.)
        """
        points = [point for point in installed_plugins() if installed(point.name)]
        paths = list(dict.fromkeys(Path(file).resolve() for file in files))
        sources = [plugin_source(path) for path in paths]
        loaded = [_load(point.name, origin_of(point), point.load, try_installed(point)) for point in points]
        loaded += [
            _load(path.stem, str(path), partial(import_file, source), try_file(source))
            for path, source in zip(paths, sources, strict=True)
        ]
        return cls._assemble(loaded)

    @classmethod
    def load_only(cls, keys: Iterable[str], files: Iterable[str | Path] = ()) -> Catalog:
        """Load some plugins, by `srbench.catalog.plugin.Plugin.key`; plugin files are among ``files``.

        Raises:
            UsageError: a plugin file does not exist.
        """
        wanted = set(keys)
        return cls.load([file for file in files if str(Path(file).resolve()) in wanted], wanted.__contains__)

    @property
    def shelves(self) -> dict[str, Shelf[Any]]:
        """The shelves by kind of spec: ``method``, ``loss``, ``dataset``, ``metric``."""
        return {shelf.kind: shelf for shelf in (self.models, self.losses, self.datasets, self.metrics)}

    def complaints(self, files: Iterable[str | Path] = ()) -> list[str]:
        """Return one line per problem of a plugin; ``files`` are the plugin files that the user named."""
        named = _resolved(files)
        return [line for plugin in self.plugins for line in _lines(plugin, named)]

    def useless(self, files: Iterable[str | Path]) -> list[str]:
        """Return the problems of those of the plugin files that offer nothing, one line each."""
        named = _resolved(files)
        owners = [owner for shelf in (*self.shelves.values(), self.models.files) for owner in shelf.owners.values()]
        idle = [plugin for plugin in self.plugins if plugin.origin in named and plugin not in owners]
        return [line for plugin in idle for line in _lines(plugin, named)]

    @classmethod
    def _assemble(cls, loaded: Sequence[tuple[Plugin, list[Spec]]]) -> Catalog:
        """Put specs on shelves. Specs that claim the same name are all refused, which is a problem of their plugins."""
        claims = [Offer(plugin, spec) for plugin, specs in loaded for spec in specs]
        offers = {kind: [offer for offer in claims if isinstance(offer.spec, kind)] for kind in KINDS}
        clashes = {kind: _clashes(offers[kind]) for kind in KINDS}
        plugins = [
            replace(plugin, problems=(*plugin.problems, *_refusals(plugin, offers, clashes))) for plugin, _ in loaded
        ]
        replaced = {id(old): new for (old, _), new in zip(loaded, plugins, strict=True)}
        broken = tuple(plugin for plugin in plugins if plugin.problems)

        def shelf(kind: type[S]) -> Shelf[S]:
            kept = [offer for offer in offers[kind] if not clashes[kind].keys() & offer.names]
            return Shelf(
                kind=kind_of(kind),
                specs={offer.spec.name: cast("S", offer.spec) for offer in kept},
                aliases={alias: offer.spec.name for offer in kept for alias in offer.spec.aliases},
                owners={offer.spec.name: replaced[id(offer.plugin)] for offer in kept},
                clashes={name: tuple(o.plugin.name for o in claims) for name, claims in clashes[kind].items()},
                broken=broken,
            )

        models = Models(shelf(ModelSpec), shelf(ModelFileSpec))
        return cls(tuple(plugins), models, shelf(LossSpec), shelf(DatasetSpec), shelf(MetricSpec))


def _load(name: str, origin: str, importer: Callable[[], Any], problem: Problem | None) -> tuple[Plugin, list[Spec]]:
    """Load a plugin, unless it has a problem for which it cannot be imported."""
    return (Plugin(name, origin, None, (problem,)), []) if problem else load_plugin(name, origin, importer)


class Offer(NamedTuple):
    """A spec and the plugin that returned it."""

    plugin: Plugin
    spec: Spec

    @property
    def names(self) -> set[str]:
        """The name and the aliases that the spec claims."""
        return {self.spec.name, *self.spec.aliases}


Clashes: TypeAlias = dict[str, list[Offer]]
"""Name -> the offers that claim it, for names that are claimed more than once."""


def _clashes(offers: Sequence[Offer]) -> Clashes:
    claims: Clashes = defaultdict(list)
    for offer in offers:
        for name in dict.fromkeys((offer.spec.name, *offer.spec.aliases)):
            claims[name].append(offer)
    return {name: claimants for name, claimants in claims.items() if len(claimants) > 1}


def _refusals(
    plugin: Plugin, offers: Mapping[type[Spec], Sequence[Offer]], clashes: Mapping[type[Spec], Clashes]
) -> Iterator[Problem]:
    """Yield a problem for each name that a spec of the plugin shares with another."""
    for kind in offers:
        for name, claimants in clashes[kind].items():
            for offer in claimants:
                if offer.plugin is plugin:
                    others = [other.plugin.name for other in claimants if other is not offer]
                    yield Problem(
                        f"{kind_of(kind)} {offer.spec.name!r} is refused: the name {name!r} is also claimed by "
                        f"{', '.join(others)}",
                        "choose another name, or uninstall one of the plugins",
                    )


def _resolved(files: Iterable[str | Path]) -> set[str]:
    return {str(Path(file).resolve()) for file in files}


def _lines(plugin: Plugin, named: set[str]) -> list[str]:
    subject = f"--plugin {plugin.origin}" if plugin.origin in named else f"plugin {plugin.name}"
    return [f"{subject}: {problem}" for problem in plugin.problems]
