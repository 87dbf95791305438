"""Folders become datasets whose pairs fit; every image that cannot be scored is named with its fault."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.catalog.catalog import Catalog
from srbench.data.find import find_dataset
from srbench.data.folder import folder_dataset
from srbench.data.image_sets import prepare
from srbench.data.pairs import load_pair, usable
from srbench.errors import ImageError, UsageError
from srbench.images.picture import Picture
from srbench.images.tensors import planes
from srbench.specs import ImagePair
from srbench.store.hashes import file_hash


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load(())


@pytest.fixture
def ui():
    said = []
    return SimpleNamespace(said=said, warn=said.append, note=said.append)


def names(spec, scale=4):
    return [pair.name for pair in spec.pairs(scale)]


def test_folder_of_hr_files_is_a_dataset(tmp_path, save_image):
    for name in ("b.png", "a.jpg", "c.bmp"):
        save_image(tmp_path / "My Photos!" / name)
    (tmp_path / "My Photos!" / "notes.txt").write_text("no image")
    spec = folder_dataset(tmp_path / "My Photos!")
    assert spec.name == "my-photos"
    assert spec.source == str(tmp_path / "My Photos!")
    assert spec.scales >= {2, 3, 4, 8}
    assert [(pair.name, pair.hr.name, pair.lr) for pair in spec.pairs(2)] == [
        ("a", "a.jpg", None),
        ("b", "b.png", None),
        ("c", "c.bmp", None),
    ]


def test_folder_without_a_usable_name_is_still_a_dataset(tmp_path, save_image):
    save_image(tmp_path / "写真" / "a.png")
    assert folder_dataset(tmp_path / "写真").name == "folder"


def test_same_stems_are_told_apart_by_suffix(tmp_path, save_image):
    for name in ("a.png", "a.jpg", "b.png"):
        save_image(tmp_path / name)
    assert names(folder_dataset(tmp_path)) == ["a.jpg", "a.png", "b"]


def test_hr_folder_alone_makes_its_lr(tmp_path, save_image):
    save_image(tmp_path / "HR" / "a.png")
    save_image(tmp_path / "beside.png")
    assert [(pair.name, pair.lr) for pair in folder_dataset(tmp_path).pairs(4)] == [("a", None)]


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("HR/a.png", "LR/a.png"),
        ("hr/a.png", "lr/a.jpg"),
        ("HR/a.png", "LR/x4/a.png"),
        ("HR/a.png", "LR/X4/a.png"),
        ("HR/0801.png", "LR/0801x4.png"),
        ("HR/0801.png", "LR/x4/0801x4.png"),
        ("HR/tilex4.png", "LR/tilex4.png"),
    ],
)
def test_hr_and_lr_pair_by_name(tmp_path, save_image, hr, lr):
    save_image(tmp_path / hr, 40, 36)
    save_image(tmp_path / lr, 10, 9)
    (pair,) = folder_dataset(tmp_path).pairs(4)
    assert (pair.hr, pair.lr) == (tmp_path / hr, tmp_path / lr)
    large, small = load_pair(pair, 4)
    assert (large.size, small.size) == ((40, 36), (10, 9))


def test_each_scale_has_its_own_lr_folder(tmp_path, save_image):
    save_image(tmp_path / "HR" / "a.png", 24, 24)
    for scale in (2, 4):
        save_image(tmp_path / "LR" / f"x{scale}" / f"ax{scale}.png", 24 // scale, 24 // scale)
    spec = folder_dataset(tmp_path)
    for scale in (2, 4):
        assert load_pair(spec.pairs(scale)[0], scale)[1].size == (24 // scale, 24 // scale)
    with pytest.raises(UsageError, match=r"LR: has no folder x3 beside x2, x4"):
        spec.pairs(3)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["HR/a.png", "HR/b.png", "LR/a.png"], "'b' has no LR image of the same name"),
        (["HR/a.png", "LR/a.png", "LR/b.png", "LR/c.png"], r"'b' has no HR image of the same name \(and 1 more\)"),
        (["HR/a.png", "LR/a.png", "LR/ax4.png"], "'a' has two LR images"),
        (["HR/a.png", "LR/a.txt"], "LR: holds no image file"),
    ],
    ids=["no-lr", "no-hr", "two-lr", "empty-lr"],
)
def test_halves_that_do_not_pair_up_are_refused(tmp_path, save_image, files, said):
    for name in files:
        if name.endswith(".png"):
            save_image(tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
    with pytest.raises(UsageError, match=said):
        folder_dataset(tmp_path).pairs(4)


def test_name_comes_before_folder_and_path_finds_the_folder(tmp_path, save_image, catalog, monkeypatch):
    save_image(tmp_path / "set5" / "a.png")
    save_image(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert find_dataset(catalog, "set5") is catalog.datasets["set5"]
    assert find_dataset(catalog, "./set5").source == str(tmp_path / "set5")
    assert find_dataset(catalog, "photos").source == str(tmp_path / "photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_dataset(catalog, "~/photos").source == str(tmp_path / "photos")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("./photo", "dataset './photo': no such folder"),
        ("a.png", "dataset 'a.png': no such folder"),
        ("set55", "unknown dataset 'set55'; did you mean 'set5'"),
        ("~nobody-here/photos", "Could not determine home directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_neither_name_nor_folder_is_said(tmp_path, catalog, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match=said):
        find_dataset(catalog, text)


def test_hr_is_cropped_to_multiples_of_the_scale(tmp_path, save_image):
    path = save_image(tmp_path / "a.png", 41, 39)
    hr, lr = load_pair(ImagePair("a", path), 4)
    assert lr is None
    with Pillow.open(path) as image:
        np.testing.assert_array_equal(hr.pixels, np.asarray(image)[:36, :40])


def test_lr_may_belong_to_uncropped_hr(tmp_path, save_image):
    hr, lr = save_image(tmp_path / "h.png", 41, 39), save_image(tmp_path / "l.png", 10, 9)
    assert load_pair(ImagePair("a", hr, lr), 4)[0].size == (40, 36)


def test_wrong_lr_size_names_both_sizes(tmp_path, save_image):
    hr, lr = save_image(tmp_path / "h.png", 40, 36), save_image(tmp_path / "l.png", 20, 18)
    with pytest.raises(ImageError, match=r"l\.png: is 20x18, but x4 of it should be 40x36 as h\.png is"):
        load_pair(ImagePair("a", hr, lr), 4)


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


def test_usable_names_each_fault_and_keeps_the_rest(faulty):
    good, faults = usable(folder_dataset(faulty).pairs(4), 4)
    assert [pair.name for pair in good] == ["good"]
    assert len(faults) == len(FAULTS)
    for fault, (name, reason) in zip(faults, FAULTS.items(), strict=True):
        assert fault.startswith(str(faulty / name))
        assert reason in fault


def test_usable_leaves_the_filters_of_warnings_alone(tmp_path, save_image):
    pairs = [ImagePair(str(i), save_image(tmp_path / f"{i}.png", seed=i)) for i in range(16)]
    before = list(warnings.filters)
    for _ in range(20):
        usable(pairs, 2)
    assert list(warnings.filters) == before


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


def test_planes_are_channels_first():
    pixels = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    array = planes(Picture(pixels, grey=False))
    assert array.flags.c_contiguous
    assert array.shape == (3, 2, 5)
    assert array[2, 1, 4] == pixels[1, 4, 2]
