"""Everything that is found out about pairs of LR and HR, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from srbench.errors import SRBenchError
from srbench.identify.blocks import find_jpeg
from srbench.identify.compare import BENCHMARK, Comparison, compare
from srbench.identify.cost import measure
from srbench.identify.describe import describe
from srbench.identify.kernel import estimate
from srbench.identify.pairs import read_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.catalog.catalog import Catalog
    from srbench.identify.blocks import Jpeg
    from srbench.identify.cost import Cost
    from srbench.identify.describe import Description
    from srbench.identify.kernel import Estimate
    from srbench.identify.pairs import LRPair
    from srbench.images.resizers.resizer import Pixels
    from srbench.system.terminal import UI

MOST = 12
"""Most pairs that a kernel is estimated from, evenly spread."""


@dataclass
class Identity:
    """What made LR, as far as it is known."""

    scale: int
    comparison: Comparison
    estimate: Estimate | None = None
    description: Description | None = None
    jpegs: list[Jpeg] = field(default_factory=list)
    """JPEG's traces, of the images that show some."""
    looked_at: int = 0
    """Images that were looked at for JPEG's traces and clipping."""
    clipped: float = 0.0
    """Share of LR values that are 0 or 255."""
    cost: Cost | None = None
    stopped: bool = False


def identify(pairs: Sequence[LRPair], scale: int, catalog: Catalog, ui: UI, *, need_kernel: bool = False) -> Identity:
    """Compare pairs with all candidates; where none is equal, estimate the kernel. What a stop leaves is returned.

    Args:
        pairs: LR and HR files.
        scale: their scale.
        catalog: has the network that measures what follows.
        ui: shows progress.
        need_kernel: estimate the kernel in any case.
    """
    with ui.track("comparing", len(pairs)) as advance:
        comparison = compare(pairs, scale, advance)
    identity = Identity(scale, comparison, stopped=comparison.stopped)
    best = comparison.best
    if best is None or comparison.stopped:
        return identity
    try:
        if need_kernel or not best.is_equal:
            with ui.track("estimating the kernel", 1) as advance:
                _estimate(identity, pairs)
                advance("")
        if not any(member.name == BENCHMARK and member.is_equal for member in comparison.groups[0]):
            identity.cost = measure(catalog, pairs, scale)
    except KeyboardInterrupt:
        identity.stopped = True
    return identity


def _estimate(identity: Identity, pairs: Sequence[LRPair]) -> None:
    """Add the kernel, its description and JPEG's traces."""
    pixels: list[tuple[Pixels, Pixels]] = []
    for pair in pairs[:: -(-len(pairs) // MOST)]:
        try:
            pixels.append(read_pair(pair))
        except SRBenchError:
            continue
    lows = [lr for _, lr in pixels]
    identity.looked_at = len(lows)
    identity.clipped = sum(int(((lr == 0) | (lr == 255)).sum()) for lr in lows) / max(1, sum(lr.size for lr in lows))
    identity.jpegs = [jpeg for lr in lows if (jpeg := find_jpeg(np.asarray(lr))) is not None]
    estimated = estimate(pixels, identity.scale)
    if estimated is None:
        return
    if identity.jpegs:  # what is left is JPEG's then, not noise
        estimated = replace(estimated, kernel=replace(estimated.kernel, noise=0.0))
    identity.estimate = estimated
    identity.description = describe(estimated.kernel)
