"""A run is verified: its values still hold, or what differs is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.errors import SRBenchError
from srbench.execution.worker import Worker
from srbench.results.pictures import CHANGED
from srbench.runs.verify import verify
from srbench.system.leftovers import MACHINE
from srbench.system.terminal import Silent
from tests.runs.conftest import SHARP, make


@pytest.mark.parametrize("saved", [True, False])
def test_a_run_that_still_holds_is_verified(asked, tmp_path, saved):
    make(replace(asked, save_images=saved))
    found = verify(tmp_path / "run", 0, Silent(), trust_pictures=True)
    assert len(found.checks) == 2 * 3 * 2 * 2
    assert (found.rescored, found.repeated) == ((6, 0) if saved else (0, 6))
    assert all(check.then == check.now for check in found.checks)
    found = verify(tmp_path / "run", 0, Silent())
    assert len(found.checks) == 2 * 3 * 2 * 2
    assert (found.rescored, found.repeated) == (0, 6)
    assert found.holds
    assert ("saved pictures" in found.unseen) == saved
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
    found = verify(tmp_path / "run", 0, Silent(), plugins=[tmp_path / "sharp.py"])
    assert {check.output.method for check in found.differing} == {"sharp"}
    assert len(found.differing) == len(found.checks) / 2
    assert any("the plugin of sharp" in remark for remark in found.remarks)
    (tmp_path / "sharp.py").write_text(SHARP.format(factor="[]"))
    found = verify(tmp_path / "run", 0, Silent(), plugins=[tmp_path / "sharp.py"])
    assert {check.reason[:9] for check in found.differing} == {"TypeError"}


def test_a_saved_image_that_changed_is_found(asked, tmp_path):
    make(replace(asked, save_images=True))
    file = tmp_path / "run" / "images" / "photos_x2" / "nearest" / "p1.png"
    pixels = np.asarray(Image.open(file)).copy()
    pixels[8:16, 8:16] ^= 1
    Image.fromarray(pixels).save(file)
    found = verify(tmp_path / "run", 0, Silent(), trust_pictures=True)
    assert {(check.output.method, check.output.image) for check in found.differing} == {("nearest", "p1")}
    file.write_bytes(b"no image")
    found = verify(tmp_path / "run", 0, Silent(), trust_pictures=True)
    assert found.differing
    assert all("p1.png" in check.reason for check in found.differing)
    assert verify(tmp_path / "run", 0, Silent()).holds  # the values are true, whatever the pictures are


def test_values_of_pictures_that_were_altered_together_are_found_by_making_them_again(asked, tmp_path):
    """A stranger's pictures, and the values of them, may be anything; only the method itself tells."""
    make(replace(asked, save_images=True))
    folder, results = tmp_path / "run" / "images" / "photos_x2", tmp_path / "run" / "results.jsonl"
    for i in range(3):
        (folder / "nearest" / f"p{i}.png").write_bytes((folder / "sharp" / f"p{i}.png").read_bytes())
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    values = {
        (row["image"], row["metric"], row["protocol"]): row["value"]
        for row in rows
        if row["kind"] == "score" and row["method"] == "sharp"
    }
    for row in rows:
        if row["kind"] == "score" and row["method"] == "nearest":
            row["value"] = values[row["image"], row["metric"], row["protocol"]]
    results.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert not verify(tmp_path / "run", 0, Silent(), trust_pictures=True).differing
    assert {check.output.method for check in verify(tmp_path / "run", 0, Silent()).differing} == {"nearest"}


@pytest.mark.parametrize("kind", ["sr", "hr"])
def test_a_saved_file_of_another_hash_is_remarked_on(asked, tmp_path, kind):
    make(replace(asked, save_images=True))
    results = tmp_path / "run" / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert not verify(tmp_path / "run", 0, Silent(), trust_pictures=True).remarks
    for row in rows:
        if row["kind"] == "picture":
            row["files"][kind]["sha256"] = "0" * 64
    results.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    outputs = sum(row["kind"] == "picture" for row in rows)
    (remark,) = verify(tmp_path / "run", 0, Silent(), trust_pictures=True).remarks
    assert remark.startswith(f"the saved pictures of {outputs} outputs {CHANGED}")


LEAKY = """
import torch
from srbench import ModelSpec, hookimpl

SEEN = []

def build(scale, first):
    class Net(torch.nn.Module):
        def forward(self, lr):
            if first:
                SEEN.append(lr)
            large = torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bicubic").clamp(0, 1)
            return large if first or SEEN else torch.zeros_like(large)
    return Net()

@hookimpl
def srbench_models():
    return [
        ModelSpec(name=name, summary="s", scales={2}, build=lambda scale, first=first: build(scale, first))
        for name, first in (("feeds", True), ("feeds-on", False))
    ]
"""


def test_a_method_that_needs_another_before_it_is_found(asked, tmp_path):
    """Both run in one process here; a process for each method would not let this happen at all."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    leaky = replace(asked, methods=("feeds", "feeds-on"), plugins=(str(tmp_path / "leaky.py"),))
    make(leaky)
    found = verify(tmp_path / "run", 0, Silent())
    assert {check.output.method for check in found.differing} == {"feeds-on"}
    assert found.repeated == 6


def test_outputs_are_drawn_at_random(asked, tmp_path, monkeypatch):
    """Who knew which outputs are looked at could be honest in these alone."""
    make(asked)
    drawn = []

    class Last:
        def sample(self, outputs, count):
            drawn.extend(outputs[-count:])
            return outputs[-count:]

    monkeypatch.setattr("srbench.runs.verify.random.SystemRandom", Last)
    assert {check.output for check in verify(tmp_path / "run", 1, Silent()).checks} == set(drawn)
    assert len(drawn) == 1


def test_rows_that_no_board_shows_are_not_verified(asked, tmp_path):
    make(asked)
    results = tmp_path / "run" / "results.jsonl"
    lines = results.read_text().splitlines()
    row = next(json.loads(line) for line in lines if '"kind":"score"' in line)
    for change in ({"metric": "beauty/1"}, {"protocol": "z/1"}):
        lines.append(json.dumps(row | change))
    results.write_text("".join(f"{line}\n" for line in lines))
    found = verify(tmp_path / "run", 0, Silent())
    assert found.holds
    assert len(found.checks) == 2 * 3 * 2 * 2


def test_parameters_and_macs_are_counted_again(asked, tmp_path):
    make(asked)
    assert {cost.quantity for cost in verify(tmp_path / "run", 0, Silent()).costs} == {"parameters", "MACs"}
    results = tmp_path / "run" / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    for row in rows:
        if row["kind"] == "speed" and row["method"] == "nearest":
            row["params"] = 10
    results.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = verify(tmp_path / "run", 0, Silent())
    assert [(cost.method, cost.quantity, cost.then, cost.now) for cost in found.costs if cost.fails] == [
        ("nearest", "parameters", "10", "0")
    ]
    assert not found.holds
    assert found.board == ["nearest on photos x2, y", "nearest on photos x2, rgb"]  # the CSV has the true count


def test_what_is_wrong_with_saved_pictures_is_said(asked, tmp_path):
    make(replace(asked, save_images=True))
    folder = tmp_path / "run" / "images" / "photos_x2" / "nearest"
    (folder / "p0.png").write_bytes((folder / "p0.png").read_bytes()[:-20])
    (folder / "p1.png").rename(tmp_path / "secret.png")
    (folder / "p1.png").symlink_to(tmp_path / "secret.png")
    (folder / "p2.png").unlink()
    found = verify(tmp_path / "run", 0, Silent(), trust_pictures=True)
    assert {check.output.image for check in found.differing} == {"p0"}
    assert (found.rescored, found.repeated) == (4, 2)
    assert set(found.remarks) == {
        "the saved pictures of 1 output are damaged or changed",
        "the saved pictures of 1 output are links, which are not followed: made again",
        "the saved pictures of 1 output are missing: made again",
    }


def test_a_run_makes_pictures_that_were_cut_short_again(asked, tmp_path):
    saving = replace(asked, save_images=True)
    make(saving)
    file = tmp_path / "run" / "images" / "photos_x2" / "nearest" / "p0.png"
    content = file.read_bytes()
    file.write_bytes(content[:100])
    make(asked)  # it saves none
    assert file.read_bytes() == content[:100]
    make(saving)
    assert file.read_bytes() == content
    assert not verify(tmp_path / "run", 0, Silent()).remarks


def test_what_killed_commands_left_is_removed_by_the_next_run(asked, tmp_path):
    make(replace(asked, save_images=True))
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    folders = tmp_path / "run", tmp_path / "run" / "images" / "photos_x2" / "nearest"
    for folder in folders:
        (folder / f".p0.{MACHINE}-{process.pid}.png").touch()
        (folder / f".p0.{MACHINE}-{os.getppid()}.png").touch()
    make(asked)
    for folder in folders:
        assert {path.name for path in folder.glob(".p*")} == {f".p0.{MACHINE}-{os.getppid()}.png"}


def test_pictures_of_another_precision_are_not_taken_for_this_ones(asked, tmp_path):
    for precision in ("fp32", "bf16", "bf16"):
        make(replace(asked, methods=("nearest",), save_images=True, precision=precision))
    rows = [json.loads(line) for line in (tmp_path / "run" / "results.jsonl").read_text().splitlines()]
    assert [row["precision"] for row in rows if row["kind"] == "picture"] == ["fp32"] * 3 + ["bf16"] * 3
    found = verify(tmp_path / "run", 0, Silent(), trust_pictures=True)
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


def test_rows_that_name_other_code_or_weights_are_remarked_on(asked, tmp_path):
    make(replace(asked, methods=("nearest",)))
    results = tmp_path / "run" / "results.jsonl"
    assert verify(tmp_path / "run", 0, Silent()).remarks == ()
    results.write_text(results.read_text().replace('"weights":""', '"weights":"0123456789abcdef"'))
    found = verify(tmp_path / "run", 0, Silent())
    assert not found.differing
    assert "nearest on photos x2: its rows name code" in found.remarks[0]
    assert "weights 0123456789abcdef; here are code" in found.remarks[0]
