"""``srbench degrade``: the LR that a run makes, as files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from srbench.resize import degrade
from tests.cli.conftest import pixels


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_degrade_writes_the_benchmark_lr_under_the_same_names(call, tmp_path, save_image, mode):
    for name in ("a.png", "b.bmp"):
        save_image(tmp_path / "hr" / name, 41, 38, mode)
    assert call("degrade", "hr", "lr", "--scale", 4) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "lr").iterdir()) == ["a.png", "b.png"]
    for source, target in (("hr/a.png", "lr/a.png"), ("hr/b.bmp", "lr/b.png")):
        stored = torch.from_numpy(np.atleast_3d(pixels(source))[:36, :40].transpose(2, 0, 1).copy())
        np.testing.assert_array_equal(np.atleast_3d(pixels(target)).transpose(2, 0, 1), degrade(stored, 4).numpy())
    code, _, err = call("degrade", "hr", "lr", "--scale", 2)
    assert code == 2
    assert "a.png (and 1 more) exists already" in err
    assert pixels("lr/a.png").shape[:2] == (9, 10)
    assert call("degrade", "hr", "lr", "--scale", 2, "--overwrite")[0] == 0
    assert pixels("lr/a.png").shape[:2] == (19, 20)


def test_degrade_takes_the_hr_of_pairs_and_names_what_it_passes_over(call, tmp_path, save_image):
    save_image(tmp_path / "set" / "a_HR.png", 40, 36)
    save_image(tmp_path / "set" / "a_LR.png", 10, 9)
    (tmp_path / "set" / "b.jxl").touch()
    code, _, err = call("degrade", "set", "lr", "--scale", 4)
    assert code == 0
    assert err.splitlines() == [
        "set: 1 HR image; the LR stay as they are",
        "warning: set: passed over: 1 file of kinds that are not read: 1 .jxl",
    ]
    assert [path.name for path in (tmp_path / "lr").iterdir()] == ["a_HR.png"]


def test_degrade_refuses_what_has_no_8_bits(call, tmp_path):
    Pillow.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(tmp_path / "deep.png")
    Pillow.new("RGBA", (8, 8)).save(tmp_path / "clear.png")
    for name, said in (("deep.png", "is 16-bit; scores are defined on 8 bits"), ("clear.png", "transparent pixels")):
        code, _, err = call("degrade", name, "out.png", "--scale", 2)
        assert code == 1
        assert err.startswith(f"warning: {name}: ")
        assert said in err


def test_lr_is_not_written_with_losses(call, tmp_path, save_image):
    save_image(tmp_path / "a.png", 16, 16)
    code, _, err = call("degrade", "a.png", "b.jpg", "--scale", 4)
    assert (code, err) == (2, "error: b.jpg: .jpg would change the LR; use .png\n")
    assert not (tmp_path / "b.jpg").exists()
