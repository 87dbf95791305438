"""A run once more: the same figures byte for byte, what changed is said, and what differs is found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError, UsageError
from srbench.execution.worker import Worker
from srbench.runs import harness
from srbench.runs.request import Request
from srbench.runs.rerun import requests_of
from srbench.runs.runner import run
from srbench.runs.verify import verify
from srbench.store.hashes import sha256
from srbench.store.weights import save_weights
from srbench.system.terminal import Silent

SHARP = """
import torch
from srbench import ModelSpec, hookimpl

def build(scale):
    class Sharp(torch.nn.Module):
        def forward(self, lr):
            return torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bilinear") * {factor}
    return Sharp()

@hookimpl
def srbench_models():
    return [ModelSpec(name="sharp", summary="for tests", scales={{2}}, build=build)]
"""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Spares outputs that are made again a worker's start; the commands have theirs."""
    monkeypatch.setattr(
        "srbench.runs.verify.run_request", lambda request, *rest: run(replace(request, inline=True), *rest)
    )


@pytest.fixture
def asked(tmp_path, save_image):
    """A request on three images, of a shipped method and a plugin file's, not yet made."""
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i, mode="L" if i == 2 else "RGB")
    (tmp_path / "sharp.py").write_text(SHARP.format(factor=1.0))
    return Request(
        methods=("sharp", "nearest"),
        datasets=(str(tmp_path / "photos"),),
        scales=(2,),
        protocols=("y", "rgb"),
        metrics=("psnr", "ssim"),
        out=tmp_path / "run",
        plugins=(str(tmp_path / "sharp.py"),),
        speed=False,
        inline=True,
        command="srbench run ...",
    )


def make(request):
    return harness.score(request, Catalog.load(request.plugins), Silent())


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
    (again,) = requests_of(tmp_path / "run", tmp_path / "again")
    torch, plugin, gone, changed = again.remarks
    assert torch.startswith("torch: 1.0 then, 2.")
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


@pytest.mark.parametrize("saved", [True, False])
def test_a_run_that_still_holds_is_verified(asked, tmp_path, saved):
    make(replace(asked, save_images=saved))
    found = verify(tmp_path / "run", 0, Silent())
    assert len(found.checks) == 2 * 3 * 2 * 2
    assert (found.rescored, found.repeated) == ((6, 0) if saved else (0, 6))
    assert all(check.then == check.now for check in found.checks)
    assert not found.differing
    assert len({check.output for check in verify(tmp_path / "run", 2, Silent()).checks}) == 2


@pytest.mark.parametrize(
    ("device", "change", "differing"),
    [("cpu, pretended", 1e-7, 1), ("cuda, pretended", 1e-7, 0), ("cuda, pretended", 1e-3, 1)],
)
def test_on_a_gpu_values_may_differ_by_what_batches_do_to_them(asked, tmp_path, monkeypatch, device, change, differing):
    environment = Worker.environment
    monkeypatch.setattr(Worker, "environment", lambda self: replace(environment(self), device=device))
    make(replace(asked, save_images=True))
    file = tmp_path / "run" / "results.jsonl"
    *rows, last = [json.loads(line) for line in file.read_text().splitlines()]
    row = next(row for row in rows if row["kind"] == "score" and row["metric"].startswith("ssim"))
    row["value"] += change
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, last]))
    assert len(verify(tmp_path / "run", 0, Silent()).differing) == differing


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("saved", [True, False])
def test_a_run_on_a_gpu_is_verified(asked, tmp_path, saved):
    make(replace(asked, device="cuda", save_images=saved))
    assert not verify(tmp_path / "run", 0, Silent()).differing


def test_a_run_without_values_does_not_pass_for_one_that_holds(asked, tmp_path):
    make(replace(asked, metrics=("lpips",)))  # its backbone is not here
    with pytest.raises(SRBenchError, match="holds no values to verify"):
        verify(tmp_path / "run", 0, Silent())


def test_other_code_is_found_by_making_outputs_again(asked, tmp_path):
    make(asked)
    (tmp_path / "sharp.py").write_text(SHARP.format(factor=0.99))
    found = verify(tmp_path / "run", 0, Silent())
    assert {check.output.method for check in found.differing} == {"sharp"}
    assert len(found.differing) == len(found.checks) / 2
    assert any("the plugin of sharp" in remark for remark in found.remarks)
    (tmp_path / "sharp.py").write_text(SHARP.format(factor="[]"))
    found = verify(tmp_path / "run", 0, Silent())
    assert {check.reason[:9] for check in found.differing} == {"TypeError"}


def test_a_saved_image_that_changed_is_found(asked, tmp_path):
    make(replace(asked, save_images=True))
    file = tmp_path / "run" / "images" / "photos_x2" / "nearest" / "p1.png"
    pixels = np.asarray(Image.open(file)).copy()
    pixels[8:16, 8:16] ^= 1
    Image.fromarray(pixels).save(file)
    found = verify(tmp_path / "run", 0, Silent())
    assert {(check.output.method, check.output.image) for check in found.differing} == {("nearest", "p1")}
    file.write_bytes(b"no image")
    found = verify(tmp_path / "run", 0, Silent())
    assert all("p1.png" in check.reason for check in found.differing)


def test_pictures_of_another_precision_are_not_taken_for_this_ones(asked, tmp_path):
    for precision in ("fp32", "bf16", "bf16"):
        make(replace(asked, methods=("nearest",), save_images=True, precision=precision))
    rows = [json.loads(line) for line in (tmp_path / "run" / "results.jsonl").read_text().splitlines()]
    assert [row["precision"] for row in rows if row["kind"] == "picture"] == ["fp32"] * 3 + ["bf16"] * 3
    found = verify(tmp_path / "run", 0, Silent())
    assert (found.rescored, found.repeated, found.differing) == (3, 3, [])


def test_other_versions_may_differ_in_the_last_printed_digit_only(asked, tmp_path):
    make(replace(asked, save_images=True))
    results, described = tmp_path / "run" / "results.jsonl", tmp_path / "run" / "run.json"
    lines = results.read_text().splitlines()
    number, row = next((i, json.loads(line)) for i, line in enumerate(lines) if '"metric":"psnr/' in line)
    stored = json.loads(described.read_text())
    here = row["device"], stored["commands"][0]["versions"]["torch"]
    for (device, version), change, differ in (
        (here, 0, 0),
        (here, 1e-9, 1),
        (("abacus", here[1]), 0.009, 0),
        ((here[0], "1.0"), 0.009, 0),
        ((here[0], "1.0"), 0.011, 1),
    ):
        moved = [line.replace(here[0], device) for line in lines]
        moved[number] = json.dumps(row | {"value": row["value"] + change, "device": device})
        results.write_text("".join(f"{line}\n" for line in moved))
        stored["commands"][0]["versions"]["torch"] = version
        described.write_text(json.dumps(stored))
        found = verify(tmp_path / "run", 0, Silent())
        assert len(found.differing) == differ
        assert ("the device changed: abacus then" in "".join(found.remarks)) == (device == "abacus")


def test_commands(here, asked, tmp_path):
    make(replace(asked, speed=True, speed_size=16, speed_batch=1, speed_seconds=0.05))
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "run" / "run.json", tmp_path / "elsewhere" / "shared.json")
    done = here("rerun", "elsewhere/shared.json", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    timed = ["latency_ms", "images_per_s", "mpix_per_s", "latency_p10_ms", "latency_p90_ms"]
    quality = [pd.read_csv(tmp_path / name / "leaderboard.csv").drop(columns=timed) for name in ("run", "again")]
    assert quality[0].to_csv() == quality[1].to_csv()
    rows = (tmp_path / "again" / "results.jsonl").read_text()
    row = next(line for line in rows.splitlines() if '"psnr/' in line)
    (tmp_path / "again" / "results.jsonl").write_text(rows.replace(row, row.replace('"value":', '"value":1')))
    done = here("verify", "again")
    assert (done.returncode, done.stderr) == (1, "")
    heads, value, total = done.stdout.splitlines()
    assert heads.split() == ["method", "image", "metric", "protocol", "then", "now"]
    assert value.split()[2] == "x2"
    assert total == "24 values of 0 saved and 6 repeated outputs: 1 differ"
