"""LR files that a dataset brings: how they differ from the benchmark's own LR."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from srbench.data.pairs import load_pair
from srbench.errors import SRBenchError, counted
from srbench.images.degradations import BICUBIC
from srbench.specs import Remark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from srbench.images.degradations import Degradation
    from srbench.specs import ImagePair

COMPARED = 5
"""Images of a set that are compared, evenly spread."""
ALIKE = 40.0
"""Largest mean difference, of 255, between LR of one image, however it was degraded; others are another picture's."""


def remark_on(name: str, pairs: Sequence[ImagePair], scale: int, degradation: Degradation) -> list[Remark]:
    """Return a remark where given LR are not the benchmark's, or are not used at all.

    Args:
        name: name of the dataset, for the text.
        pairs: images that can be scored.
        scale: scale of the pairs.
        degradation: makes LR; one other than bicubic replaces LR files.
    """
    given = [pair for pair in pairs if pair.lr is not None]
    if not given:
        return []
    if degradation is not BICUBIC:
        count = counted(len(given), "LR file")
        return [Remark(f"{name}: {count} not used: LR is made from HR by {degradation.name}", warning=True)]
    chosen = given[:: -(-len(given) // COMPARED)]
    gaps = [gap for pair in chosen if (gap := _gap(pair, scale)) is not None]
    if not any(gap.any() for gap in gaps):
        return []
    other = sum(bool(gap.any()) for gap in gaps)
    mean = float(np.mean([gap.mean() for gap in gaps]))
    text = (
        f"{name}: LR is not the benchmark's ({BICUBIC.identity}) but used as given; it differs in "
        f"{other} of {counted(len(gaps), 'image')} compared, by {mean:.1f} of 255 on average"
    )
    return [Remark(text + ("; check that HR and LR show the same" if mean > ALIKE else ""), warning=True)]


def _gap(pair: ImagePair, scale: int) -> NDArray[np.int16] | None:
    """Return the absolute differences between given and benchmark LR, ``(3, h, w)``; None for unreadable files."""
    import torch

    from srbench.images.tensors import planes  # imports torch

    try:
        with warnings.catch_warnings(action="ignore"):
            hr, lr = load_pair(pair, scale)
    except SRBenchError:
        return None
    if lr is None:
        return None
    bicubic = BICUBIC(torch.from_numpy(planes(hr)), scale).numpy().astype(np.int16)
    gap: NDArray[np.int16] = np.abs(bicubic - planes(lr))
    return gap
