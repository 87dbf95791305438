"""Repeat a run from its ``run.json`` alone: its requests, and what is missing or has changed since.

The file may be a stranger's: its paths must be absolute, and `srbench.runs.recorded_plugins` decides what is imported.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.catalog.catalog import Catalog
from srbench.catalog.model_files import parse
from srbench.catalog.plugin_files import code_hash, plugin_source
from srbench.data.find import find_dataset, split_name
from srbench.data.pairs import pair_hash
from srbench.errors import SRBenchError, UsageError, several
from srbench.images.degradations import BICUBIC, get_degradation
from srbench.protocols import get_protocol
from srbench.results.run_file import folder_of, read_run_file
from srbench.runs.prepare import named_datasets
from srbench.runs.recorded_plugins import plugins_to_import
from srbench.runs.request import read_request
from srbench.store.backbones import metric_identity
from srbench.store.weights import CHOICES, find_weights
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from srbench.images.degradations import Degradation
    from srbench.results.rows import Row
    from srbench.runs.request import Request
    from srbench.specs import ImagePair


@dataclass(frozen=True)
class Again:
    """A request to repeat, without what is no longer available."""

    request: Request
    catalog: Catalog
    remarks: tuple[str, ...]
    """What is missing or has changed, one line each."""
    same_versions: bool
    """Whether srbench, Python and the numerical libraries have the versions of the run."""
    left_out: tuple[str, ...] = ()
    """Names of what is no longer available."""


def requests_of(run_dir: Path, out: Path, plugins: Sequence[str | Path] = ()) -> list[Again]:
    """Return the distinct requests of a run, in order.

    Args:
        run_dir: the run's folder, or its ``run.json`` in any folder.
        out: the folder of the repeated run.
        plugins: plugin files that the user names; each replaces the run's file of the same name.

    Raises:
        SRBenchError: there is no such run, or it records no request.
        UsageError: no part of it can be run here, or a plugin file of the run is imported only if the user names it.
    """
    run = read_run_file(run_dir)
    entries = {json.dumps(entry["request"], sort_keys=True): entry for entry in run["commands"] if "request" in entry}
    if not entries:
        commands = "; ".join(entry["command"] for entry in run["commands"])
        raise SRBenchError(
            f"{run_dir}: made by an older srbench, which did not record its options; run again: {commands}"
        )
    given = tuple(str(Path(plugin).resolve()) for plugin in plugins)
    checked = [
        _Checked(run, folder_of(run_dir), entry, read_request(entry["request"], out)) for entry in entries.values()
    ]
    imported = [part.plugins(given) for part in checked]  # all are decided on before one is imported
    return [part.again(files) for part, files in zip(checked, imported, strict=True)]


class _Checked:
    """Compares a recorded request with what is available now."""

    catalog: Catalog

    def __init__(self, run: Row, run_dir: Path, entry: Row, request: Request) -> None:
        self.run, self.run_dir, self.entry, self.request = run, run_dir, entry, request
        self.remarks: list[str] = []
        self.left_out: list[str] = []
        self.same_versions = self._versions()

    def plugins(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """Return the plugin files to import, of the run and of the user.

        Raises:
            UsageError: a file of the run is imported only if the user names it.
        """
        hashes: dict[str, str] = self.entry.get("plugins", {})
        files = plugins_to_import(self.run_dir, self.request.plugins, hashes, given)
        for path in files:
            plugin_source(path)  # raises if a given one does not exist
        names = {Path(file).name: file for file in files}
        for recorded in self.request.plugins:
            if (file := names.get(Path(recorded).name)) is not None:
                now = code_hash(plugin_source(file))
                self._compare(f"--plugin {file}", hashes.get(recorded, now)[:16], now[:16])
            else:
                self._is_available(recorded, plugin_source)
        return files

    def again(self, plugins: tuple[str, ...]) -> Again:
        """Return the request to repeat; only now plugin files are imported.

        Raises:
            UsageError: no part of it can be run here.
        """
        self.request = replace(self.request, plugins=plugins)
        self.catalog = Catalog.load(plugins)
        self.remarks += self.catalog.complaints(plugins)
        recorded = self.request
        for text in recorded.train_on:
            self._known_dataset(text)
        methods = self._available(recorded.methods, self._method)
        request = replace(
            recorded,
            methods=methods,
            datasets=self._available(recorded.datasets, self._dataset),
            metrics=self._available(recorded.metrics, self._metric),
            protocols=self._available(recorded.protocols, self._protocol),
            weights={name: choice for name, choice in recorded.weights.items() if name in methods},
        )
        self._images(request)
        return Again(
            request, self.catalog, tuple(dict.fromkeys(self.remarks)), self.same_versions, tuple(self.left_out)
        )

    def _available(self, names: tuple[str, ...], check: Callable[[str], object]) -> tuple[str, ...]:
        """Return the names that are available.

        Raises:
            UsageError: none is.
        """
        available = tuple(name for name in names if self._is_available(name, check))
        if names and not available:
            raise UsageError(f"nothing of the run can be repeated: {'; '.join(self.remarks)}")
        return available

    def _is_available(self, name: str, check: Callable[[str], object]) -> bool:
        """Return whether a part of the request is available; if not, add a remark."""
        try:
            check(name)
        except SRBenchError as error:
            self.remarks.append(f"left out: {error}")
            self.left_out.append(name)
            return False
        return True

    def _versions(self) -> bool:
        """Add a remark for each version that differs; return whether none does."""
        then: dict[str, str] = self.entry.get("versions", {})
        now = {package: _version(package) for package in then}
        self.remarks += [f"{name}: {then[name]} then, {now[name]} now" for name in then if then[name] != now[name]]
        return now == then

    def _method(self, name: str) -> None:
        if parse(name):
            _check_absolute(name, name.partition(":")[2])
        choice = self.request.weights.get(name, "")
        if choice not in ("", *CHOICES):
            _check_absolute(f"--weights {name}={choice}", choice)
        spec = self.catalog.models[name]
        owner = self.catalog.models.owner(name)
        then = self.run["methods"].get(spec.name, {}).get("fingerprint")
        self._compare(f"the plugin of {spec.name}", then, owner.fingerprint)
        choices = self.request.weights
        for scale in (scale for scale in self.request.scales if scale in spec.scales):
            then = self.entry.get("weights", {}).get(f"{spec.name} x{scale}", "")
            weights = find_weights(spec, scale, choices.get(spec.name, ""))
            if then or not self.request.train_on:  # else they are trained first
                self._compare(f"the weights of {spec.name} x{scale}", then, weights.digest if weights else "")

    def _metric(self, name: str) -> None:
        spec = self.catalog.metrics[name]
        then = self.run["metrics"].get(spec.name, {}).get("identity")
        self._compare(f"the metric {name}", then, metric_identity(spec))

    def _protocol(self, name: str) -> None:
        now = get_protocol(name).identity
        then = [identity for identity, stored in self.run["protocols"].items() if stored["name"] == name]
        if then and now not in then:
            self._compare(f"the protocol {name}", then[-1], now)

    def _dataset(self, reference: str) -> None:
        self._known_dataset(reference)
        find_dataset(self.catalog, reference)

    def _known_dataset(self, reference: str) -> None:
        """Check that a recorded dataset is the name of a dataset, or an absolute path.

        Raises:
            UsageError: it is another text.
        """
        if reference in self.catalog.datasets:
            return
        folder = reference.partition("=")[2] if split_name(reference) else reference
        _check_absolute(f"dataset {reference!r}", folder)

    def _images(self, request: Request) -> None:
        """Compare the images listed now with those that were scored."""
        degradation = get_degradation(request.degradation)
        suffix = "" if degradation is BICUBIC else f"+{degradation.label}"
        for _, spec, name in named_datasets(request, self.catalog):
            for scale in (scale for scale in request.scales if spec.images is not None):  # else fetched first
                label = f"{name}{suffix} x{scale}"
                then: dict[str, str] = self.run["datasets"].get(label, {}).get("images", {})
                pairs = {pair.name: pair for pair in spec.pairs(scale)}
                gone = [image for image in then if image not in pairs]
                changed = [name for name in then if name in pairs and _hash(pairs[name], degradation) != then[name]]
                for images, fate in ((gone, "gone"), (changed, "changed")):
                    if images:
                        verb = "is" if len(images) == 1 else "are"
                        self.remarks.append(f"{label}: {several(images)} {verb} {fate}")

    def _compare(self, subject: str, then: str | None, now: str) -> None:
        if then is not None and then != now:
            self.remarks.append(f"{subject} changed: {then or 'none'} then, {now or 'none'} now")


def _check_absolute(subject: str, path: str) -> None:
    """Check that a path of a recorded request is absolute, as srbench records them.

    Raises:
        UsageError: it is relative.
    """
    if not Path(path).is_absolute():
        raise UsageError(f"{subject}: is no known name, and a relative path is not followed from run.json")


def _hash(pair: ImagePair, degradation: Degradation) -> str:
    try:
        return pair_hash(pair, degradation)
    except OSError:
        return ""


def _version(package: str) -> str:
    known = {"srbench": __version__, "python": platform.python_version()}
    try:
        return known.get(package) or version(package)
    except PackageNotFoundError:
        return "not installed"
