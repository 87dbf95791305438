"""Training sets, file by file from pinned commits: T91, the 200 training images of BSDS500, General-100."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path, PurePosixPath

from srbench import Asset, DatasetSpec, ImagePair, hookimpl

HASHES = Path(__file__).with_name("training_sets.sha256")
RAW = "https://raw.githubusercontent.com"

SETS = {
    "t91": (
        "the 91 images of Yang et al. 2010",
        "tegg89/SRCNN-Tensorflow/78be1a24697935fc39a3a8cf59a6632264afade7/Train",
    ),
    "bsds500-train": (
        "the 200 training images of BSDS500, called BSD200 (Arbelaez et al. 2011)",
        "BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/BSDS500/data/images/train",
    ),
    "general100": (
        "100 images without compression (Dong et al. 2016)",
        "yippp/FSRCNN/b82c173a998caf777ab57ea24ef8db1110458a39/dataset/train/General-100",
    ),
}
EXCLUDED = {"bsds500-train": {"302003": "is 'woman' of the test set Set5"}}


@cache
def hashes() -> dict[str, str]:
    """SHA-256 by set and file, e.g. ``t91/t1.bmp``."""
    pairs = (line.split() for line in HASHES.read_text().splitlines())
    return {path: sha256 for sha256, path in pairs}


def images(name: str, _scale: int) -> list[ImagePair]:
    found = []
    for path, sha256 in hashes().items():
        file = PurePosixPath(path)
        if file.parent.name == name and file.stem not in EXCLUDED.get(name, {}):
            found.append(ImagePair(file.stem, Asset(f"datasets/{path}", sha256, f"{RAW}/{SETS[name][1]}/{file.name}")))
    return found


@hookimpl
def srbench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name=name,
            summary=f"{summary}; for training",
            scales={2, 3, 4, 8},
            images=partial(images, name),
            source=f"github.com/{'/'.join(place.split('/')[:2])} @ {place.split('/')[2][:12]}",
            excluded=EXCLUDED.get(name, {}),
        )
        for name, (summary, place) in SETS.items()
    ]
