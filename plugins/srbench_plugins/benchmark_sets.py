"""The benchmark datasets Set5, Set14, BSD100 and Urban100: single files from one commit of the SelfExSR repository."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from srbench import Asset, DatasetSpec, ImagePair, hookimpl

COMMIT = "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598"
URL = f"https://raw.githubusercontent.com/jbhuang0604/SelfExSR/{COMMIT}/data"
HASHES = Path(__file__).with_name("benchmark_sets.sha256")

SETS = {
    "set5": ("Set5", "5 classic test images (Bevilacqua et al. 2012)", {2, 3, 4, 8}),
    "set14": ("Set14", "14 images, one of them grey (Zeyde et al. 2010)", {2, 3, 4, 8}),
    "bsd100": (
        "BSD100",
        "100 photographs: the validation images of BSDS300/500 (Martin et al. 2001)",
        {2, 3, 4, 8},
    ),
    "urban100": ("Urban100", "100 photographs of buildings (Huang et al. 2015)", {2, 4, 8}),
}


@cache
def hashes() -> dict[str, str]:
    """Return SHA-256 by path in the repository's data folder, e.g. ``Set5/image_SRF_4/img_001_SRF_4_HR.png``."""
    pairs = (line.split() for line in HASHES.read_text().splitlines())
    return {path: sha256 for sha256, path in pairs}


def images(name: str, scale: int) -> list[ImagePair]:
    folder = SETS[name][0]
    stored = 4 if scale == 8 else scale  # the repository has no x8 files; those of x4 are cropped further
    prefix = f"{folder}/image_SRF_{stored}/"
    return [
        ImagePair(
            path.removeprefix(prefix).split("_SRF_")[0],
            Asset(f"datasets/{name}/{path.removeprefix(folder + '/')}", sha256, f"{URL}/{path}"),
        )
        for path, sha256 in hashes().items()
        if path.startswith(prefix)
    ]


@hookimpl
def srbench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name=name,
            summary=summary,
            scales=scales,
            images=partial(images, name),
            source=f"github.com/jbhuang0604/SelfExSR @ {COMMIT[:12]}",
            refusals={} if 3 in scales else {3: "its authors published x2 and x4 only"},
        )
        for name, (_, summary, scales) in SETS.items()
    ]
