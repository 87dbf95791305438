"""Folders become datasets whose pairs fit; every image that cannot be scored is named with its fault."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.catalog.catalog import Catalog
from srbench.data.folder import folder_dataset
from srbench.data.image_sets import prepare
from srbench.errors import UsageError
from srbench.store.hashes import file_hash


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load(())


@pytest.fixture
def ui():
    said = []
    return SimpleNamespace(said=said, warn=said.append, note=said.append)


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


def test_prepare_warns_of_what_is_left_out_and_hashes_the_rest(faulty, catalog, ui):
    spec = folder_dataset(faulty)
    images = prepare(str(faulty), spec, spec.name, 4, ui)
    assert len(ui.said) == len(images.left_out) == len(FAULTS)
    assert all(said.startswith("left out: ") for said in ui.said)
    assert images.hashes == {"good": file_hash(faulty / "good.png")}


def test_prepare_refuses_a_folder_of_faults_alone(faulty, ui):
    (faulty / "good.png").unlink()
    with pytest.raises(UsageError, match=r"no image can be scored at x4: .*transparent"):
        prepare("photos", folder_dataset(faulty), "photos", 4, ui)


def test_identity_follows_content_not_order_or_place(tmp_path, save_image, ui):
    for folder in ("one", "two", "three"):
        for seed in (0, 1):
            save_image(tmp_path / folder / f"{seed}.png", seed=seed)
    save_image(tmp_path / "three" / "1.png", seed=9)
    one, two, three = (
        prepare(name, folder_dataset(tmp_path / name), name, 2, ui).identity for name in ("one", "two", "three")
    )
    assert one == two != three
