"""Weights: which are found, what is refused by name, what survives a failed write."""

from __future__ import annotations

import json
import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from srbench import ModelSpec
from srbench.errors import MethodError, SRBenchError, UsageError
from srbench.store.weights import (
    NAME,
    Weights,
    card_path,
    export_weights,
    find_weights,
    load_weights,
    save_weights,
    trained_folder,
)


def recipe(net, training):
    return None


def spec(**options):
    return ModelSpec(name="net", summary="s", scales={2, 4}, build=lambda scale: None, recipe=recipe, **options)


def save(path, method="net", scale=2, value=1.0):
    net = torch.nn.Conv2d(3, 3, 1)
    torch.nn.init.constant_(net.weight, value)
    save_weights(net, path, {"method": method, "scale": scale})
    return path


def test_shipped_come_before_trained_and_a_choice_before_both(tmp_path):
    assert find_weights(spec(), 2) is None
    trained = save(trained_folder("net", 2) / NAME, value=2)
    shipped = save(tmp_path / "shipped.safetensors", value=3)
    other = save(tmp_path / "other.safetensors", value=4)
    assert find_weights(spec(), 2).path == trained
    both = spec(weights={2: shipped})
    assert find_weights(both, 2).path == shipped
    assert find_weights(both, 2, "trained").path == trained
    found = find_weights(both, 2, str(other))
    assert (found.path, found.origin, found.card["method"]) == (other, "file", "net")
    assert len({find_weights(both, 2, choice).digest for choice in ("shipped", "trained", str(other))}) == 3


def test_a_folder_of_weights_holds_a_file_per_method_and_scale(tmp_path):
    for name in ("net_x2", "net_x8", "net-large_x4", "net_x"):
        (tmp_path / f"{name}.safetensors").touch()
    assert spec(weights=tmp_path).shipped == {2: tmp_path / "net_x2.safetensors"}
    assert spec(weights=tmp_path / "none").shipped == {}


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="there are no trained weights for x2"):
        find_weights(spec(), 2, "trained")
    with pytest.raises(UsageError, match="no such file"):
        find_weights(spec(), 2, str(tmp_path / "none.safetensors"))
    fixed = ModelSpec(name="fixed", summary="s", scales={2}, build=lambda scale: None)
    assert find_weights(fixed, 2) is None
    with pytest.raises(UsageError, match="fixed has no parameters to load"):
        find_weights(fixed, 2, "trained")


@pytest.mark.parametrize(("method", "scale"), [("another", 2), ("net", 4)])
def test_weights_of_another_method_or_scale_are_refused_by_name(tmp_path, method, scale):
    path = save(tmp_path / "w.safetensors", method, scale)
    with pytest.raises(UsageError, match=f"its card says {method} x{scale}, not net x2"):
        find_weights(spec(), 2, str(path))


@pytest.mark.parametrize("content", ["", "[]", "{", "3"])
def test_a_broken_card_is_refused(tmp_path, content):
    path = save(tmp_path / "w.safetensors")
    card_path(path).write_text(content)
    with pytest.raises(UsageError, match="is not a card of weights"):
        find_weights(spec(), 2, str(path))


def test_weights_of_another_card_are_refused_whatever_chose_them(tmp_path):
    path, trained = save(tmp_path / "w.safetensors"), save(trained_folder("net", 2) / NAME)
    save(tmp_path / "other.safetensors", value=2.0)
    shipped = spec(weights={2: path})
    assert find_weights(shipped, 2).path == path
    for file in (path, trained):
        file.write_bytes((tmp_path / "other.safetensors").read_bytes())
    for chosen, choice in ((shipped, ""), (shipped, "shipped"), (spec(), str(path)), (spec(), ""), (spec(), "trained")):
        with pytest.raises(UsageError, match=r"is not the file that its card describes \(SHA-256 \w{16}, .*: restore"):
            find_weights(chosen, 2, choice)
    card_path(path).rename(tmp_path / "away.json")
    assert find_weights(spec(), 2, str(path)).card == {}


def test_round_trip_keeps_every_bit_and_the_card_has_the_hash(tmp_path):
    import hashlib

    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    path = tmp_path / "w.safetensors"
    save_weights(net.to(memory_format=torch.channels_last), path, {"method": "net", "scale": 2})
    other = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    load_weights(other, path)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    assert json.loads(card_path(path).read_text())["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_half_precision_is_cast_back(tmp_path):
    net = torch.nn.Conv2d(3, 3, 1)
    save_file({name: value.half() for name, value in net.state_dict().items()}, tmp_path / "w.safetensors")
    load_weights(net, tmp_path / "w.safetensors")
    assert net.weight.dtype == torch.float32


def test_damaged_files_and_other_networks_are_refused(tmp_path):
    path = save(tmp_path / "w.safetensors")
    with pytest.raises(
        MethodError, match=r"are for another network \(weight is \(3, 3, 1, 1\), expected \(5, 3, 1, 1\)\)|bias"
    ):
        load_weights(torch.nn.Conv2d(3, 5, 1), path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(MethodError, match="cannot be read, damaged"):
        load_weights(torch.nn.Conv2d(3, 3, 1), path)


def test_a_failed_write_leaves_the_old_weights(tmp_path, monkeypatch):
    path = save(tmp_path / "w.safetensors")
    before = path.read_bytes(), card_path(path).read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(SRBenchError, match=r"No space left on device\); older weights stay"):
        save(path, value=9)
    assert (path.read_bytes(), card_path(path).read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.json", "w.safetensors"]


def test_exported_weights_are_half_as_large_and_say_what_they_were_made_from(tmp_path):
    path = tmp_path / "trained" / "weights.safetensors"
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3), torch.nn.BatchNorm2d(64))
    save_weights(net, path, {"method": "net", "scale": 2, "steps_done": 7})
    found, target = Weights(path, "file", json.loads(card_path(path).read_text())), tmp_path / "net_x2.safetensors"
    export_weights(found, target)
    assert target.stat().st_size < 0.65 * path.stat().st_size
    other = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3), torch.nn.BatchNorm2d(64))
    load_weights(other, target)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, rtol=2**-11, atol=2**-24)
    card = json.loads(card_path(target).read_text())
    assert card["steps_done"] == 7
    assert (card["dtype"], card["exported_from"]) == ("fp16", found.digest)
    assert card["sha256"] != found.card["sha256"]


def test_values_beyond_half_precision_are_not_exported(tmp_path):
    path = save(tmp_path / "w.safetensors", value=1e5)
    with pytest.raises(MethodError, match="weight has values that fp16 cannot hold"):
        export_weights(Weights(path, "file"), tmp_path / "half.safetensors")
    assert not (tmp_path / "half.safetensors").exists()
    export_weights(Weights(path, "file"), tmp_path / "whole.safetensors", "fp32")
    assert (tmp_path / "whole.safetensors").is_file()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_others_can_read_the_weights_as_any_new_file(tmp_path):
    old = os.umask(0o022)
    try:
        path = save(tmp_path / "w.safetensors")
    finally:
        os.umask(old)
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, card_path(path))] == [0o644, 0o644]


class Tied(torch.nn.Module):
    """Two layers of one weight, and a buffer that is a part of it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 1)
        self.b.weight = self.a.weight
        self.register_buffer("part", self.a.weight.detach()[:1])

    def forward(self, x):
        return self.b(self.a(x))


def test_tied_weights_are_saved_and_stay_tied(tmp_path):
    net, other = Tied(), Tied()
    save_weights(net, tmp_path / "w.safetensors", {})
    load_weights(other, tmp_path / "w.safetensors")
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(net(x), other(x))
    assert other.a.weight is other.b.weight
