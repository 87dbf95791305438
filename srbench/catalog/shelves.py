"""Shelves: the specs of one kind by name. The shelf of methods also opens files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from srbench.catalog.ensemble import with_ensemble
from srbench.catalog.in_process import REGISTERED
from srbench.catalog.model_files import ModelFile, open_file, parse, unreadable
from srbench.catalog.output_folders import OUTPUT_FOLDERS, OWNER
from srbench.errors import UsageError, unknown
from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from srbench.catalog.plugin import Plugin, Spec

S = TypeVar("S", ModelSpec, ModelFileSpec, LossSpec, DatasetSpec, MetricSpec)


@dataclass
class Shelf(Generic[S]):
    """The specs of one kind by canonical name, with what is needed to explain an unknown name."""

    kind: str
    specs: dict[str, S]
    aliases: dict[str, str]
    owners: dict[str, Plugin]
    clashes: dict[str, tuple[str, ...]]
    """Name -> the plugins that claim it; their specs were all refused."""
    broken: tuple[Plugin, ...] = ()

    def __getitem__(self, name: str) -> S:
        """Look up a name or alias, in any case.

        Raises:
            UsageError: the name is unknown; suggests the nearest.
        """
        for form in (name, name.lower()):  # names are of lower-case letters
            canonical = self.aliases.get(form, form)
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
        """Return the plugin of a spec."""
        return self.owners[self[name].name]


class Models(Shelf[ModelSpec]):
    """The methods by name. Methods that are files are looked up as ``PREFIX:PATH``, and then also by name."""

    def __init__(self, models: Shelf[ModelSpec], files: Shelf[ModelFileSpec]) -> None:
        super().__init__(**vars(models))
        self.files = files
        """Kinds of files that are methods, by prefix."""
        self.opened: dict[str, ModelSpec] = {}
        """Methods that are files and were looked up, by name."""

    def __getitem__(self, name: str) -> ModelSpec:
        """Look up a name, an alias or a file.

        Raises:
            UsageError: the name is unknown, or the file cannot be opened.
        """
        if name in REGISTERED and not super().__contains__(name):
            self.opened[name], self.owners[name] = REGISTERED[name]
        if name in self.opened:
            return self.opened[name]
        path = name.partition(":")[2]
        if name.endswith("+") and not (path and Path(path).exists()):
            return self._ensemble(name)
        file = parse(name)
        if file is None or name in self:
            self._refuse_bare_file(name)
            return super().__getitem__(name)
        return self._open(file)

    def _ensemble(self, name: str) -> ModelSpec:
        """Make the self-ensemble of a method, and keep it by name."""
        base = self[name.removesuffix("+")]
        if base.outputs or base.ensemble:
            raise UsageError(f"{name}: {base.name} has no self-ensemble")
        spec = with_ensemble(base)
        self.opened[spec.name], self.owners[spec.name] = spec, self.owner(base.name)
        return spec

    def _refuse_bare_file(self, name: str) -> None:
        """Raise a `UsageError` with the prefix to write if a name is that of a file without one."""
        suffix = Path(name).suffix.lower()
        kinds = [prefix for prefix, spec in self.files.specs.items() if suffix in spec.suffixes]
        if kinds and name not in self:
            raise UsageError(f"{name} is a file: write {' or '.join(f'{prefix}:{name}' for prefix in kinds)}")
        if suffix and name not in self and Path(name).exists():
            raise UsageError(f"unknown method {name!r}: that is a file; the name of a method comes first")

    def _open(self, file: ModelFile) -> ModelSpec:
        """Open a file, and keep its method by name."""
        kinds = {**self.files.specs, OUTPUT_FOLDERS.name: OUTPUT_FOLDERS}
        if file.prefix not in kinds:
            raise unknown("kind of model file", file.prefix, kinds)
        if file.name not in self.opened:
            self.opened[file.name] = open_file(kinds[file.prefix], file)
            self.owners[file.name] = self.files.owners.get(file.prefix, OWNER)
        spec = self.opened[file.name]
        if spec.file != file.path and not (file.path.exists() and file.path.samefile(spec.file or "")):
            raise UsageError(
                f"{spec.file} and {file.path} would both be named {file.name}; NAME={file.prefix}:PATH gives one "
                "another name"
            )
        return spec

    def __contains__(self, name: str) -> bool:
        return name in self.opened or name in REGISTERED or super().__contains__(name)

    def open_all(self, names: Iterable[str]) -> list[ModelSpec]:
        """Look up several methods; a file that cannot be opened becomes a method that fails with the reason.

        Raises:
            UsageError: a name or a file does not exist, or no file can be opened.
        """
        specs: dict[str, ModelSpec] = {}
        faults: dict[str, UsageError] = {}
        for name in names:
            try:
                spec = self[name]
            except UsageError as error:
                file = parse(name)
                if file is None or file.prefix not in self.files.specs or not file.path.is_file():
                    raise
                faults[name], spec = error, unreadable(file, error)
            specs[spec.name] = spec
        if faults and len(faults) == len(specs):
            raise next(iter(faults.values()))
        for name in faults:
            file = parse(name)
            if file is not None and file.name not in self.opened:
                self.opened[file.name] = specs[file.name]
                self.owners[file.name] = self.files.owners[file.prefix]
        return list(specs.values())

    def scales_of_files(self, names: Iterable[str], default: tuple[int, ...]) -> tuple[int, ...]:
        """Return the scales to run at if none is asked for: those of files of one scale, else the default.

        Raises:
            UsageError: as `open_all`.
        """
        files = [spec for spec in self.open_all(names) if spec.file is not None and len(spec.scales) == 1]
        return tuple(sorted({scale for spec in files for scale in spec.scales})) or default

    def choices(self, choices: Mapping[str, str], methods: Iterable[ModelSpec]) -> dict[str, str]:
        """Return the choices of weights by the methods' canonical names.

        Raises:
            UsageError: a choice is for a method that does not exist or is not among the methods.
        """
        by_method = {self[name].name: choice for name, choice in choices.items()}
        if strangers := set(by_method) - {method.name for method in methods}:
            raise UsageError(f"--weights names {', '.join(sorted(strangers))}, which is not among --methods")
        return by_method


def kind_of(spec: type[Spec]) -> str:
    """Return the name of a kind of spec in messages."""
    kinds = {LossSpec: "loss", DatasetSpec: "dataset", MetricSpec: "metric", ModelFileSpec: "kind of model file"}
    return kinds.get(spec, "method")
