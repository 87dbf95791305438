"""LR that comes with HR is compared with the benchmark's LR."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.data.given_lr import remark_on
from srbench.data.listing import list_pairs
from srbench.data.pairs import load_pair
from srbench.errors import ImageError
from srbench.images.degradations import get_degradation
from srbench.specs import ImagePair

BICUBIC = get_degradation("bicubic")


def test_lr_files_of_the_field_need_no_remark(mirror):
    listing = list_pairs(mirror / "datasets" / "set5" / "image_SRF_4", 4)
    assert [pair.name for pair in listing.pairs] == [f"img_00{i}" for i in range(1, 6)]
    assert remark_on("set5", listing.pairs, 4, BICUBIC) == []


def test_other_lr_is_remarked_on_with_its_distance(tmp_path):
    flat = [Pillow.new("RGB", size, value) for size, value in (((40, 36), (90,) * 3), ((10, 9), (100,) * 3))]
    for image, name in zip(flat, ("hr.png", "lr.png"), strict=True):
        image.save(tmp_path / name)
    pairs = [ImagePair("a", tmp_path / "hr.png", tmp_path / "lr.png")]
    (remark,) = remark_on("mine", pairs, 4, BICUBIC)
    assert remark.warning
    assert remark.text == (
        "mine: LR is not the benchmark's (bicubic-uint8/1) but used as given; it differs in 1 of 1 image compared, "
        "by 10.0 of 255 on average"
    )
    Pillow.new("RGB", (10, 9)).save(tmp_path / "lr.png")
    (remark,) = remark_on("mine", pairs, 4, BICUBIC)
    assert remark.text.endswith("by 90.0 of 255 on average; check that HR and LR show the same")
    (remark,) = remark_on("mine", pairs, 4, get_degradation("crappify"))
    assert remark.text == "mine: 1 LR file not used: LR is made from HR by crappify"


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        ((40, 36), "as large as HR: LR that was enlarged already, as RealSR's is"),
        ((20, 18), "its scale is 2"),
        ((9, 9), ""),
    ],
)
def test_sizes_that_do_not_match_say_what_they_may_be(tmp_path, size, hint):
    for name, wanted in (("hr.png", (40, 36)), ("lr.png", size)):
        Pillow.fromarray(np.zeros((*wanted[::-1], 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(ImageError, match=rf"lr\.png: is {size[0]}x{size[1]}, but x4 of it should be 40x36.*{hint}"):
        load_pair(ImagePair("a", tmp_path / "hr.png", tmp_path / "lr.png"), 4)
