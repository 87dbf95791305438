"""Kernel files: a linear degradation as ``srbench identify`` estimates it, as JSON. No numpy until it runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from srbench.errors import UsageError, reason_of
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MOST_BYTES = 4 * 2**20
MOST_TAPS = 128
"""Largest height and width of a kernel."""
KIND = "srbench kernel"


@dataclass(frozen=True)
class Kernel:
    """A linear degradation: ``lr[y, x] = sum of weights[i, j] * hr[scale * y + top + i, scale * x + left + j]``.

    Borders are replicated; the sum is rounded half up and clamped to 8 bits.
    """

    scale: int
    weights: list[list[float]]
    """Height by width."""
    top: int
    """Row of the first weight in HR pixels, from the first row of the LR pixel's block."""
    left: int
    linear_light: bool = False
    """Whether it acts on linear light (sRGB's curve undone) instead of code values."""
    noise: float = 0.0
    """Sigma of the Gaussian noise that is added to LR, in steps of 8 bits."""
    offset: float = 0.0
    """Added to LR before rounding, in steps of 8 bits (of linear light: not used)."""

    @property
    def summary(self) -> str:
        """The kernel in a few words."""
        light = ", in linear light" if self.linear_light else ""
        noise = f", noise of sigma {self.noise:.2g}" if self.noise else ""
        return f"{len(self.weights)}x{len(self.weights[0])} at x{self.scale}{light}{noise}"

    def shrink(self, pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the LR, ``(h, w, 3)`` uint8, of HR ``(H, W, 3)`` uint8; grey images get grey noise."""
        import numpy as np

        from srbench.images.resizers.resizer import rounded

        weights = np.array(self.weights)
        height, width = (side // self.scale for side in pixels.shape[:2])
        rows = [np.clip(self.top + i + self.scale * np.arange(height), 0, len(pixels) - 1) for i in range(len(weights))]
        columns = [
            np.clip(self.left + j + self.scale * np.arange(width), 0, pixels.shape[1] - 1)
            for j in range(weights.shape[1])
        ]
        x = to_linear(pixels) if self.linear_light else pixels.astype(np.float64)
        total = np.zeros((height, width, 3))
        for i, row in enumerate(rows):
            kept = x[row]
            for j, column in enumerate(columns):
                total += weights[i, j] * kept[:, column]
        total = to_code(total) if self.linear_light else total + self.offset
        if self.noise:
            is_grey = bool((pixels == pixels[..., :1]).all())
            total += self.noise * random.standard_normal((height, width, 1 if is_grey else 3))
        return rounded(total)


def to_linear(code: NDArray[Any]) -> NDArray[Any]:
    """Turn code values in [0, 255] into linear light in [0, 1] by sRGB's curve (IEC 61966-2-1)."""
    import numpy as np

    x = np.asarray(code, np.float64) / 255
    return np.asarray(np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0) + 0.055) / 1.055) ** 2.4))


def to_code(light: NDArray[Any]) -> NDArray[Any]:
    """Turn linear light in [0, 1] into code values in [0, 255], unrounded; values outside are continued."""
    import numpy as np

    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, curve))


def save_kernel(kernel: Kernel, path: Path) -> None:
    """Write a kernel file."""
    with replacing(path) as beside:
        beside.write_text(json.dumps({"kind": KIND, "version": 1} | asdict(kernel)) + "\n", encoding="utf-8")


def read_kernel(path: Path) -> tuple[Kernel, str]:
    """Return the kernel of a file, and the SHA-256 of its content.

    Raises:
        UsageError: the file cannot be read, or holds no kernel.
    """
    try:
        if not path.is_file():
            raise UsageError(f"{path}: no such kernel file; 'srbench identify LR HR --save-kernel FILE' writes one")
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path}: is no kernel file: larger than {MOST_BYTES} bytes")
        content = path.read_bytes()
        fields = json.loads(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({reason_of(error)})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is no kernel file: no JSON") from error
    try:
        if fields.pop("kind") != KIND or fields.pop("version") != 1:
            raise UsageError(f"{path}: is no kernel file of version 1")
        kernel = _checked(Kernel(**fields))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: is no kernel file: a field is missing or wrong") from error
    return kernel, hashlib.sha256(content).hexdigest()


def _checked(kernel: Kernel) -> Kernel:
    """Return a kernel whose fields have the right types and ranges.

    Raises:
        ValueError: one has not.
    """
    width = len(kernel.weights[0])
    numbers = [weight for row in kernel.weights for weight in row] + [kernel.noise, kernel.offset]
    is_right = (
        all(type(value) is int and abs(value) <= 4 * MOST_TAPS for value in (kernel.scale, kernel.top, kernel.left))
        and 2 <= kernel.scale <= 16
        and 1 <= width <= MOST_TAPS
        and len(kernel.weights) <= MOST_TAPS
        and all(len(row) == width for row in kernel.weights)
        and all(type(value) in {int, float} and abs(value) < 1e6 for value in numbers)  # not NaN either
        and kernel.noise >= 0
        and type(kernel.linear_light) is bool
    )
    if not is_right:
        raise ValueError("out of range")
    return kernel
