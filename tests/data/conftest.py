"""A folder of faulty images, and what is wrong with each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow


@pytest.fixture
def faulty(tmp_path, save_image):
    """A folder with one good image and one of each fault."""
    good = save_image(tmp_path / "good.png")
    deep = np.arange(40 * 36, dtype=np.uint16).reshape(36, 40)
    Pillow.fromarray(deep).save(tmp_path / "deep.png")
    Pillow.fromarray(np.zeros((36, 40, 4), np.uint8)).save(tmp_path / "clear.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:-200])
    save_image(tmp_path / "tiny.png", 1, 1)
    frames = [Pillow.new("L", (40, 36), value) for value in (0, 255)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    return tmp_path


FAULTS = {
    "clear.png": "has transparent pixels",
    "cut.png": "damaged or truncated",
    "deep.png": "is 16-bit",
    "empty.png": "the file is empty",
    "moves.gif": "is animated",
    "text.png": "is no PNG, JPEG",
    "tiny.png": "1x1 is smaller than the scale 4",
}
