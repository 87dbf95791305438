"""Backbones, pretrained feature networks (LPIPS, perceptual losses), from the cache, the mirror or torchvision.

Only the convolutional ``features.*`` are stored, as safetensors: AlexNet shrinks from 233 MB to 10 MB.
"""

from __future__ import annotations

import contextlib
import io
import socket
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import AssetError, reason_of, unknown
from srbench.specs import Asset
from srbench.store.assets import fetch
from srbench.store.downloads import TIMEOUT_S
from srbench.store.hashes import sha256
from srbench.store.home import home, mirror
from srbench.system.atomic import replacing
from srbench.system.leftovers import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import torch

    from srbench.specs import MetricSpec
    from srbench.system.terminal import UI

_ONLY_LOCAL: ContextVar[bool] = ContextVar("only_local", default=False)


@dataclass(frozen=True)
class Backbone:
    """A torchvision network used for its features."""

    name: str
    torchvision: str
    """torchvision's name of the ImageNet weights; empty if only mirrors have them."""
    sha256: str = ""
    """Hash of the converted features file, if mirrors have one."""
    file: str = ""
    """Name of that file, if not the default."""

    @property
    def path(self) -> str:
        """Path of the converted file in the cache and in mirrors."""
        return f"weights/{self.file or f'{self.name}_features.safetensors'}"


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            "alexnet",
            "AlexNet_Weights.IMAGENET1K_V1",
            "9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
        ),
        Backbone(
            "squeezenet1_1",
            "SqueezeNet1_1_Weights.IMAGENET1K_V1",
            "29dd9af42ad48cb39a767454d382a2232dbc1625a1de3f00fca4868ee65dfc4b",
        ),
        Backbone("vgg16", "VGG16_Weights.IMAGENET1K_V1"),
        Backbone("vgg16_bn", "VGG16_BN_Weights.IMAGENET1K_V1"),
        Backbone("vgg19", "VGG19_Weights.IMAGENET1K_V1"),
        Backbone(
            "vgg16_to_relu2_2",
            "",
            "74d7623e5eb17ea13cf0f5afc6524dc036275572b7f27e11fd820fc4af45910e",
            file="vgg16_features_to_relu2_2.safetensors",
        ),
    )
}


def get_backbone(name: str) -> Backbone:
    """Return a backbone by name.

    Raises:
        UsageError: there is no such backbone.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    raise unknown("backbone", name, BACKBONES)


def cached_path(name: str) -> Path | None:
    """Return the path of the converted file if the cache holds it, intact."""
    backbone = get_backbone(name)
    path = home() / backbone.path
    note = path.with_name(path.name + ".sha256")
    known = {backbone.sha256, note.read_text().strip() if note.is_file() else ""} - {""}
    return path if path.is_file() and sha256(path) in known else None


def fetch_backbone(name: str) -> Path:
    """Return the path of a backbone's features, from the cache, the mirror, else torchvision.

    Raises:
        AssetError: it is not available; the message says how to get it.
    """
    if cached := cached_path(name):
        return cached
    backbone = get_backbone(name)
    if backbone.sha256 and mirror():
        try:
            return fetch(Asset(backbone.path, backbone.sha256))
        except AssetError as error:  # mirrors may be incomplete; try torchvision next
            return _convert(backbone, f"{error}; ")
    return _convert(backbone)


def load_features(name: str) -> dict[str, torch.Tensor]:
    """Return a backbone's weights by torchvision's parameter names (``features.0.weight``, ...), float32.

    Raises:
        AssetError: they are not available.
    """
    from safetensors.torch import load_file

    return load_file(fetch_backbone(name))


@contextlib.contextmanager
def only_local() -> Iterator[None]:
    """Disable downloads from torchvision inside the context; the cache and the mirror are still used."""
    token = _ONLY_LOCAL.set(True)
    try:
        yield
    finally:
        _ONLY_LOCAL.reset(token)


def _convert(backbone: Backbone, before: str = "") -> Path:
    """Download torchvision's checkpoint (torch.hub checks its hash) and store the features."""
    import urllib.error

    import torchvision.models
    from safetensors.torch import save

    if not backbone.torchvision:
        raise AssetError(f"backbone {backbone.name} is missing: {before}only mirrors have it, as {backbone.path}")
    if _ONLY_LOCAL.get():
        raise AssetError(f"backbone {backbone.name} is missing: {before}run 'srbench fetch {backbone.name}'")
    enum, member = backbone.torchvision.split(".")
    weights = getattr(torchvision.models, enum)[member]
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)  # torch.hub would wait forever for a silent server
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # torch.hub prints what it does, even where that fails
            state = weights.get_state_dict(
                progress=sys.stderr.isatty(), check_hash=True, weights_only=True, map_location="cpu"
            )
    except (urllib.error.URLError, OSError, RuntimeError) as error:  # RuntimeError: torch.hub's hash mismatch
        where = (
            before.removesuffix("; ") or f"SRBENCH_MIRROR={mirror()} has no valid {backbone.path}" if mirror() else ""
        )
        where = where or f"SRBENCH_MIRROR is not set (a mirror folder would hold {backbone.path})"
        raise AssetError(
            f"backbone {backbone.name} is missing: {where}; {weights.url} could not be downloaded "
            f"({reason_of(error)}). With a network, run 'srbench fetch {backbone.name}'"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    features = {key: value.contiguous() for key, value in state.items() if key.startswith("features.")}
    path = home() / backbone.path
    remove_leftovers(path.parent)
    with replacing(path, AssetError) as temporary:
        temporary.write_bytes(save(features))
        path.with_name(path.name + ".sha256").write_text(sha256(temporary) + "\n")
    return path


def missing_backbones(metrics: Iterable[MetricSpec], ui: UI) -> dict[str, str]:
    """Fetch the backbones of metrics; return the metrics without one, with the reason."""
    missing = {}
    for metric in metrics:
        if metric.backbone:
            try:
                fetch_backbone(metric.backbone)
            except AssetError as error:
                missing[metric.name] = str(error)
                ui.warn(f"no {metric.name}: {error}")
    return missing
