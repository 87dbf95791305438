"""Photographs of odd sizes, and files of LR and HR."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
from PIL import Image


@pytest.fixture(scope="session")
def photos():
    """Three photographs in colour, ``(H, W, 3)`` uint8, of sizes that are multiples of 12."""
    images = skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()
    return [np.ascontiguousarray(image[24:288, 48:360]) for image in images]


@pytest.fixture
def write(tmp_path):
    """Write arrays as PNG files of a folder, numbered."""

    def files(folder, images):
        (tmp_path / folder).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / folder / f"{number}.png")
        return tmp_path / folder

    return files
