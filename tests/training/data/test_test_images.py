"""Test images among training images are found by their files and by their pixels."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.images.degradations import BICUBIC
from srbench.images.fingerprint import fingerprint
from srbench.images.read import read_8bit
from srbench.system.terminal import Silent
from srbench.training.data.find import find_images
from srbench.training.data.patches import Patches
from srbench.training.data.samplers import open_sampler


class Ears(Silent):
    """Remembers the warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def test_copies_of_test_images_are_named(mirror, tmp_path, save_image):
    own = tmp_path / "own"
    save_image(own / "photo.png", 256, 256)
    shutil.copy(mirror / "datasets" / "set14" / "image_SRF_2" / "img_014_SRF_2_HR.png", own / "same_file.png")
    with Image.open(mirror / "datasets" / "set5" / "image_SRF_3" / "img_003_SRF_3_HR.png") as butterfly:
        butterfly.save(own / "wings.bmp")
        butterfly.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(own / "other.bmp")
    ears = Ears()
    data = find_images(Catalog.load(), (str(own),), 0, 0, 2, ears)
    assert data.test_images == {"own-same_file": "zebra of set14", "own-wings": "butterfly of set5"}
    assert ears.warnings == [
        (
            "trained on test images, so figures on those sets are not of unseen images: "
            "own-same_file (zebra of set14), own-wings (butterfly of set5)"
        )
    ]


@pytest.mark.parametrize("name", ["set5", "set14"])
def test_fingerprints_hold_at_all_scales(mirror, name):
    spec = Catalog.load().datasets[name]
    for scale in (2, 3, 4):
        for pair in spec.pairs(scale):
            assert fingerprint(read_8bit(mirror / pair.hr.path)) == spec.fingerprints[pair.name]


def test_a_fingerprint_is_a_hash_of_the_pixels_of_whole_blocks_of_12(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = hashlib.sha256(np.ascontiguousarray(pixels[:24, :48]).tobytes()).hexdigest()[:16]
    assert fingerprint(read_8bit(tmp_path / "a.png")) == f"48x24:{expected}"


def test_cards_count_the_images_that_are_trained_on(tmp_path, save_image):
    own = tmp_path / "own"
    for i in range(6):
        save_image(own / f"p{i}.png", 24, 24, seed=i)
    (own / "empty.png").touch()
    whole = (own / "p5.png").read_bytes()
    (own / "p5.png").write_bytes(whole[: len(whole) // 2])  # its header is sound
    data = find_images(Catalog.load(), (str(own),), 0, 0, 2, Silent()).hold_out(0)
    sampler, _ = open_sampler(data.images, Patches(2, 8, 4), 2**20, torch.device("cpu"), Silent())
    (entry,) = data.without(sampler.left_out)
    damaged = data.held_out[0].name != "own-p5"
    assert (entry["images"], entry["left_out"]) == ((4, 2) if damaged else (5, 1))
    assert data.made_by(BICUBIC) == "bicubic-uint8/1"
