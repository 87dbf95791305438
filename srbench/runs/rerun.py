"""A run again from its ``run.json`` alone: what was asked, and what is no longer there or has changed since."""

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
from srbench.errors import SRBenchError, UsageError
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
    """A request to make again, less what cannot be had any more, and in a line each what is not as it was."""

    request: Request
    catalog: Catalog
    remarks: tuple[str, ...]
    same_versions: bool
    """Of srbench, Python and the libraries that compute."""


def requests_of(run_dir: Path, out: Path) -> list[Again]:
    """Return the different requests that a run was made of, in their order.

    Args:
        run_dir: the run's folder, or its ``run.json``, wherever that lies.
        out: where they are to be made again.

    Raises:
        SRBenchError: there is no such run, or it does not say what was asked.
        UsageError: nothing of it can be run here.
    """
    run = read_run_file(run_dir)
    entries = {json.dumps(entry["request"], sort_keys=True): entry for entry in run["commands"] if "request" in entry}
    if not entries:
        commands = "; ".join(entry["command"] for entry in run["commands"])
        raise SRBenchError(
            f"{run_dir}: does not record what was asked, it is of an older srbench; run again: {commands}"
        )
    return [_Checked(run, entry, read_request(entry["request"], out)).again() for entry in entries.values()]


class _Checked:
    """A recorded request held against what is here now."""

    def __init__(self, run: Row, entry: Row, request: Request) -> None:
        self.run, self.entry, self.request = run, entry, request
        self.remarks: list[str] = []
        self.same_versions = self._versions()
        plugins = tuple(plugin for plugin in request.plugins if self._kept(plugin, plugin_source))
        self.request = replace(request, plugins=plugins)
        self.catalog = Catalog.load(plugins)

    def again(self) -> Again:
        recorded = self.request
        methods = self._left(recorded.methods, self._method)
        request = replace(
            recorded,
            methods=methods,
            datasets=self._left(recorded.datasets, self._dataset),
            metrics=self._left(recorded.metrics, self._metric),
            protocols=self._left(recorded.protocols, self._protocol),
            weights={name: choice for name, choice in recorded.weights.items() if name in methods},
        )
        self._images(request)
        return Again(request, self.catalog, tuple(dict.fromkeys(self.remarks)), self.same_versions)

    def _left(self, names: tuple[str, ...], check: Callable[[str], object]) -> tuple[str, ...]:
        """Return those that can be had.

        Raises:
            UsageError: that is none.
        """
        left = tuple(name for name in names if self._kept(name, check))
        if names and not left:
            raise UsageError(f"nothing of the run can be run again: {'; '.join(self.remarks)}")
        return left

    def _kept(self, name: str, check: Callable[[str], object]) -> bool:
        """Whether a part of the request can be had; what cannot is said, and left out."""
        try:
            check(name)
        except SRBenchError as error:
            self.remarks.append(f"left out: {error}")
            return False
        return True

    def _versions(self) -> bool:
        """Say which versions are others now; whether none is."""
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
            if then or not self.request.train_on:  # else they are trained first, then as now
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
        """Hold the images that are listed now against those that were scored."""
        degradation = get_degradation(request.degradation)
        suffix = "" if degradation is BICUBIC else f"+{degradation.name}"
        for _, spec, name in named_datasets(request, self.catalog):
            for scale in (scale for scale in request.scales if spec.images is not None):  # else it is fetched first
                label = f"{name}{suffix} x{scale}"
                then: dict[str, str] = self.run["datasets"].get(label, {}).get("images", {})
                pairs = {pair.name: pair for pair in spec.pairs(scale)}
                gone = [image for image in then if image not in pairs]
                other = [image for image in then if image in pairs and _hash(pairs[image], degradation) != then[image]]
                for images, fate in ((gone, "gone"), (other, "changed")):
                    if images:
                        self.remarks.append(f"{label}: {_several(images)} {fate}")

    def _compare(self, what: str, then: str | None, now: str) -> None:
        if then is not None and then != now:
            self.remarks.append(f"{what} changed: {then or 'none'} then, {now or 'none'} now")


def _hash(pair: ImagePair, degradation: Degradation) -> str:
    try:
        return pair_hash(pair, degradation)
    except OSError:
        return ""


def _several(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'}"


def _version(package: str) -> str:
    known = {"srbench": __version__, "python": platform.python_version()}
    try:
        return known.get(package) or version(package)
    except PackageNotFoundError:
        return "not installed"
