"""Where patches come from: everything in memory, or pools that stream through it, by seed and step alone."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError, UsageError
from srbench.images.degradations import get_degradation
from srbench.system.terminal import Silent
from srbench.training.data.find import find_images
from srbench.training.data.patches import Patches
from srbench.training.data.samplers import VISITS, InMemory, Streaming, open_sampler

CPU = torch.device("cpu")


class Ears(Silent):
    """Remembers what was said."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)

    warn = note


@pytest.fixture
def photos(tmp_path, save_image):
    """Twelve pictures, each of a grey of its own."""
    from PIL import Image

    for i in range(12):
        path = tmp_path / "photos" / f"p{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (48, 40), (i * 20,) * 3).save(path)
    return tmp_path / "photos"


def found(folder, limit=0, seed=0):
    return find_images(Catalog.load(), (str(folder),), limit, seed, 2, Silent())


def greys(hr):
    return {round(value) for value in (hr[:, 0, 0, 0] * 255).tolist()}


ONE = 3 * 48 * 40 * 5 // 4  # bytes of one picture with its LR


def test_what_fits_is_kept_and_what_does_not_streams(photos):
    images, ears = found(photos).images, Ears()
    kept, streams = open_sampler(images, Patches(2, 8, 4), 12 * ONE, CPU, ears)
    assert isinstance(kept, InMemory)
    assert not streams
    flowing, streams = open_sampler(images, Patches(2, 8, 4), 12 * ONE - 1, CPU, ears)
    assert isinstance(flowing, Streaming)
    assert streams
    assert ears.said == ["12 images need 0.1 MiB, more than --data-memory 0.1 MiB: they are streamed"]


def test_pools_take_turns_until_every_image_was_seen(photos):
    sampler = Streaming(found(photos).images, Patches(2, 8, 8, 5), 6 * ONE, CPU, Silent())
    steps = 3 * VISITS // 8  # three pictures fill half of the memory
    seen = [
        set().union(*(greys(sampler.draw(step)[1]) for step in range(i * steps, i * steps + steps))) for i in range(8)
    ]
    sampler.close()
    assert [len(pool) for pool in seen] == [3] * 8
    for epoch in (seen[:4], seen[4:]):
        assert set().union(*epoch) == {i * 20 for i in range(12)}
    assert seen[:4] != seen[4:]


def test_a_draw_depends_on_seed_and_step_alone_wherever_one_begins(photos):
    images, patches = found(photos).images, Patches(2, 8, 8, 5)
    through = Streaming(images, patches, 6 * ONE, CPU, Silent())
    expected = [through.draw(step) for step in range(30)]
    for first in (29, 11, 12):
        other = Streaming(images, patches, 6 * ONE, CPU, Silent())
        assert all(torch.equal(a, b) for a, b in zip(other.draw(first), expected[first], strict=True))
        other.close()
    assert all(torch.equal(a, b) for a, b in zip(through.draw(2), expected[2], strict=True))  # back again
    through.close()


def test_streamed_patches_are_the_images_own(tmp_path, save_image):
    from srbench.resize import degrade

    for i in range(4):
        save_image(tmp_path / "set" / f"{i}.png", 16, 16, seed=i)
    images = found(tmp_path / "set").images
    sampler = Streaming(images, Patches(2, 16, 8), 1, CPU, Silent())  # a pool is never less than one image
    lr, hr = sampler.draw(0)
    sampler.close()
    assert len({hr[i].flatten().sort().values.numpy().tobytes() for i in range(8)}) == 1
    whole = degrade((hr * 255).round().byte(), 2).float() / 255
    assert (whole - lr).abs().max() <= 2.01 / 255  # turned, the passes of the resizing round in another order


@pytest.mark.parametrize("memory", [100 * ONE, 6 * ONE])
def test_unreadable_images_are_named_once_and_left_out(photos, memory):
    images = found(photos).images
    (photos / "p03.png").write_bytes((photos / "p03.png").read_bytes()[:60])  # the header is good
    ears = Ears()
    sampler, _ = open_sampler(images, Patches(2, 8, 8), memory, CPU, ears)
    seen = set().union(*(greys(sampler.draw(step)[1]) for step in range(4 * VISITS)))
    sampler.close()
    assert seen == {i * 20 for i in range(12)} - {60}
    assert len([text for text in ears.said if "left out" in text and "p03.png" in text]) == 1


def test_a_set_of_nothing_but_damaged_files_is_refused(photos):
    images = found(photos).images
    for path in photos.iterdir():
        path.write_bytes(path.read_bytes()[:60])
    for memory in (100 * ONE, 6 * ONE):
        sampler, _ = open_sampler(images, Patches(2, 8, 8), memory, CPU, Silent())
        with pytest.raises(UsageError, match="no image to train on is left"):
            sampler.draw(0)
        sampler.close()


def test_images_smaller_than_the_patch_are_counted(photos, save_image):
    save_image(photos / "large.png", 64, 64)
    ears = Ears()
    open_sampler(found(photos).images, Patches(2, 44, 2), 100 * ONE, CPU, ears)
    assert ears.said == ["12 of 13 images are smaller than 44 pixels: their largest squares are enlarged to a patch"]


def test_a_seeded_subset_and_a_held_out_tenth(photos):
    few, again, other = (found(photos, 5, seed) for seed in (1, 1, 2))
    assert len(few.images) == 5
    assert few == again
    assert few.images != other.images
    data = found(photos).hold_out(0)
    assert len(data.held_out) == 1
    assert len(data.images) == 11
    assert not set(data.images) & set(data.held_out)
    with pytest.raises(UsageError, match="a single image cannot be held out"):
        found(photos, 1).hold_out(0)


def test_sizes_are_those_of_the_upright_image(tmp_path):
    from PIL import Image

    picture = Image.new("RGB", (30, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by a quarter
    (tmp_path / "set").mkdir()
    picture.save(tmp_path / "set" / "turned.jpg", exif=exif)
    (image,) = found(tmp_path / "set").images
    assert (image.height, image.width) == (30, 20)
    assert isinstance(open_sampler([image], Patches(2, 8, 2), 10**6, CPU, Silent())[0].draw(0), tuple)


def test_a_killed_decoder_is_one_clear_error(photos):
    import multiprocessing
    import os
    import signal

    sampler = Streaming(found(photos).images, Patches(2, 8, 8), 2 * ONE, CPU, Silent())
    sampler.draw(0)
    for decoder in multiprocessing.active_children():
        os.kill(decoder.pid, signal.SIGKILL)
    steps = iter(range(1000))
    with pytest.raises(SRBenchError, match=r"decoding of training images failed: .*--resume continues"):
        list(map(sampler.draw, steps))
    sampler.close()


@pytest.fixture
def paired(tmp_path):
    """Three pictures of one grey each; their LR is darker by 7."""
    from PIL import Image

    for i in range(3):
        for folder, size, grey in (("HR", (25, 20), 40 * i + 20), ("LR", (12, 10), 40 * i + 13)):
            path = tmp_path / "paired" / folder / f"p{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (grey,) * 3).save(path)
    return tmp_path / "paired"


@pytest.mark.parametrize("memory", [2**20, 5000], ids=["kept", "streamed"])
def test_lr_that_is_given_is_trained_on(paired, memory):
    data = found(paired)
    sampler, streams = open_sampler(data.images, Patches(2, 8, 16), memory, CPU, Silent())
    assert streams is (memory < 2**20)
    seen = set()
    for step in range(12):
        lr, hr = sampler.draw(step)
        torch.testing.assert_close(hr[:, 0, 0, 0] - lr[:, 0, 0, 0], torch.full((16,), 7 / 255))
        seen |= greys(hr)
    sampler.close()
    assert seen == {20, 60, 100}
    assert data.sets[0]["lr_as_given"] == 3
    assert data.made_by(get_degradation("bicubic")) == "as-given"


def test_a_degradation_replaces_given_lr_and_says_so(paired):
    ears = Ears()
    degradation = get_degradation("crappify")
    data = find_images(Catalog.load(), (str(paired),), 0, 0, 2, ears, degradation)
    assert [image.lr for image in data.images] == [None] * 3
    assert data.made_by(degradation) == "crappify/1"
    assert "paired: 3 LR files not used: LR is made from HR by crappify" in ears.said


def test_pairs_smaller_than_the_patch_are_left_out_or_refused(paired, photos):
    images, ears = found(paired).images, Ears()
    sampler, _ = open_sampler([*images, *found(photos).images], Patches(2, 24, 4), 2**20, CPU, ears)
    assert greys(sampler.draw(0)[1]) <= {20 * i for i in range(12)}
    assert ears.said == ["3 of 15 images are smaller than 24 pixels, and their LR is given: left out"]
    with pytest.raises(UsageError, match="3 of 3 images are smaller than 24 pixels, and their LR is given; --patch"):
        open_sampler(images, Patches(2, 24, 4), 2**20, CPU, ears)
    with pytest.raises(UsageError, match="these data have LR of their own; use --crop fixed"):
        open_sampler(images, Patches(2, 8, 4, crop="random"), 2**20, CPU, ears)


def test_pairs_whose_sizes_do_not_match_are_left_out(paired, save_image):
    save_image(paired / "LR" / "p1.png", 13, 10)
    ears = Ears()
    data = find_images(Catalog.load(), (str(paired),), 0, 0, 2, ears)
    assert [image.name for image in data.images] == ["paired-p0", "paired-p2"]
    assert any("p1.png: is 13x10, but x2 of it should be 24x20" in said for said in ears.said)
