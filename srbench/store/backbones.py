"""Backbones, pretrained feature networks (LPIPS, perceptual losses), from the cache, the mirror or torchvision.

Only the convolutional ``features.*`` are stored, as safetensors: AlexNet shrinks from 233 MB to 10 MB. A hash
of their values is checked at every load and is part of the identity of a metric's values.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from srbench.errors import AssetError, reason_of, unknown
from srbench.specs import Asset
from srbench.store.assets import fetch, mirrored
from srbench.store.downloads import TIMEOUT_S
from srbench.store.feature_hash import features_hash, hash_of_file
from srbench.store.hashes import sha256
from srbench.store.home import home, is_remote, mirror
from srbench.system.atomic import replacing
from srbench.system.leftovers import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    import torch
    from numpy.typing import NDArray
    from torchvision.models import WeightsEnum

    from srbench.specs import MetricSpec
    from srbench.system.terminal import UI

TO_RELU2_2 = ("features.0", "features.2", "features.5", "features.7")
"""The layers of VGG16 with weights, up to ``relu2_2``."""
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
    features: str = ""
    """`features_hash` of its tensors; empty where nobody has computed it from the real file yet.

    Then torchvision's file is checked by the eight digits of its SHA-256 that its name has, and the hash of what was
    taken from it is kept in the cache, beside what was taken.
    """
    begins_with: str = ""
    """Name of a backbone whose tensors, those of the layers `TO_RELU2_2`, this one has too."""

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
            features="202b22517a5a71b8274c081b5ed4352f4eeefdc3a66daac10b747ef850a4a20f",
        ),
        Backbone(
            "squeezenet1_1",
            "SqueezeNet1_1_Weights.IMAGENET1K_V1",
            "29dd9af42ad48cb39a767454d382a2232dbc1625a1de3f00fca4868ee65dfc4b",
            features="18bebb02df5b2a650c72b99da802659f63bb5993b678bec5a476db1efb5bcdec",
        ),
        Backbone("vgg16", "VGG16_Weights.IMAGENET1K_V1", begins_with="vgg16_to_relu2_2"),
        Backbone("vgg16_bn", "VGG16_BN_Weights.IMAGENET1K_V1"),
        Backbone("vgg19", "VGG19_Weights.IMAGENET1K_V1"),
        Backbone(
            "vgg16_to_relu2_2",
            "",
            "74d7623e5eb17ea13cf0f5afc6524dc036275572b7f27e11fd820fc4af45910e",
            file="vgg16_features_to_relu2_2.safetensors",
            features="02708daa51af3a4321970f75213e5744e74f8c911aab7c70bb481f60960a554d",
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
    known = backbone.features or _noted(path)
    return path if known and path.is_file() and hash_of_file(path) == known else None


def features_of(name: str) -> str:
    """Return the hash of a backbone's features: the pinned one, else that of those in the cache, else an empty text."""
    backbone = get_backbone(name)
    path = home() / backbone.path
    return backbone.features or (_noted(path) if path.is_file() else "")


def metric_identity(metric: MetricSpec) -> str:
    """Return the identity of a metric's values: its own, with the features that it uses: ``lpips/0.1/alexnet@f0b1...``.

    Values of other features are values of another metric. Backbones whose features srbench has not pinned and does not
    hold are without a hash, as are their values, of which there are none.
    """
    features = features_of(metric.backbone) if metric.backbone else ""
    return f"{metric.identity}@{features[:16]}" if features else metric.identity


def _noted(path: Path) -> str:
    """Return the hash that was noted beside a file when its features were taken from torchvision's file."""
    try:
        return _note(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".features")


def backbone_needs_network(name: str) -> bool:
    """Return whether `fetch_backbone` would have to download."""
    backbone = get_backbone(name)
    if cached_path(name) or (backbone.sha256 and mirrored(backbone.path)):
        return False
    return is_remote(mirror()) or (bool(backbone.torchvision) and not _checkpoint(_weights(backbone)).is_file())


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

    path = fetch_backbone(name)
    state = load_file(path)
    if features_hash({key: value.numpy() for key, value in state.items()}) != features_of(name):
        raise AssetError(f"backbone {name}: {path} does not hold the features that it should; remove it, and try again")
    return state


@contextlib.contextmanager
def only_local() -> Iterator[None]:
    """Disable downloads from torchvision inside the context; the cache and the mirror are still used."""
    token = _ONLY_LOCAL.set(True)
    try:
        yield
    finally:
        _ONLY_LOCAL.reset(token)


def _convert(backbone: Backbone, before: str = "") -> Path:
    """Take the features from torchvision's checkpoint, downloaded if need be, and store them.

    Raises:
        AssetError: it is not available, or is not the file that torchvision names.
    """
    import socket
    import urllib.error

    from safetensors.torch import save

    if not backbone.torchvision:
        raise AssetError(f"backbone {backbone.name} is missing: {before}only mirrors have it, as {backbone.path}")
    if _ONLY_LOCAL.get():
        raise AssetError(f"backbone {backbone.name} is missing: {before}run 'srbench fetch {backbone.name}'")
    weights = _weights(backbone)
    _check_checkpoint(backbone, weights)  # torch.hub takes a file in its cache without a look
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
    _check_checkpoint(backbone, weights)
    features = {key: value.contiguous() for key, value in state.items() if key.startswith("features.")}
    taken = {key: value.numpy() for key, value in features.items()}
    _check_features(backbone, taken, weights.url)
    path = home() / backbone.path
    remove_leftovers(path.parent)
    with replacing(path, AssetError) as temporary:
        temporary.write_bytes(save(features))
        if not backbone.features:
            _note(path).write_text(f"{features_hash(taken)}\n", encoding="utf-8")
    return path


def _weights(backbone: Backbone) -> WeightsEnum:
    import torchvision.models

    enum, member = backbone.torchvision.split(".")
    weights: WeightsEnum = getattr(torchvision.models, enum)[member]
    return weights


def _checkpoint(weights: WeightsEnum) -> Path:
    """Return the path of torchvision's file in torch.hub's cache."""
    import torch.hub

    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlsplit(weights.url).path).name


def _check_checkpoint(backbone: Backbone, weights: WeightsEnum) -> None:
    """Check the whole file in torch.hub's cache by the digits of its SHA-256 in its name, if it is there.

    Raises:
        AssetError: it is another file.
    """
    file = _checkpoint(weights)
    digits = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if digits and file.is_file() and not (now := sha256(file)).startswith(digits[1]):
        raise AssetError(
            f"backbone {backbone.name}: {file} is damaged or another file: its SHA-256 begins with {now[:8]}, its name "
            f"says {digits[1]}; remove it, and run 'srbench fetch {backbone.name}'"
        )


def _check_features(backbone: Backbone, features: Mapping[str, NDArray[Any]], source: str) -> None:
    """Check the tensors by what is pinned of them.

    Raises:
        AssetError: they are others.
    """
    known = [(backbone.features, features)] if backbone.features else []
    if backbone.begins_with:
        first = {key: value for key, value in features.items() if key.rpartition(".")[0] in TO_RELU2_2}
        known.append((BACKBONES[backbone.begins_with].features, first))
    if any(features_hash(tensors) != pinned for pinned, tensors in known):
        raise AssetError(f"backbone {backbone.name}: the features of {source} are not those that srbench knows")


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
