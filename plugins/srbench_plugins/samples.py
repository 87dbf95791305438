"""The dataset `samples`: colour photographs in the scikit-image wheel, so that a first run needs no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from srbench import DatasetSpec, ImagePair, hookimpl

PHOTOGRAPHS = {  # image name -> file
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "hubble": "hubble_deep_field.jpg",
    "motorcycle": "motorcycle_left.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "tissue": "ihc.png",
}


def images(_scale: int) -> list[ImagePair]:
    package = importlib.util.find_spec("skimage")  # does not import skimage, which would be slow
    folder = Path(next(iter((package and package.submodule_search_locations) or ["."]))) / "data"
    paths = {name: folder / file for name, file in PHOTOGRAPHS.items()}
    return [ImagePair(name, path) for name, path in paths.items() if path.is_file()]


@hookimpl
def srbench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="samples",
            summary="8 colour photographs from the scikit-image package; needs no download",
            scales={2, 3, 4, 8},
            images=images,
            source="scikit-image, skimage/data",
        )
    ]
