"""A resizer: one library's way to shrink an 8-bit image, by name. No numpy is imported until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Shrink = Callable[[Pixels, tuple[int, int], int], Pixels]


@dataclass(frozen=True)
class Library:
    """A library whose version decides pixels."""

    title: str
    module: str
    distributions: tuple[str, ...]
    """Names in package indexes, of which any brings the module."""

    @property
    def missing(self) -> str:
        """What is missing and how to get it; empty if it is installed."""
        if find_spec(self.module):
            return ""
        return f"{self.title} is not installed: pip install 'srbench[resizers]'"

    @property
    def version(self) -> str:
        """Version that is installed; ``none`` if it is not."""
        return _version(self)


@cache
def _version(library: Library) -> str:
    for distribution in library.distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    if library.missing:
        return "none"
    return str(getattr(import_module(library.module), "__version__", "unknown"))


PILLOW = Library("Pillow", "PIL", ("pillow",))
OPENCV = Library(
    "OpenCV",
    "cv2",
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
)
TORCH = Library("torch", "torch", ("torch",))
TORCHVISION = Library("torchvision", "torchvision", ("torchvision",))
SCIKIT_IMAGE = Library("scikit-image", "skimage", ("scikit-image",))
SCIPY = Library("SciPy", "scipy", ("scipy",))


@dataclass(frozen=True)
class Resizer:
    """One way to shrink an image; ``shrink(pixels, size, scale)``.

    It takes ``(H, W, 3)`` uint8, the LR height and width, and the scale, and returns ``(h, w, 3)`` uint8. H and W need
    not be multiples of the scale; a resizer that cannot make the size raises ValueError.
    """

    name: str
    summary: str
    shrink: Shrink
    library: Library | None = None
    """The library whose version decides pixels; None where srbench's own code does."""


def rounded(x: NDArray[Any]) -> Pixels:
    """Round half up and clamp to 8 bits."""
    import numpy as np

    return np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8)
