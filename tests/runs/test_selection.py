"""``--images`` and ``--limit-images``: a part of a dataset, scored as in the whole."""

from __future__ import annotations

import csv

import pytest

from srbench.runs.selection import check_names, select
from srbench.specs import ImagePair


@pytest.fixture
def run(here, tmp_path, save_image):
    for seed, name in enumerate(("Baby", "bird", "head")):
        save_image(tmp_path / "photos" / f"{name}.png", seed=seed)
        save_image(tmp_path / "two" / f"{name}-2.png", seed=seed + 10)

    def call(*options, out="run", datasets="photos"):
        common = ["--dataset", datasets, "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", out]
        return here("run", "--methods", "bicubic", *common, *options)

    return call


@pytest.mark.parametrize(
    ("images", "names"), [("a", ["a"]), ("b,c", ["b,c"]), ("B,c,a", ["a", "b,c"]), ("b,c,d", ["b,c", "d"])]
)
def test_names_with_commas_are_chosen(tmp_path, images, names):
    pairs = [ImagePair(name, tmp_path / f"{name}.png") for name in ("a", "b,c", "c,d", "d")]
    check_names(images.split(","), {"photos": pairs})
    assert [pair.name for pair in select(pairs, "photos", images.split(","), 0)] == names


def rows(folder):
    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_means_are_those_of_the_chosen_images(run, tmp_path):
    alone = []
    for name in ("Baby", "bird", "head"):
        done = run("--images", name.upper(), out=name)
        assert done.returncode == 0, done.stderr
        assert "photos x2: 1 of 3 images are scored" in done.stderr
        assert "photos x2: 1 of 3 images: compare with no published figure" in done.stdout
        alone.append(float(rows(tmp_path / name)[0]["psnr"]))
    assert run("--limit-images", 2).returncode == 0
    (row,) = rows(tmp_path / "run")
    assert (float(row["psnr"]), row["images"]) == (pytest.approx(sum(alone[:2]) / 2), "2")
    done = run()
    assert done.returncode == 0
    (row,) = rows(tmp_path / "run")
    assert (float(row["psnr"]), row["images"]) == (pytest.approx(sum(alone) / 3), "3")
    assert "compare with no published figure" not in done.stdout


def test_images_of_several_sets_are_named_with_their_set(run, here, tmp_path):
    done = run("--images", "photos/bird,two/head-2,two/bird-2", "--limit-images", 1, datasets="photos,two")
    assert done.returncode == 0, done.stderr
    assert [(row["dataset"], row["images"]) for row in rows(tmp_path / "run")] == [("photos", "1"), ("two", "1")]
    assert here("verify", "run").returncode == 0
    assert here("rerun", "run", "--out", "again").returncode == 0
    assert [row["psnr"] for row in rows(tmp_path / "again")] == [row["psnr"] for row in rows(tmp_path / "run")]


@pytest.mark.parametrize(
    ("options", "datasets", "said"),
    [
        (["--images", "brid"], "photos", "unknown image 'brid'; did you mean 'bird'?"),
        (["--images", "bird"], "photos,two", "dataset two has none of --images bird; it has Baby-2, bird-2, head-2"),
        (["--limit-images", "-1"], "photos", "Invalid value for '--limit-images'"),
    ],
)
def test_what_is_in_no_set_is_refused(run, options, datasets, said):
    done = run(*options, datasets=datasets)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
