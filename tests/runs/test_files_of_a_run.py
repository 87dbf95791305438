"""Methods that are files in a run: their scale, files that cannot be opened, and methods that are not run at all."""

from __future__ import annotations

import json

import pytest
import torch

pytest.importorskip("spandrel", reason="needs the extra srbench[spandrel]")


@pytest.fixture
def folder(tmp_path, save_image):
    """Two images, and checkpoints of networks for x2 and x3."""
    from spandrel.architectures.Compact import Compact

    for i in range(2):
        save_image(tmp_path / "two" / f"i{i}.png", 24, 24, seed=i)
    for scale in (2, 3):
        torch.manual_seed(0)
        net = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)
        torch.save(net.state_dict(), tmp_path / f"net{scale}.pth")
    (tmp_path / "bad.pth").write_bytes(b"junk" * 50)
    return tmp_path


def run(here, methods, *options):
    common = ("--dataset", "./two", "--metrics", "psnr", "--no-speed", "--out", "o")
    return here("run", "--methods", methods, *common, *options)


def statuses(folder):
    rows = [json.loads(line) for line in (folder / "o" / "results.jsonl").read_text().splitlines()]
    return {(row["method"], row["scale"]): row["status"] for row in rows if row["kind"] == "job"}


def test_a_file_of_one_scale_takes_its_scale(here, folder):
    assert run(here, "bicubic,spandrel:net2.pth").returncode == 0
    assert statuses(folder) == {("bicubic", 2): "ok", ("spandrel:net2", 2): "ok"}


def test_files_of_two_scales_are_each_run_at_theirs(here, folder):
    assert run(here, "bicubic,spandrel:net2.pth,spandrel:net3.pth").returncode == 0
    found = statuses(folder)
    assert {key for key, status in found.items() if status == "ok"} == {
        ("bicubic", 2),
        ("bicubic", 3),
        ("spandrel:net2", 2),
        ("spandrel:net3", 3),
    }


def test_a_scale_that_is_asked_for_is_kept(here, folder):
    done = run(here, "spandrel:net2.pth", "--scale", 4)
    assert done.returncode == 1
    assert "nothing was scored: unsupported" in done.stderr
    assert "nothing to do" not in done.stderr
    assert "spandrel:net2 was not run: does not do x4; it does x2" in done.stderr
    again = run(here, "spandrel:net2.pth", "--scale", 4)
    assert (again.returncode, "nothing to do" in again.stderr) == (1, False)
    mixed = run(here, "bicubic,spandrel:net2.pth", "--scale", 4)
    assert mixed.returncode == 1
    assert "bicubic was not run" not in mixed.stderr


def test_upscale_and_compare_take_a_files_scale(here, folder, save_image):
    from PIL import Image

    assert here("upscale", "spandrel:net3.pth", "two/i0.png", "large.png").returncode == 0
    with Image.open(folder / "large.png") as large:
        assert large.size == (72, 72)
    done = here(
        "compare", "two/i0.png", "--methods", "bicubic,spandrel:net2.pth", "--metrics", "psnr", "--out", "c.png"
    )
    assert done.returncode == 0, done.stderr


def test_a_file_that_cannot_be_opened_costs_its_row(here, folder):
    done = run(here, "bicubic,spandrel:bad.pth,spandrel:net2.pth")
    assert done.returncode == 1
    assert statuses(folder) == {("bicubic", 2): "ok", ("spandrel:bad", 2): "failed", ("spandrel:net2", 2): "ok"}
    assert "bad.pth: is damaged, or no checkpoint of PyTorch" in done.stdout
    (folder / "bad.pth").write_bytes((folder / "net2.pth").read_bytes())
    assert run(here, "bicubic,spandrel:bad.pth,spandrel:net2.pth").returncode == 0
    assert statuses(folder)["spandrel:bad", 2] == "ok"
    (folder / "bad.pth").write_bytes(b"")
    compared = here("compare", "two/i0.png", "--methods", "bicubic,spandrel:bad.pth", "--scale", 2, "--out", "c.png")
    assert compared.returncode == 1
    assert "spandrel:bad failed: spandrel:" in compared.stderr
    assert "is empty (0 bytes)" in compared.stderr


def test_no_file_and_only_bad_files_end_before_the_start(here, folder):
    for methods, said in (("bicubic,spandrel:none.pth", "no such file"), ("spandrel:bad.pth", "is damaged")):
        done = run(here, methods)
        assert (done.returncode, (folder / "o").exists()) == (2, False)
        assert said in done.stderr
