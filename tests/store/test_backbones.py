"""Backbones: from the mirror by hash, else from torchvision with only the features kept."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from srbench import MetricSpec
from srbench.errors import AssetError, UsageError
from srbench.store import assets
from srbench.store.backbones import (
    BACKBONES,
    backbone_needs_network,
    cached_path,
    fetch_backbone,
    get_backbone,
    load_features,
    metric_identity,
)
from srbench.store.home import home


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "vgg16_to_relu2_2"])
def test_mirror_holds_the_pinned_features(mirror, name):
    assert cached_path(name) is None
    path = fetch_backbone(name)
    assert assets.sha256(path) == BACKBONES[name].sha256
    assert cached_path(name) == path


@pytest.fixture
def torchvision_has(monkeypatch, tmp_path):
    """Let torchvision's download give these tensors; torch.hub's cache is an empty folder."""

    def give(state):
        monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, *args, **kwargs: state)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return give


def state_of(*layers, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {f"{layer}.weight": torch.rand(4, 3, 2, 2, generator=generator) for layer in layers}


def test_conversion_from_torchvision_keeps_the_features_alone(torchvision_has):
    state = state_of("features.0", "features.34", "classifier.0")
    torchvision_has(state)
    found = load_features("vgg19")
    assert set(found) == {"features.0.weight", "features.34.weight"}
    assert all(torch.equal(found[name], state[name]) for name in found)
    path = cached_path("vgg19")  # known by the hash of what was taken
    path.write_bytes(path.read_bytes()[:-1])
    assert cached_path("vgg19") is None


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_features_other_than_the_pinned_are_refused_wherever_they_come_from(torchvision_has, name):
    """VGG16's are not pinned as a whole, but its first layers are."""
    torchvision_has(state_of("features.0", "features.2", "features.5", "features.7", "features.10"))
    with pytest.raises(AssetError, match=rf"backbone {name}: the features of .* are not those that srbench knows"):
        load_features(name)
    assert cached_path(name) is None


def test_the_pinned_features_are_taken_from_any_file(mirror, torchvision_has, monkeypatch):
    state = load_features("alexnet")
    path = cached_path("alexnet")
    save_file(state, path, metadata={"another": "file"})
    assert assets.sha256(path) != BACKBONES["alexnet"].sha256
    assert cached_path("alexnet") == path
    path.unlink()
    monkeypatch.delenv("SRBENCH_MIRROR")
    torchvision_has(state | state_of("classifier.0"))
    assert load_features("alexnet").keys() == state.keys()


def test_the_first_layers_of_vgg16_are_known(mirror, torchvision_has):
    torchvision_has(load_features("vgg16_to_relu2_2") | state_of("features.10"))
    assert "features.10.weight" in load_features("vgg16")


def test_altered_features_in_the_cache_are_not_used(mirror, monkeypatch):
    path = fetch_backbone("alexnet")
    state = load_features("alexnet")
    state["features.0.bias"][0] += 1e-6
    save_file(state, path)
    assert cached_path("alexnet") is None
    monkeypatch.setattr("srbench.store.backbones.fetch_backbone", lambda name: path)
    with pytest.raises(AssetError, match="does not hold the features that it should"):
        load_features("alexnet")


def test_a_file_in_torch_hubs_cache_is_checked_as_a_download_is(tmp_path, monkeypatch):
    """torch.hub itself takes any file of the right name."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    planted = checkpoints / "vgg19-dcbb9e9d.pth"
    torch.save(state_of("features.0"), planted)
    with pytest.raises(AssetError, match=r"vgg19-dcbb9e9d.pth is damaged or another file: its SHA-256 begins with"):
        fetch_backbone("vgg19")
    assert cached_path("vgg19") is None
    digits = assets.sha256(planted)[:8]
    named = planted.rename(checkpoints / f"vgg19-{digits}.pth")  # as if it were torchvision's own
    member = torchvision.models.VGG19_Weights.IMAGENET1K_V1
    monkeypatch.setattr(member, "_value_", replace(member.value, url=f"https://example.org/{named.name}"))
    assert not backbone_needs_network("vgg19")
    assert fetch_backbone("vgg19") == cached_path("vgg19")


def test_a_metrics_identity_has_the_features_that_it_uses(torchvision_has):
    def metric(backbone=""):
        return MetricSpec(name="m", summary="s", build=len, better="lower", backbone=backbone)

    assert metric_identity(metric()) == "m/1"
    assert metric_identity(metric("alexnet")) == f"m/1/alexnet@{BACKBONES['alexnet'].features[:16]}"
    assert metric_identity(metric("vgg19")) == "m/1/vgg19"  # none are here, and there are no values either
    identities = set()
    for seed in range(2):
        (home() / "weights" / "vgg19_features.safetensors").unlink(missing_ok=True)
        torchvision_has(state_of("features.0", seed=seed))
        load_features("vgg19")
        identities.add(metric_identity(metric("vgg19")))
    assert len(identities) == 2
    assert all(re.fullmatch(r"m/1/vgg19@[0-9a-f]{16}", identity) for identity in identities)


def test_a_silent_server_is_not_waited_for_forever(monkeypatch, tmp_path):
    monkeypatch.setattr("srbench.store.backbones.TIMEOUT_S", 0.3)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/vgg19-dcbb9e9d.pth"
        member = torchvision.models.VGG19_Weights.IMAGENET1K_V1
        monkeypatch.setattr(member, "_value_", replace(member.value, url=url))
        with pytest.raises(AssetError, match=r"could not be downloaded .*timed out"):
            fetch_backbone("vgg19")
    assert socket.getdefaulttimeout() is None


def test_missing_backbone_names_mirror_and_address(monkeypatch, tmp_path):
    import urllib.error

    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError) as error:
        fetch_backbone("vgg19")
    for part in (str(tmp_path), "vgg19-dcbb9e9d.pth", "no network", "srbench fetch vgg19"):
        assert part in str(error.value)
    with pytest.raises(AssetError, match="only mirrors have it, as weights/vgg16_features_to_relu2_2"):
        fetch_backbone("vgg16_to_relu2_2")


def test_torchvision_knows_every_name():
    for backbone in BACKBONES.values():
        if backbone.torchvision:
            enum, member = backbone.torchvision.split(".")
            assert getattr(torchvision.models, enum)[member].url.startswith("https://download.pytorch.org/models/")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="unknown backbone 'alexnett'; did you mean 'alexnet'"):
        get_backbone("alexnett")
