"""A run once more: the same figures byte for byte, what changed is said, and what differs is found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError, UsageError
from srbench.runs.rerun import requests_of
from srbench.runs.verify import verify
from srbench.store.hashes import sha256
from srbench.store.weights import save_weights
from srbench.system.terminal import Silent
from tests.runs.conftest import SHARP, make


def csv(folder):
    return (folder / "leaderboard.csv").read_bytes()


def test_again_gives_the_same_bytes_from_the_file_alone(asked, tmp_path):
    make(asked)
    shutil.move(tmp_path / "run" / "run.json", tmp_path / "shared.json")
    (again,) = requests_of(tmp_path / "shared.json", tmp_path / "again")
    assert again.remarks == ()
    assert again.same_versions
    assert replace(again.request, command=asked.command, inline=True) == replace(asked, out=tmp_path / "again")
    make(replace(again.request, inline=True))
    assert csv(tmp_path / "again") == csv(tmp_path / "run")


def test_every_different_request_of_a_folder_is_made_again(asked, tmp_path):
    make(replace(asked, methods=("nearest",)))
    make(replace(asked, methods=("nearest",)))
    make(replace(asked, methods=("sharp",), metrics=("psnr",)))
    requests = [again.request for again in requests_of(tmp_path / "run", tmp_path / "again")]
    assert [(request.methods, request.metrics) for request in requests] == [
        (("nearest",), ("psnr", "ssim")),
        (("sharp",), ("psnr",)),
    ]


def test_what_changed_is_said_before_and_what_is_gone_is_left_out(asked, tmp_path, save_image):
    make(asked)
    save_image(tmp_path / "photos" / "p0.png", seed=77)
    (tmp_path / "photos" / "p1.png").unlink()
    (tmp_path / "sharp.py").write_text(SHARP.format(factor=0.9))
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    stored["commands"][0]["versions"]["torch"] = "1.0"
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    with pytest.raises(UsageError, match=r"sharp\.py is not the one of the run: its SHA-256 differs, so it is not"):
        requests_of(tmp_path / "run", tmp_path / "again")
    (again,) = requests_of(tmp_path / "run", tmp_path / "again", [tmp_path / "sharp.py"])
    torch, file, plugin, gone, changed = again.remarks
    assert torch.startswith("torch: 1.0 then, 2.")
    assert file.startswith(f"--plugin {tmp_path / 'sharp.py'} changed: ")
    assert plugin.startswith("the plugin of sharp changed: ")
    assert (gone, changed) == ("photos x2: p1 is gone", "photos x2: p0 is changed")
    assert not again.same_versions
    (tmp_path / "sharp.py").unlink()
    (again,) = requests_of(tmp_path / "run", tmp_path / "again")
    assert again.request.methods == ("nearest",)
    assert any(remark.startswith(f"left out: --plugin {tmp_path / 'sharp.py'}: no such") for remark in again.remarks)
    assert any(remark.startswith("left out: unknown method 'sharp'") for remark in again.remarks)
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(UsageError, match=r"nothing of the run can be repeated: .*photos.*no such folder"):
        requests_of(tmp_path / "run", tmp_path / "again")


def test_weights_that_are_others_now_are_said_and_those_that_are_gone_left_out(asked, tmp_path):
    catalog = Catalog.load()
    path = tmp_path / "espcn.safetensors"

    def save(seed):
        torch.manual_seed(seed)
        net = catalog.models["espcn"].build(2)
        for weights in net.parameters():
            torch.nn.init.normal_(weights, std=0.1)
        save_weights(net, path, {"method": "espcn", "scale": 2})
        return sha256(path)[:16]

    then = save(0)
    make(replace(asked, methods=("espcn", "nearest"), plugins=(), weights={"espcn": str(path)}))
    now = save(1)
    (again,) = requests_of(tmp_path / "run", tmp_path / "again")
    assert again.remarks == (f"the weights of espcn x2 changed: {then} then, {now} now",)
    found = verify(tmp_path / "run", 0, Silent())
    assert {check.output.method for check in found.differing} == {"espcn"}
    path.unlink()
    (again,) = requests_of(tmp_path / "run", tmp_path / "again")
    assert again.remarks == (f"left out: --weights espcn={path}: no such file",)
    assert (again.request.methods, again.request.weights) == (("nearest",), {})


def test_a_run_that_did_not_record_its_request_names_its_command(asked, tmp_path):
    make(asked)
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    del stored["commands"][0]["request"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    with pytest.raises(
        SRBenchError,
        match=r"made by an older srbench, which did not record its options; run again: srbench run \.\.\.$",
    ):
        requests_of(tmp_path / "run", tmp_path / "again")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": 5}, "its request.methods is no list"),
        ({"methods": []}, "methods must be one name or several"),
        ({"scales": ["two"]}, "its request.scales.0 is"),
        ({"weights": ["espcn"]}, "its request.weights is no object"),
        ({"speed": {"size": "large", "batch": 1, "seconds": 1}}, "size"),
        ({"out": "/"}, "of another version of srbench: option out is not known here"),
        ({"quantum": True}, "of another version of srbench: option quantum is not known here"),
    ],
)
def test_a_request_that_is_none_is_refused(asked, tmp_path, change, said):
    make(asked)
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    stored["commands"][0]["request"] |= change
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    with pytest.raises(UsageError) as error:
        requests_of(tmp_path / "run", tmp_path / "again")
    assert said in str(error.value)
