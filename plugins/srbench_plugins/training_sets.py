"""Training sets: T91, BSDS500 and General-100 as single files from fixed commits, larger ones as archives."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path, PurePosixPath

from srbench import Archive, Asset, DatasetSpec, ImagePair, hookimpl

HASHES = Path(__file__).with_name("training_sets.sha256")
RAW = "https://raw.githubusercontent.com"

SETS = {  # name -> summary, repository/commit/folder
    "t91": (
        "the 91 images of Yang et al. 2010",
        "tegg89/SRCNN-Tensorflow/78be1a24697935fc39a3a8cf59a6632264afade7/Train",
    ),
    "bsds500-train": (
        "the 200 training images of BSDS500, called BSD200 (Arbelaez et al. 2011)",
        "BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/BSDS500/data/images/train",
    ),
    "general100": (
        "100 uncompressed images (Dong et al. 2016)",
        "yippp/FSRCNN/b82c173a998caf777ab57ea24ef8db1110458a39/dataset/train/General-100",
    ),
}
EXCLUDED = {"bsds500-train": {"302003": "is 'woman' of the test set Set5"}}

# Sizes and SHA-256 are from TensorFlow Datasets (url_checksums/), MD5 from torchSR (Flickr2K) and torchvision
ARCHIVES = {
    "div2k": (
        "the 800 training photographs of DIV2K, 2K wide (Agustsson and Timofte 2017)",
        Archive(
            "datasets/div2k/DIV2K_train_HR.zip",
            "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
            folder="DIV2K_train_HR",
            images=800,
            size=3_530_603_713,
            hash="sha256:9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
        ),
    ),
    "flickr2k": (
        "2650 photographs from Flickr, 2K wide (Lim et al. 2017); with div2k known as DF2K",
        Archive(
            "datasets/flickr2k/Flickr2K.tar",
            "https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar",
            folder="Flickr2K/Flickr2K_HR",
            images=2650,
            hash="md5:5d3f39443d5e9489bff8963f8f26cb03",
        ),
    ),
    "coco2014": (
        "the 82,783 training photographs of COCO 2014 (Lin et al. 2014)",
        Archive(
            "datasets/coco2014/train2014.zip",
            "http://images.cocodataset.org/zips/train2014.zip",
            folder="train2014",
            images=82_783,
            size=13_510_573_713,
            hash="sha256:ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
        ),
    ),
    "coco2017": (
        "the 118,287 training photographs of COCO 2017: those of 2014 and most of its validation images",
        Archive(
            "datasets/coco2017/train2017.zip",
            "http://images.cocodataset.org/zips/train2017.zip",
            folder="train2017",
            images=118_287,
            size=19_336_861_798,
            hash="sha256:69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
        ),
    ),
    "pets": (
        "the 7390 photographs of cats and dogs of Oxford-IIIT Pet (Parkhi et al. 2012)",
        Archive(
            "datasets/pets/images.tar.gz",
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            folder="images",
            images=7390,
            size=791_918_971,
            hash="md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
    ),
    "cars": (
        "the 8144 training photographs of Stanford Cars (Krause et al. 2013), offline: use cars=FOLDER or a mirror",
        Archive(
            "datasets/cars/cars_train.tgz",
            folder="cars_train",
            images=8144,
            hash="md5:065e5b463ae28d29e77c1b4b166cfe61",
        ),
    ),
}
ALIASES = {"coco2014": ("coco",)}


@cache
def hashes() -> dict[str, str]:
    """Return SHA-256 by dataset and file, e.g. ``t91/t1.bmp``."""
    pairs = (line.split() for line in HASHES.read_text().splitlines())
    return {path: sha256 for sha256, path in pairs}


def images(name: str, _scale: int) -> list[ImagePair]:
    pairs = []
    for path, sha256 in hashes().items():
        file = PurePosixPath(path)
        if file.parent.name == name and file.stem not in EXCLUDED.get(name, {}):
            pairs.append(ImagePair(file.stem, Asset(f"datasets/{path}", sha256, f"{RAW}/{SETS[name][1]}/{file.name}")))
    return pairs


@hookimpl
def srbench_datasets() -> list[DatasetSpec]:
    by_file = [
        DatasetSpec(
            name=name,
            summary=f"{summary}; for training",
            scales={2, 3, 4, 8},
            images=partial(images, name),
            training=True,
            source=f"github.com/{'/'.join(folder.split('/')[:2])} @ {folder.split('/')[2][:12]}",
            excluded=EXCLUDED.get(name, {}),
        )
        for name, (summary, folder) in SETS.items()
    ]
    as_archive = [
        DatasetSpec(
            name=name,
            summary=f"{summary}; for training" + (f", {archive.size / 1e9:.1f} GB" if archive.size else ""),
            scales={2, 3, 4, 8},
            archive=archive,
            aliases=ALIASES.get(name, ()),
            training=True,
            source=archive.url or archive.hash,
        )
        for name, (summary, archive) in ARCHIVES.items()
    ]
    return by_file + as_archive
