"""Each resizer is named from LR that its library makes, in a group with those of the same LR; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from srbench.identify import compare as module
from srbench.identify.compare import compare
from srbench.identify.pairs import find_pairs
from srbench.resize import degrade
from srbench.system.terminal import Silent


def pillow(image, scale, method="BICUBIC"):
    size = image.shape[1] // scale, image.shape[0] // scale
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling[method]))


def benchmark(image, scale):
    return degrade(torch.from_numpy(image).permute(2, 0, 1), scale).permute(1, 2, 0).numpy()


def by_torch(image, scale):
    x = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    y = functional.interpolate(x, size=(image.shape[0] // scale, image.shape[1] // scale), mode="bicubic").clamp(0, 1)
    return (y * 255 + 0.5).byte()[0].permute(1, 2, 0).numpy()


MAKERS = {
    "bicubic": benchmark,
    "pillow-bicubic": pillow,
    "pillow-lanczos": lambda image, scale: pillow(image, scale, "LANCZOS"),
    "torch-bicubic": by_torch,
    "decimate-1-2": lambda image, scale: image[1::scale, 2::scale],
}


def compared(write, images, lows):
    pairs, scale = find_pairs(write("lr", lows), write("hr", images), 0, Silent())
    return compare(pairs, scale)


@pytest.mark.parametrize("name", MAKERS)
def test_what_made_lr_is_named_and_nothing_else(write, photos, name):
    comparison = compared(write, photos, [MAKERS[name](image, 4) for image in photos])
    assert name in [member.name for member in comparison.groups[0]]
    assert all(member.is_equal for member in comparison.groups[0])
    assert not any(member.is_equal for group in comparison.groups[1:] for member in group)
    assert comparison.groups[0][0].mean == comparison.groups[0][0].largest == 0
    assert [group[0].mean for group in comparison.groups] == sorted(group[0].mean for group in comparison.groups)


def test_one_pixel_that_differs_is_not_equal(write, photos):
    lows = [pillow(image, 4) for image in photos]
    lows[2] = lows[2].copy()
    lows[2][9, 9, 1] ^= 1
    best = compared(write, photos, lows).best
    assert best.name == "pillow-bicubic"
    assert not best.is_equal
    assert not best.is_equal_inside
    assert (best.pixels - best.equal, best.largest) == (1, 1)


def test_other_borders_are_told_apart_from_another_kernel(write, photos):
    lows = [benchmark(image, 4) for image in photos]
    comparison = compared(write, photos, lows)
    mirrored = next(m for group in comparison.groups for m in group if m.name == "matlab-bicubic")
    assert mirrored.is_equal_inside
    assert not mirrored.is_equal


def test_lr_of_hr_that_was_not_cropped_is_named_so(write, photos):
    odd = [image[:263, :310] for image in photos]
    comparison = compared(write, odd, [pillow(np.ascontiguousarray(image), 3) for image in odd])
    best = comparison.groups[0]
    assert {(member.name, member.whole) for member in best if member.is_equal} == {("pillow-bicubic", True)}
    assert "pillow-bicubic (HR not cropped)" in [member.label for member in best]


def test_sets_of_which_only_some_hr_are_no_multiples_keep_both(write, photos):
    mixed = [photos[0], np.ascontiguousarray(photos[1][:263, :310])]
    comparison = compared(write, mixed, [pillow(image, 3) for image in mixed])
    assert [(m.name, m.whole, m.images) for m in comparison.groups[0] if "pillow" in m.name] == [
        ("pillow-bicubic", True, 2)
    ]
    boxes = [(m.name, m.whole) for group in comparison.groups for m in group if m.name == "box"]
    assert boxes == [("box", False)]  # the same of HR cropped or not, so named once


def test_candidates_without_their_library_are_said(write, photos, monkeypatch):
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'srbench[resizers]'")
    resizer = module.RESIZERS["opencv-area"]
    absent = type(resizer.library)("OpenCV", "no_such_module", ())
    monkeypatch.setitem(module.RESIZERS, "opencv-area", type(resizer)("opencv-area", "", resizer.shrink, absent))
    comparison = compared(write, photos[:1], [pillow(photos[0], 4)])
    assert comparison.missing == {"OpenCV is not installed: pip install 'srbench[resizers]'": ["opencv-area"]}
    assert "opencv-area" not in [member.name for group in comparison.groups for member in group]


def test_a_damaged_file_is_left_out_and_a_stop_keeps_what_is_known(write, photos, monkeypatch):
    lr, hr = write("lr", [pillow(image, 4) for image in photos]), write("hr", photos)
    pairs, scale = find_pairs(lr, hr, 0, Silent())
    (lr / "1.png").write_bytes((lr / "1.png").read_bytes()[:200])
    comparison = compare(pairs, scale)
    assert comparison.images == 2
    assert "1.png: damaged or truncated" in comparison.faults[0]
    seen = []

    def stop(name):
        seen.append(name)
        if len(seen) == 1:
            raise KeyboardInterrupt

    comparison = compare(pairs, scale, stop)
    assert comparison.stopped
    assert comparison.best.name == "pillow-bicubic"
    assert comparison.best.images == comparison.images == 1
