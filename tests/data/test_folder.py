"""Folders become datasets whose pairs fit, or are refused."""

from __future__ import annotations

import pytest

from srbench.data.folder import folder_dataset
from srbench.data.pairs import load_pair
from srbench.errors import UsageError


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
    with pytest.raises(UsageError, match=r"has LR for x2 \(LR/x2\), x4 \(LR/x4\), none for x3"):
        spec.pairs(3)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["HR/a.png", "HR/b.png", "LR/a.png"], "'b' has no LR image of the same name"),
        (["HR/a.png", "LR/a.png", "LR/b.png", "LR/c.png"], r"'b' has no HR image of the same name \(and 1 more\)"),
        (["HR/a.png", "LR/a.png", "LR/ax4.png"], "'a' has two LR images"),
        (["HR/a.png", "LR/a.txt"], "LR: holds no image file; remove it to have LR made from HR"),
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
