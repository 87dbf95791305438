"""The plugins that come with srbench; each is loaded through its entry point, like any other.

Here are the sources of published figures that several plugins quote, and the function that makes specs of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import Published

if TYPE_CHECKING:
    from collections.abc import Mapping

ESRGAN_TABLE = "ESRGAN supplement, Table 2 (arXiv:1809.00219)"
SRGAN_TABLE = "SRGAN, Table 2 (arXiv:1609.04802)"
SPSR_README = "SPSR README (github.com/Maclory/SPSR)"
SPSR_PROTOCOL = "lpips-alex rgb uncropped"
"""How SPSR's authors measured LPIPS: AlexNet, RGB, no border cut."""


def published(metric: str, protocol: str, source: str, values: Mapping[str, float]) -> list[Published]:
    """Return a method's figures at x4 in one table.

    Args:
        metric: e.g. ``psnr``.
        protocol: the protocol of the source, a name of srbench's where it is the same.
        source: the table, for readers.
        values: the metric's mean over a dataset, by the dataset's name.
    """
    return [Published(dataset, 4, metric, value, protocol, source) for dataset, value in values.items()]
