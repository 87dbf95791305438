"""The benchmark datasets Set5, Set14, BSD100 and Urban100: single files from one commit of the SelfExSR repository."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from srbench import Asset, DatasetSpec, ImagePair, hookimpl

COMMIT = "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598"
URL = f"https://raw.githubusercontent.com/jbhuang0604/SelfExSR/{COMMIT}/data"
HASHES = Path(__file__).with_name("benchmark_sets.sha256")
FINGERPRINTS = Path(__file__).with_name("benchmark_sets.fingerprints")

SETS = {
    "set5": ("Set5", "5 classic test images (Bevilacqua et al. 2012)", {2, 3, 4, 8}),
    "set14": ("Set14", "14 images, one of them grey (Zeyde et al. 2010)", {2, 3, 4, 8}),
    "bsd100": (
        "BSD100",
        "100 photographs: the validation images of BSDS300/500 (Martin et al. 2001)",
        {2, 3, 4, 8},
    ),
    "urban100": ("Urban100", "100 photographs of buildings (Huang et al. 2015)", {2, 3, 4, 8}),
}
FROM_X4 = {"urban100": {2, 3, 8}}
"""Scales at which the HR files of x4 are cropped instead: by default x8, for which there are no files.

Papers make LR of Urban100 at x2 and x3 from these too. Its own x2 files are half as large, and there are none for x3.
"""
USUAL_NAMES = {
    "set5": ("baby", "bird", "butterfly", "head", "woman"),
    "set14": (
        *("baboon", "barbara", "bridge", "coastguard", "comic", "face", "flowers"),
        *("foreman", "lenna", "man", "monarch", "pepper", "ppt3", "zebra"),
    ),
}
"""Names of the images in papers, in the order of the files."""


@cache
def hashes() -> dict[str, str]:
    """Return SHA-256 by path in the repository's data folder, e.g. ``Set5/image_SRF_4/img_001_SRF_4_HR.png``."""
    pairs = (line.split() for line in HASHES.read_text().splitlines())
    return {path: sha256 for sha256, path in pairs}


@cache
def fingerprints(name: str) -> dict[str, str]:
    """Return fingerprints of pixels by image; none for Urban100, whose files are known by their SHA-256 alone."""
    lines = (line.split() for line in FINGERPRINTS.read_text().splitlines())
    return {path.partition("/")[2]: text for text, path in lines if path.startswith(f"{name}/")}


def images(name: str, scale: int) -> list[ImagePair]:
    folder = SETS[name][0]
    stored = 4 if scale in FROM_X4.get(name, {8}) else scale
    prefix = f"{folder}/image_SRF_{stored}/"
    paths = [(path, sha256) for path, sha256 in hashes().items() if path.startswith(prefix)]
    usual = USUAL_NAMES.get(name, ())
    return [
        ImagePair(
            path.removeprefix(prefix).split("_SRF_")[0],
            Asset(f"datasets/{name}/{path.removeprefix(folder + '/')}", sha256, f"{URL}/{path}"),
            aliases=usual[i : i + 1],
        )
        for i, (path, sha256) in enumerate(paths)
    ]


@hookimpl
def srbench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name=name,
            summary=summary,
            scales=scales,
            images=partial(images, name),
            fingerprints=fingerprints(name),
            source=f"github.com/jbhuang0604/SelfExSR @ {COMMIT[:12]}",
        )
        for name, (_, summary, scales) in SETS.items()
    ]
