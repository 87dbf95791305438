"""Pictures in the page: nothing is lost, the budget holds, what does not fit is chosen by difference."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from srbench.report.embed import SIZES, data_uri, embed, shoot
from srbench.report.gather import gather


def decoded(uri):
    kind, data = uri.removeprefix("data:image/").split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format.lower() == kind
    return np.asarray(image.convert("RGB"))


def files_of(run):
    (gallery,) = gather([run.finish()]).galleries
    return [(gallery.files[image], gallery.scale) for image in gallery.images]


@pytest.mark.parametrize("shape", [(7, 5, 3), (64, 64, 3), (1, 1, 3)])
def test_no_pixel_is_changed(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decoded(data_uri(pixels)), pixels)


def test_png_where_webp_cannot_be_written(monkeypatch):
    monkeypatch.setattr("srbench.report.embed.features.check", lambda _: False)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    uri = data_uri(pixels)
    assert uri.startswith("data:image/png")
    np.testing.assert_array_equal(decoded(uri), pixels)


def test_crops_are_those_of_the_files_and_lie_where_methods_differ(made_run):
    files, scale = files_of(made_run())[0]
    shot = shoot(files, scale, 32)
    assert (shot.width, shot.height) == (96, 72)
    assert shot.crop.x + 32 <= 48  # the methods differ in the upper left quarter alone
    assert shot.crop.y + 32 <= 36
    for name, path in files.items():
        expected = shot.crop.of(np.asarray(Image.open(path)), scale if name == "LR" else 1)
        np.testing.assert_array_equal(decoded(shot.uris[name]), expected)


def test_bicubic_is_made_for_runs_without_it(made_run):
    from skimage.transform import resize

    files, scale = files_of(made_run(methods=("nearest",), images=("a",)))[0]
    uri = shoot(files, scale, 4096).uris["bicubic"]
    lr = np.asarray(Image.open(files["LR"])).astype(float)
    other = resize(lr, (72, 96), order=3, mode="edge", preserve_range=True)  # a spline: near, not equal
    assert np.abs(decoded(uri).astype(float) - other.clip(0, 255)).mean() < 10


def test_a_picture_of_another_size_is_named_and_left_out(made_run):
    files, scale = files_of(made_run())[0]
    Image.new("RGB", (8, 8)).save(files["m3"])
    files["m4"].write_bytes(b"no image")
    shot = shoot(files, scale, 64)
    assert {"m3", "m4"}.isdisjoint(shot.uris)
    assert len(shot.faults) == 2
    assert any("m3" in fault and "differs in size from a.png" in fault for fault in shot.faults)
    assert any("m4" in fault and "is no PNG" in fault for fault in shot.faults)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.02])
def test_budget_holds_and_more_of_it_shows_more(made_run, ui, share):
    images = files_of(made_run(size=(320, 240), images=("a", "b", "c")))
    whole = embed(images, 10**9, ui)
    assert all(shot.crop == (0, 0, 320, 240) for shot in whole)
    budget = int(share * sum(shot.size for shot in whole))
    found = embed(images, budget, ui)
    assert sum(shot.size for shot in found if shot) <= budget
    sizes = {shot.crop.width for shot in found if shot}
    assert len(sizes) <= 1
    assert sizes <= {320, *SIZES}


def test_below_the_smallest_crops_the_most_different_images_stay(made_run, ui):
    images = files_of(made_run(size=(320, 240)))
    whole = embed(images, 10**9, ui)
    smallest = [shoot(files, scale, SIZES[-1]) for files, scale in images]
    budget = sum(shot.size for shot in smallest) - 1
    found = embed(images, budget, ui)
    assert found.count(None) == 1
    left_out = found.index(None)
    assert whole[left_out].difference == min(shot.difference for shot in whole)
    assert embed(images, 0, ui) == [None] * 5
