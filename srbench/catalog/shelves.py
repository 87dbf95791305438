"""The specs of one kind by name: a shelf each, and that of methods, which are also files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from srbench.catalog.model_files import open_file, parse
from srbench.errors import UsageError, unknown
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

if TYPE_CHECKING:
    from srbench.catalog.plugin import Plugin, Spec

S = TypeVar("S", ModelSpec, ModelFileSpec, LossSpec, DatasetSpec, MetricSpec)


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


def kind_of(spec: type[Spec]) -> str:
    """Return what users call a kind of spec."""
    kinds = {LossSpec: "loss", DatasetSpec: "dataset", MetricSpec: "metric", ModelFileSpec: "kind of model file"}
    return kinds.get(spec, "method")
