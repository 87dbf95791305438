"""Folders as the field publishes them pair up, or are refused with layouts that would do."""

from __future__ import annotations

import shutil

import pytest

from srbench.data.folder import folder_dataset, name_of
from srbench.data.layouts import read_name
from srbench.data.listing import list_hr, list_lr, list_pairs
from srbench.errors import UsageError

# name -> (HR files, LR files at x4, image names): as the authors' archives and read-me files have them
FIELD = {
    "SelfExSR: image_SRF_4": (
        ["img_001_SRF_4_HR.png", "img_002_SRF_4_HR.png"],
        ["img_001_SRF_4_LR.png", "img_002_SRF_4_LR.png"],
        ["img_001", "img_002"],
    ),
    "RealSR: Canon/Test/4": (["Canon_001_HR.png"], ["Canon_001_LR4.png"], ["Canon_001"]),
    "one folder, x4": (["0801.png", "0802.png"], ["0801x4.png", "0802x4.png"], ["0801", "0802"]),
    "one folder, HR and x4": (["a_HR.png", "b_HR.png"], ["a_x4.png", "b_x4.png"], ["a", "b"]),
    "one folder, HR with a plain name": (["a.png"], ["a_LR.png"], ["a"]),
    "one folder, LR with a plain name": (["a-hr.png", "b-hr.png"], ["a.png", "b.png"], ["a", "b"]),
    "one folder, LR with a plain name beside GT": (["GT_a.png"], ["a.png"], ["a"]),
    "BasicSR: Vid4, a clip": (["GT/calendar/01.png"], ["BIx4/calendar/01.png"], ["01"]),
    "hires and lores": (["hires/1.png"], ["lores/1.png"], ["1"]),
    "one folder, capitals behind a word": (["babyHR.png"], ["babyLR.png"], ["baby"]),
    "one folder, words in front": (["HR_1.png", "HR_2.png"], ["LR_1.png", "LR_2.png"], ["1", "2"]),
    "EDSR: Set5": (
        ["HR/baby.png", "HR/bird.png"],
        ["LR_bicubic/X4/babyx4.png", "LR_bicubic/X4/birdx4.png"],
        ["baby", "bird"],
    ),
    "EDSR, RealSR: LR_unknown": (["HR/0001.png"], ["LR_unknown/X4/0001x4.png"], ["0001"]),
    "DIV2K": (["DIV2K_valid_HR/0801.png"], ["DIV2K_valid_LR_bicubic/X4/0801x4.png"], ["0801"]),
    "DIV2K mild": (["DIV2K_train_HR/0001.png"], ["DIV2K_train_LR_mild/0001x4m.png"], ["0001"]),
    "DIV2K difficult": (["DIV2K_train_HR/0001.png"], ["DIV2K_train_LR_difficult/0001x4d.png"], ["0001"]),
    "NTIRE: DIV2K_LSDIR_valid": (["DIV2K_LSDIR_valid_HR/0801.png"], ["DIV2K_LSDIR_valid_LR/0801x4.png"], ["0801"]),
    "LSDIR: val1": (["HR/val/01.png", "HR/val/02.png"], ["X4/val/01x4.png", "X4/val/02x4.png"], ["01", "02"]),
    "Flickr2K": (["Flickr2K_HR/000001.png"], ["Flickr2K_LR_bicubic/X4/000001x4.png"], ["000001"]),
    "BasicSR: Set5": (["GTmod12/baby.png"], ["LRbicx4/baby.png"], ["baby"]),
    "BasicSR: with originals": (["GTmod12/baby.png"], ["LRbicx4/baby.png"], ["baby"], ["original/baby.png"]),
    "BasicSR: sub-images": (
        ["DIV2K_train_HR_sub/0001_s001.png"],
        ["DIV2K_train_LR_bicubic/X4_sub/0001_s001.png"],
        ["0001_s001"],
    ),
    "ESRGAN: DF2K": (["DF2K_HR_sub/0001_s001.png"], ["DF2K_bicLRx4_sub/0001_s001.png"], ["0001_s001"]),
    "ESRGAN: Set5": (["Set5/baby.png"], ["Set5_bicLRx4/baby.png"], ["baby"]),
    "ESRGAN: its MATLAB script": (["HR/x4/baby.png"], ["LR/x4/baby.png"], ["baby"]),
    "RCAN: BI": (["HR/Set5/x4/baby_HR_x4.png"], ["LR/LRBI/Set5/x4/baby_LRBI_x4.png"], ["baby"]),
    "RCAN: suffixes": (
        ["HR/i0_HR_x4.png", "HR/i1_HR_x4.png"],
        ["LR/x4/i0_LRBI_x4.png", "LR/x4/i1_LRBI_x4.png"],
        ["i0", "i1"],
    ),
    "KAIR: trainsets": (["trainH/0001.png"], ["trainL/0001.png"], ["0001"]),
    "KAIR: H and L": (["H/0001.png"], ["L/0001.png"], ["0001"]),
    "GT and LQ": (["GT/001.png"], ["LQ/001.png"], ["001"]),
    "DRealSR: Test_x4": (["test_HR/DSC_1_x4.png"], ["test_LR/DSC_1_x1.png"], ["DSC_1"]),
    "Kaggle: high_res": (["high_res/1.png"], ["low_res/1.png"], ["1"]),
    "high and low": (["high/1.png"], ["low/1.png"], ["1"]),
    "SRGAN: valid_hr": (["valid_hr/1.png"], ["valid_lr/1.png"], ["1"]),
    "HR in the folder, LR below": (["a.png", "b.png"], ["LR/a.png", "LR/b.png"], ["a", "b"]),
    "one folder, an ending of its own": (["a.png", "b.png"], ["a_bicubic_x4.png", "b_bicubic_x4.png"], ["a", "b"]),
    "an ending of its own": (["HR/a.png", "HR/b.png"], ["LR/a_shot.png", "LR/b_shot.png"], ["a", "b"]),
}


@pytest.fixture
def make(tmp_path, save_image):
    """Make a folder of HR (24x20) and LR files at x4."""

    def write(hr=(), lr=(), others=()):
        for name in (*hr, *others):
            save_image(tmp_path / "set" / name, 24, 20)
        for name in lr:
            save_image(tmp_path / "set" / name, 6, 5)
        return tmp_path / "set"

    return write


@pytest.mark.parametrize("layout", FIELD.values(), ids=FIELD)
def test_layouts_of_the_field_pair_up(make, layout):
    hr, lr, names, *others = layout
    folder = make(hr, lr, *others)
    listing = list_pairs(folder, 4)
    assert [(pair.name, pair.hr, pair.lr) for pair in listing.pairs] == [
        (name, folder / large, folder / small) for name, large, small in zip(names, hr, lr, strict=True)
    ]
    pairs = f"set: {len(hr)} pair{'s' if len(hr) > 1 else ''}; "
    assert listing.remarks[0].text.startswith(pairs)
    assert "LR " in listing.remarks[0].text
    assert list(list_hr(folder, 4).files) == [folder / name for name in hr]
    assert list(list_lr(folder, 4).files) == [folder / name for name in lr]


def test_what_was_paired_is_said(make):
    folder = make(["HR/0801.png", "HR/0802.png"], ["LR_bicubic/X4/0801x4.png", "LR_bicubic/X4/0802x4.png"])
    assert [remark.text for remark in list_pairs(folder, 4).remarks] == [
        "set: 2 pairs; HR from HR, LR from LR_bicubic/X4"
    ]


def test_scales_are_told_apart_by_folders_and_by_names(make, save_image):
    folder = make(["HR/a.png", "b/c_SRF_4_HR.png"], ["LR_bicubic/X4/ax4.png"])
    save_image(folder / "LR_bicubic" / "X2" / "ax2.png", 12, 10)
    assert [pair.lr.name for pair in list_pairs(folder, 2).pairs] == ["ax2.png"]
    assert [pair.lr.name for pair in list_pairs(folder, 4).pairs] == ["ax4.png"]
    for name, size in (("a.png", (24, 20)), ("ax2.png", (12, 10)), ("ax4.png", (6, 5))):
        save_image(folder.with_name("flat") / name, *size)
    assert [pair.lr.name for pair in list_pairs(folder.with_name("flat"), 2).pairs] == ["ax2.png"]


def test_folder_of_lr_is_paired_with_the_hr_beside_it(make):
    folder = make(
        ["DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png"],
        ["DIV2K_valid_LR_unknown/X4/0801x4.png", "DIV2K_valid_LR_bicubic/X4/0801x4.png"],
    )
    for below in ("DIV2K_valid_LR_unknown", "DIV2K_valid_LR_unknown/X4"):
        listing = list_pairs(folder / below, 4)
        assert [(pair.hr.parent.name, pair.lr.parent.parent.name) for pair in listing.pairs] == [
            ("DIV2K_valid_HR", "DIV2K_valid_LR_unknown")
        ]
        assert listing.remarks[0].text.endswith("HR from DIV2K_valid_HR, LR from DIV2K_valid_LR_unknown/X4")


@pytest.mark.parametrize(
    ("hr", "lr", "text"),
    [
        (
            ["HR/a.png"],
            ["LR_bicubic/X4/a.png", "LR_unknown/X4/a.png"],
            r"LR_bicubic/X4 and LR_unknown/X4; give the folder",
        ),
        (["HR/a.png"], ["LR/x2/a.png"], r"has LR for x2 \(LR/x2\), none for x4; give the folder of HR alone"),
        (["HR/a.png", "HR/b.png"], ["LR/a.png"], r"'b' has no LR image of the same name"),
        (
            ["HR/cat.png"],
            ["LR/dog.png"],
            r"do not pair by name \(for example cat.png and dog.png\); layouts that do: HR/ and",
        ),
        ([], ["LR/a.png"], r"holds LR images \(a.png\) and no HR.*layouts that do: HR/ and LR/"),
        ([], ["a_LR.png", "b_LR.png"], r"holds LR images \(a_LR.png, b_LR.png\) and no HR"),
        ([], ["LR_bicubic/X4/ax4.png"], r"holds LR images \(ax4.png\) and no HR"),
        (
            ["train/HR/a.png", "val/HR/b.png"],
            ["train/LR/a.png", "val/LR/b.png"],
            r"2 sets of pairs \(train, val\); give",
        ),
        (["x/a.png", "y/b.png"], [], r"holds no image file; its sub-folders do: x \(1\), y \(1\); give one of them"),
        (["a_HR.png"], ["a_LRBI_x4.png", "a_LRBD_x4.png"], r"LR of 2 kinds at x4 \(lrbd and lrbi\)"),
    ],
    ids=[
        "two-lr",
        "other-scale",
        "no-lr",
        "names",
        "lr-alone",
        "lr-names-alone",
        "lr-scale-alone",
        "two-sets",
        "sub",
        "kinds",
    ],
)
def test_what_is_not_clear_is_refused(make, hr, lr, text):
    with pytest.raises(UsageError, match=text):
        list_pairs(make(hr, lr), 4)


def test_one_of_two_lr_folders_is_chosen_by_its_path(make):
    folder = make(["HR/a.png"], ["LR_bicubic/X4/a.png", "LR_unknown/X4/a.png"])
    assert [pair.lr.parent.parent.name for pair in list_pairs(folder / "LR_unknown" / "X4", 4).pairs] == ["LR_unknown"]
    folder = make(["HR/Set5/x4/a_HR_x4.png"], ["LR/LRBI/Set5/x4/a_LRBI_x4.png", "LR/LRBD/Set5/x4/a_LRBD_x4.png"])
    shutil.rmtree(folder / "LR_bicubic")
    shutil.rmtree(folder / "LR_unknown")
    (folder / "HR" / "a.png").unlink()
    assert [pair.lr.name for pair in list_pairs(folder / "LR" / "LRBD" / "Set5" / "x4", 4).pairs] == ["a_LRBD_x4.png"]


def test_enlarged_images_beside_theirs_are_no_lr(make):
    folder = make(["baby.png"], (), ["baby_x4.png"])  # as large as baby.png
    assert [pair.lr for pair in list_pairs(folder, 4).pairs] == [None, None]


def test_results_of_methods_beside_pairs_are_passed_over_by_name(make):
    folder = make(["img_1_SRF_4_HR.png"], ["img_1_SRF_4_LR.png"], ["img_1_SRF_4_SRCNN.png"])
    listing = list_pairs(folder, 4)
    assert [pair.name for pair in listing.pairs] == ["img_1"]
    assert listing.remarks[1].text == "set: passed over: 1 image that is no HR: img_1_SRF_4_SRCNN.png"
    assert listing.remarks[1].warning


def test_files_that_are_not_read_and_sub_folders_are_counted(make):
    folder = make(["a.png", "sub/b.png", "sub/c.png"])
    for name in ("d.jxl", "e.jxl", "f.hdr", "notes.txt"):
        (folder / name).touch()
    assert [remark.text for remark in list_pairs(folder, 4).remarks] == [
        "set: passed over: 3 files of kinds that are not read: 1 .hdr, 2 .jxl",
        "set: passed over: 2 images in sub-folders: sub (2)",
    ]


def test_a_run_folder_below_is_no_data(make):
    folder = make(["a.png", "runs/1/images/HR/a.png"])
    (folder / "runs" / "1" / "run.json").touch()
    listing = list_pairs(folder, 4)
    assert [pair.name for pair in listing.pairs] == ["a"]
    assert listing.remarks == []


def test_photographs_whose_names_say_lr_are_remarked_on(make):
    folder = make(["a.png", "b_LR.png", "c.png"])
    listing = list_pairs(folder, 4)
    assert len(listing.pairs) == 3
    assert [remark.text for remark in listing.remarks] == ["set: b_LR.png: LR or SR by name, but taken as HR"]


def test_smaller_copies_of_some_images_are_remarked_on(make):
    folder = make(["a.png", "b.png", "c.png"], ["a_small.png"])
    listing = list_pairs(folder, 4)
    assert len(listing.pairs) == 4
    assert [remark.text for remark in listing.remarks] == [
        "set: a_small.png: smaller copies of other images by name and size, but taken as HR"
    ]


@pytest.mark.parametrize(
    ("name", "role", "scale", "base"),
    [
        ("img_001_SRF_4_HR", "HR", 4, "img_001"),
        ("Canon_001_LR4", "LR", 4, "Canon_001"),
        ("LR4", "LR", None, "4"),
        ("0001x4w1", "", 4, "0001"),
        ("baby-LRBD-x3", "LR", 3, "baby"),
        ("babyLRx4", "LR", 4, "baby"),
        ("threshold_1", "", None, "threshold_1"),
        ("slr_camera", "", None, "slr_camera"),
        ("fuji_x100", "", None, "fuji_x100"),
    ],
)
def test_names_are_taken_apart(name, role, scale, base):
    read = read_name(name)
    assert (read.role, read.scale, read.base) == (role, scale, base)


def test_folders_of_one_name_are_told_apart_by_their_parents(make):
    folder = make(["A/HR/a.png", "B/HR/b.png", "C/x4/GT/a.png"])
    assert [folder_dataset(folder / below).name for below in ("A/HR", "B/HR")] == ["hr", "hr"]
    assert [name_of(folder / below, 1) for below in ("A/HR", "B/HR")] == ["a-hr", "b-hr"]
    assert name_of(folder / "C" / "x4" / "GT", 2) == "c-x4-gt"
