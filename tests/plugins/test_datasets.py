"""The shipped datasets list what they say, under pinned hashes."""

from __future__ import annotations

import hashlib

import pytest

from srbench.data.pairs import load_pair
from srbench.errors import UsageError
from srbench_plugins import benchmark_sets, samples, training_sets

SETS = {spec.name: spec for spec in benchmark_sets.srbench_datasets()}
COUNTS = {"set5": 5, "set14": 14, "bsd100": 100, "urban100": 100}


@pytest.mark.parametrize("name", SETS)
def test_lists_every_image_at_every_scale(name):
    for scale in SETS[name].scales:
        pairs = SETS[name].pairs(scale)
        assert [pair.name for pair in pairs] == [f"img_{i:03d}" for i in range(1, COUNTS[name] + 1)]
        assert len({pair.hr.sha256 for pair in pairs}) == COUNTS[name]
        assert all(benchmark_sets.COMMIT in pair.hr.url for pair in pairs)


def test_x8_is_made_from_the_x4_files():
    assert SETS["set5"].pairs(8) == SETS["set5"].pairs(4)


def test_urban100_x3_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="urban100 does not exist at x3: its authors published x2 and x4 only"):
        SETS["urban100"].pairs(3)


@pytest.mark.parametrize(("name", "scale"), [("set5", 2), ("set5", 3), ("set5", 4), ("set14", 4), ("bsd100", 4)])
def test_mirror_holds_the_pinned_files(mirror, name, scale):
    for pair in SETS[name].pairs(scale):
        content = (mirror / pair.hr.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == pair.hr.sha256


def test_set14_has_one_file_stored_grey(mirror):
    grey = [pair.name for pair in SETS["set14"].pairs(4) if load_pair(pair, 4)[0].grey]
    assert grey == ["img_003"]


def test_samples_are_eight_colour_photographs():
    pairs = samples.srbench_datasets()[0].pairs(4)
    assert [pair.name for pair in pairs] == list(samples.PHOTOGRAPHS)
    for pair in pairs:
        hr, lr = load_pair(pair, 4)
        assert lr is None
        assert not hr.grey
        assert min(hr.size) >= 300


def test_training_sets_that_come_as_archives():
    specs = {spec.name: spec for spec in training_sets.srbench_datasets() if spec.archive}
    assert set(specs) == {"div2k", "flickr2k", "coco2014", "coco2017", "pets", "cars"}
    assert specs["coco2014"].aliases == ("coco",)
    for name, spec in specs.items():
        assert spec.archive.path.startswith(f"datasets/{name}/")
        file = spec.archive.path.rsplit("/", 1)[1]
        assert spec.archive.url.rpartition("/")[2] == ("" if name == "cars" else file)  # whose host is gone
        assert spec.archive.hash
        with pytest.raises(UsageError, match=f"{name} is not here yet: 'srbench fetch {name}' gets it"):
            spec.pairs(4)


def test_pets_is_the_file_that_torchvision_takes():
    from torchvision.datasets import OxfordIIITPet

    archive = next(spec for spec in training_sets.srbench_datasets() if spec.name == "pets").archive
    assert (archive.url, archive.hash.removeprefix("md5:")) in OxfordIIITPet._RESOURCES


def test_cars_come_from_a_folder_or_say_so(tmp_path, save_image):
    from srbench.catalog.catalog import Catalog
    from srbench.data.find import find_dataset
    from srbench.errors import AssetError
    from srbench.store.archives import fetch_archive
    from srbench.system.terminal import Silent

    save_image(tmp_path / "stanford" / "cars_train" / "00001.jpg")
    spec = find_dataset(Catalog.load(), f"cars={tmp_path / 'stanford'}")
    assert [pair.name for pair in spec.pairs(4)] == ["00001"]
    with pytest.raises(AssetError, match=r"no source, as none is known.*name the folder of its images: NAME=FOLDER"):
        fetch_archive(spec.archive, Silent())
