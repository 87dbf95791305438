"""Repeat a run from its ``run.json`` alone: its requests, and what is missing or has changed since."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from srbench.catalog.catalog import Catalog
from srbench.catalog.plugin import plugin_source
from srbench.data.find import find_dataset
from srbench.data.pairs import pair_hash
from srbench.errors import SRBenchError, UsageError, several
from srbench.images.degradations import BICUBIC, get_degradation
from srbench.protocols import get_protocol
from srbench.results.run_file import read_run_file
from srbench.runs.prepare import named_datasets
from srbench.runs.request import read_request
from srbench.store.weights import find_weights
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


def requests_of(run_dir: Path, out: Path) -> list[Again]:
    """Return the distinct requests of a run, in order.

    Args:
        run_dir: the run's folder, or its ``run.json`` in any folder.
        out: the folder of the repeated run.

    Raises:
        SRBenchError: there is no such run, or it records no request.
        UsageError: no part of it can be run here.
    """
    run = read_run_file(run_dir)
    entries = {json.dumps(entry["request"], sort_keys=True): entry for entry in run["commands"] if "request" in entry}
    if not entries:
        commands = "; ".join(entry["command"] for entry in run["commands"])
        raise SRBenchError(
            f"{run_dir}: made by an older srbench, which did not record its options; run again: {commands}"
        )
    return [_Checked(run, entry, read_request(entry["request"], out)).again() for entry in entries.values()]


class _Checked:
    """Compares a recorded request with what is available now."""

    def __init__(self, run: Row, entry: Row, request: Request) -> None:
        self.run, self.entry, self.request = run, entry, request
        self.remarks: list[str] = []
        self.left_out: list[str] = []
        self.same_versions = self._versions()
        plugins = tuple(plugin for plugin in request.plugins if self._is_available(plugin, plugin_source))
        self.request = replace(request, plugins=plugins)
        self.catalog = Catalog.load(plugins)
        self.remarks += self.catalog.complaints(plugins)

    def again(self) -> Again:
        recorded = self.request
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
        self._compare(f"the metric {name}", self.run["metrics"].get(spec.name, {}).get("identity"), spec.identity)

    def _protocol(self, name: str) -> None:
        now = get_protocol(name).identity
        then = [identity for identity, stored in self.run["protocols"].items() if stored["name"] == name]
        if then and now not in then:
            self._compare(f"the protocol {name}", then[-1], now)

    def _dataset(self, reference: str) -> None:
        find_dataset(self.catalog, reference)

    def _images(self, request: Request) -> None:
        """Compare the images listed now with those that were scored."""
        degradation = get_degradation(request.degradation)
        suffix = "" if degradation is BICUBIC else f"+{degradation.name}"
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
