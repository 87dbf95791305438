"""JPEG's quality is told from the blocks of LR, and never where there was none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from srbench.identify.blocks import find_jpeg


def compressed(image, quality, subsampling=2):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90])
def test_the_quality_is_told(photos, quality):
    assert [find_jpeg(compressed(photo, quality)).quality for photo in photos] == [quality] * 3


@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (2, "4:2:0")])
def test_subsampling_is_told(photos, subsampling, name):
    assert {find_jpeg(compressed(photo, 75, subsampling)).subsampling for photo in photos} == {name}


def test_images_without_jpeg_show_none(photos):
    small = [np.asarray(Image.fromarray(photo).resize((104, 88), Image.Resampling.BICUBIC)) for photo in photos]
    assert [find_jpeg(image) for image in [*small, np.zeros((4, 4, 3), np.uint8)]] == [None] * 4
