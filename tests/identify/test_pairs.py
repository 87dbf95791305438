"""The scale is found from the sizes; what does not fit is left out or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.errors import UsageError
from srbench.identify.pairs import find_pairs
from srbench.system.terminal import Silent


class Said(Silent):
    def __init__(self):
        self.lines = []

    def warn(self, text):
        self.lines.append(text)


def image(height, width):
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_scale_is_found_from_sizes_with_hr_cropped_or_not(write, scale):
    hr = write("hr", [image(97, 121), image(96, 120)])
    lr = write("lr", [image(97 // scale, 121 // scale), image(96 // scale, 120 // scale)])
    pairs, found = find_pairs(lr, hr, 0, Silent())
    assert found == scale
    assert [(pair.lr.name, pair.hr.name) for pair in pairs] == [("0.png", "0.png"), ("1.png", "1.png")]


def test_pairs_of_other_sizes_are_left_out_with_a_warning(write):
    hr, lr = write("hr", [image(96, 96)] * 3), write("lr", [image(48, 48), image(24, 24), image(48, 48)])
    said = Said()
    pairs, scale = find_pairs(lr, hr, 0, said)
    assert (len(pairs), scale) == (2, 2)
    assert said.lines == [f"left out: {lr / '1.png'}: its size is not that of 1.png divided by 2"]


def test_a_folder_of_both_is_paired_in_its_layout(tmp_path, save_image):
    for name, side in (("a_HR.png", 64), ("a_LR.png", 32)):
        save_image(tmp_path / "set" / name, side, side)
    pairs, scale = find_pairs(tmp_path / "set", tmp_path / "set", 0, Silent())
    assert scale == 2
    assert (pairs[0].lr.name, pairs[0].hr.name) == ("a_LR.png", "a_HR.png")


@pytest.mark.parametrize(
    ("sides", "scale", "reason"),
    [
        ((64, 64), 0, "LR is as large as HR; give the LR before it was enlarged"),
        ((64, 32), 0, "the order is: srbench identify LR HR"),
        ((20, 64), 2, "that is not x2"),
        ((40, 64), 0, "no whole scale from 2 to 16 fits"),
    ],
)
def test_what_has_no_scale_is_refused(write, sides, scale, reason):
    lr, hr = (write(name, [image(side, side)]) for name, side in zip(("lr", "hr"), sides, strict=True))
    with pytest.raises(UsageError, match=reason):
        find_pairs(lr, hr, scale, Silent())


def test_a_path_that_does_not_exist_is_refused(tmp_path, write):
    hr = write("hr", [image(8, 8)])
    with pytest.raises(UsageError, match="nothing: no such file or folder"):
        find_pairs(tmp_path / "nothing", hr, 0, Silent())
