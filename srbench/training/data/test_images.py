"""Test images among training images: the same file, or the same pixels."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError
from srbench.images.fingerprint import cropped, fingerprint
from srbench.images.read import read_8bit
from srbench.specs import Asset
from srbench.system.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.specs import ImagePair
    from srbench.training.data.find import TrainingImage


def find_test_images(catalog: Catalog, images: Mapping[TrainingImage, str]) -> dict[str, str]:
    """Return which training images are images of test sets, such as ``butterfly of set5``, by name.

    Args:
        catalog: its datasets that are not for training are the test sets; nothing of them is fetched or opened.
        images: the training images, each with the SHA-256 of its file.
    """
    files, pixels = _known(catalog)
    sizes = {text.partition(":")[0] for text in pixels}
    same = {image.name: files[sha256] for image, sha256 in images.items() if sha256 in files}
    wanted = [
        image
        for image in images
        if image.name not in same and "{}x{}".format(*cropped(image.width, image.height)) in sizes
    ]

    def twin(image: TrainingImage) -> str:
        try:
            return pixels.get(fingerprint(read_8bit(image.path)), "")
        except SRBenchError:  # reported where it is left out
            return ""

    with warnings.catch_warnings(action="ignore"):
        same |= {image.name: name for image, name in zip(wanted, in_threads(twin, wanted), strict=True) if name}
    return same


def _known(catalog: Catalog) -> tuple[dict[str, str], dict[str, str]]:
    """Return what to call the images of test sets, by the SHA-256 of their files and by their pixels."""
    files, pixels = {}, {}
    for spec in catalog.datasets.specs.values():
        if spec.training or spec.images is None:
            continue
        with contextlib.suppress(SRBenchError):  # another set's fault is that set's
            for scale in sorted(spec.scales):
                for pair in spec.pairs(scale):
                    label = f"{_usual(pair)} of {spec.name}"
                    if isinstance(pair.hr, Asset):
                        files[pair.hr.sha256] = label
                    if pair.name in spec.fingerprints:
                        pixels[spec.fingerprints[pair.name]] = label
    return files, pixels


def _usual(pair: ImagePair) -> str:
    return pair.aliases[0] if pair.aliases else pair.name
