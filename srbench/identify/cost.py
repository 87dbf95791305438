"""Measure what networks trained on bicubic LR lose on other LR, by one that is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from srbench import defaults
from srbench.errors import SRBenchError
from srbench.identify.pairs import read_pair
from srbench.images.degradations import BICUBIC
from srbench.images.tensors import to_8bit, to_float
from srbench.inference.build import build_net
from srbench.inference.upscale import upscale
from srbench.protocols import get_protocol
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.catalog.catalog import Catalog
    from srbench.identify.pairs import LRPair

MOST = 20
"""Most pairs that are measured, evenly spread."""


@dataclass(frozen=True)
class Cost:
    """Mean PSNR of a network on LR as given and on bicubic LR of the same HR, in dB, by the default protocol."""

    method: str
    given: float
    bicubic: float
    images: int

    @property
    def loss(self) -> float:
        """What is lost on LR as given, in dB."""
        return self.bicubic - self.given


def measure(catalog: Catalog, pairs: Sequence[LRPair], scale: int) -> Cost | None:
    """Measure a network on pairs; None where none is shipped for the scale, or no pair can be scored."""
    spec = catalog.models.specs.get(defaults.PROBE)
    if spec is None or scale not in spec.shipped or defaults.SORT not in catalog.metrics:
        return None
    net = build_net(spec, scale, torch.device("cpu"), spec.shipped[scale])
    scorer, metric = Scorer(ReferenceStore(0)), catalog.metrics[defaults.SORT]
    protocol = get_protocol(defaults.PROTOCOL)
    values: list[tuple[float, float]] = []
    for pair in pairs[:: -(-len(pairs) // MOST)]:
        try:
            hr, given = (torch.from_numpy(pixels).permute(2, 0, 1).contiguous() for pixels in read_pair(pair))
        except SRBenchError:
            continue
        hr = hr[:, : hr.shape[1] // scale * scale, : hr.shape[2] // scale * scale].contiguous()
        if (given.shape[1] * scale, given.shape[2] * scale) != tuple(hr.shape[1:]):
            continue
        grey = bool((hr[0] == hr[1]).all() and (hr[0] == hr[2]).all())
        scores = []
        for lr in (given, BICUBIC(hr, scale)):
            sr = to_8bit(upscale(net, to_float(lr), scale, spec.multiple, smallest=spec.smallest))[0]
            scores.append(scorer.score(sr, Sample(pair.name, hr, lr, grey, scale), protocol, metric, pair.name).value)
        if all(score is not None for score in scores):
            values.append((scores[0] or 0.0, scores[1] or 0.0))
    if not values:
        return None
    given_mean, bicubic_mean = (sum(column) / len(values) for column in zip(*values, strict=True))
    return Cost(spec.name, given_mean, bicubic_mean, len(values))
