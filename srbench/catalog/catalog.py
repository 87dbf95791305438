"""Everything that installed plugins and ``--plugin`` files offer.

Each plugin gets a plugin manager of its own, so one that is broken is recorded with its reason and the
others never notice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
from srbench.catalog.plugin import (
    HOOKS,
    Plugin,
    Spec,
    import_file,
    installed_plugins,
    load_plugin,
    origin_of,
    plugin_source,
)
from srbench.catalog.shelves import Models, S, Shelf, kind_of


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
            (point.name, origin_of(point), point.load) for point in installed_plugins() if installed(point.name)
        ]
        paths = dict.fromkeys(Path(file).resolve() for file in files)
        sources += [(path.stem, str(path), partial(import_file, plugin_source(path))) for path in paths]
        loaded = [load_plugin(name, origin, importer) for name, origin, importer in sources]
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
                        f"{kind_of(kind)} {offers[i][1].name!r} is refused: the name {name!r} is also claimed by "
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
            return Shelf(kind_of(kind), specs, aliases, owned, clashes, broken)

        named, files = shelf(ModelSpec), shelf(ModelFileSpec)
        models = Models(
            named.kind, named.specs, named.aliases, named.owners, named.clashes, broken, files.specs, files.owners
        )
        return cls(tuple(plugins.values()), models, shelf(LossSpec), shelf(DatasetSpec), shelf(MetricSpec))
