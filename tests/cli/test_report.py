"""``srbench run --report``, ``report`` and ``compare`` as users call them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from srbench.cli import main

QUICK = ["--metrics", "psnr,ssim", "--speed-seconds", 0.1, "--speed-size", 16]


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(2):
        save_image(tmp_path / "photos" / f"p{i}.png", 96, 72, seed=i)
    return tmp_path / "photos"


def test_run_ends_in_a_page_and_report_makes_it_again(here, photos, tmp_path):
    done = here("run", "--methods", "nearest,bicubic", "--dataset", photos, *QUICK, "--out", "out", "--report")
    assert done.returncode == 0, done.stderr
    page = tmp_path / "out" / "report.html"
    assert "report: out/report.html (" in done.stdout
    first = page.read_bytes()
    again = here("report", "out")
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert page.read_bytes() == first
    assert "report: pages/new/report.html (" in here("report", "out", "--out", "pages/new/").stdout
    assert (tmp_path / "pages" / "new" / "report.html").is_file()
    other = here("report", "out", "--out", "small.html", "--max-size", "150kB")
    assert (tmp_path / "small.html").stat().st_size <= 150_000, other.stderr


def test_saved_hr_lr_and_sr_are_what_was_scored(here, photos, tmp_path):
    here("run", "--methods", "nearest", "--dataset", photos, *QUICK, "--out", "out", "--save-images")
    folder = tmp_path / "out" / "images" / "photos_x4"
    hr, lr, sr = (np.asarray(Image.open(folder / kind / "p0.png")) for kind in ("HR", "LR", "nearest"))
    np.testing.assert_array_equal(hr, np.asarray(Image.open(photos / "p0.png")))
    np.testing.assert_array_equal(sr, lr.repeat(4, 0).repeat(4, 1))
    assert here("degrade", photos, "lr", "--scale", 4).returncode == 0
    np.testing.assert_array_equal(lr, np.asarray(Image.open(tmp_path / "lr" / "p0.png")))


def pictures(folder):
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == "picture"]


def test_pictures_are_saved_again_when_they_would_differ(here, photos, tmp_path, save_image):
    plugin = tmp_path / "mine.py"
    code = (
        "import torch\nfrom srbench import ModelSpec, hookimpl\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x.repeat_interleave(4, 2).repeat_interleave(4, 3) * GAIN\n"
        "@hookimpl\ndef srbench_models():\n"
        "    return [ModelSpec(name='mine', summary='s', scales={4}, build=lambda scale: Net())]\n"
    )
    command = ["run", "--methods", "mine", "--plugin", plugin, "--dataset", photos, *QUICK, "--no-speed"]
    command += ["--out", "out", "--save-images"]
    counts = []
    saved = tmp_path / "out" / "images" / "photos_x4"
    for change in ("first", "nothing", "code", "file gone", "hr"):
        if change in ("first", "code"):
            plugin.write_text(code.replace("GAIN", "1.0" if change == "first" else "0.25"))
        elif change == "file gone":
            (saved / "HR" / "p1.png").unlink()
        elif change == "hr":
            save_image(photos / "p0.png", 96, 72, seed=9)
        done = here(*command)
        assert done.returncode == 0, done.stderr
        counts.append(len(pictures(tmp_path / "out")))
    assert counts == [2, 2, 4, 5, 6]
    np.testing.assert_array_equal(np.asarray(Image.open(saved / "HR" / "p0.png")), Image.open(photos / "p0.png"))
    assert (saved / "HR" / "p1.png").is_file()


def test_report_says_what_it_lacks(here, photos, tmp_path):
    here("run", "--methods", "nearest", "--dataset", photos, *QUICK, "--out", "out")
    done = here("report", "out")
    assert done.returncode == 0
    assert "no picture was saved of 2 of 2 images" in done.stderr
    nothing = here("report", tmp_path)
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("error: ")
    assert "holds no run" in nothing.stderr
    assert here("report", "out", "--sort", "beauty").returncode == 2
    assert here("report").returncode == 2


def test_open_shows_the_page_in_the_browser(here, photos, tmp_path, monkeypatch):
    here("run", "--methods", "nearest", "--dataset", photos, *QUICK, "--out", "out")
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    monkeypatch.setattr(sys, "argv", ["srbench", "report", str(tmp_path / "out"), "--open"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert shown == [(tmp_path / "out" / "report.html").as_uri()]


def test_a_report_that_lacks_saved_pictures_is_written_and_ends_with_1(here, photos, tmp_path):
    here("run", "--methods", "nearest", "--dataset", photos, *QUICK, "--no-speed", "--out", "out", "--save-images")
    saved = tmp_path / "out" / "images" / "photos_x4" / "nearest"
    (saved / "p0.png").write_bytes(b"junk")
    done = here("report", "out")
    assert done.returncode == 1
    assert "nearest: 1 of 2 pictures are damaged or changed (p0); the same run with --save-images" in done.stderr
    assert done.stdout.startswith("report: out/report.html (")
    for path in saved.iterdir():
        path.unlink()
    done = here("report", "out", "--out", "new.html")
    assert done.returncode == 1
    assert "warning: photos x4: nearest: 2 of 2 pictures are missing (p0, p1); " in done.stderr
    assert "no picture was saved" not in done.stderr
    assert (tmp_path / "new.html").is_file()
