"""Folders become datasets whose pairs fit; every image that cannot be scored is named with its fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from srbench.catalog.catalog import Catalog
from srbench.data.folder import folder_dataset
from srbench.data.image_sets import prepare
from srbench.errors import UsageError
from srbench.store.hashes import file_hash
from tests.data.conftest import FAULTS


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load(())


@pytest.fixture
def ui():
    said = []
    return SimpleNamespace(said=said, warn=said.append, note=said.append)


def test_prepare_warns_of_what_is_left_out_and_hashes_the_rest(faulty, catalog, ui):
    spec = folder_dataset(faulty)
    images = prepare(str(faulty), spec, spec.name, 4, ui)
    assert ui.said[0].endswith("8 images of several kinds: 1 .gif, 7 .png")
    assert len(ui.said) - 1 == len(images.left_out) == len(FAULTS)
    assert all(said.startswith("left out: ") for said in ui.said[1:])
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
