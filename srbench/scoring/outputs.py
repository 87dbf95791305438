"""Upscale LR, round SR to 8 bits and score it, for runs, training, comparisons and checks."""

from __future__ import annotations

import traceback
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from srbench.catalog.blame import explain
from srbench.errors import AssetError, Code
from srbench.images.tensors import to_float
from srbench.protocols import PROTOCOLS, get_protocol
from srbench.scoring.scorer import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from srbench.protocols import Protocol
    from srbench.scoring.samples import Sample
    from srbench.scoring.scorer import Scorer
    from srbench.specs import MetricSpec

    Upscale = Callable[[torch.Tensor], torch.Tensor]
    """``(N, 3, h, w)`` float32 in [0, 1] -> ``(N, 3, h*scale, w*scale)`` uint8."""


@dataclass(frozen=True)
class Criterion:
    """A metric under a protocol; a metric that uses no protocol is the same under each."""

    metric: MetricSpec
    protocol: Protocol

    @property
    def names(self) -> tuple[str, str]:
        """The names of the metric and the protocol; the latter is empty if the metric uses none."""
        return self.metric.name, self.protocol.name if self.metric.uses_protocol else ""

    @classmethod
    def of(cls, metric: MetricSpec, protocol: str) -> Criterion:
        """Return a metric under a protocol by name; empty if the metric uses none.

        Raises:
            UsageError: there is no such protocol.
        """
        return cls(metric, get_protocol(protocol or next(iter(PROTOCOLS))))


def criteria(metrics: Iterable[MetricSpec], protocols: Sequence[Protocol]) -> list[Criterion]:
    """Return each metric under each protocol; metrics that use none once."""
    return [
        Criterion(metric, protocol)
        for metric in metrics
        for protocol in (protocols if metric.uses_protocol else protocols[:1])
    ]


def upscale_samples(upscale: Upscale, samples: Iterable[Sample]) -> torch.Tensor:
    """Return SR of samples of one LR size, ``(N, 3, H, W)`` uint8.

    Raises:
        MethodError: the method fails, or its output has a wrong shape or is not finite.
    """
    return upscale(to_float(torch.stack([sample.lr for sample in samples])))


def score_samples(
    scorer: Scorer,
    samples: Mapping[str, Sample],
    outputs: Mapping[str, torch.Tensor],
    wanted: Mapping[str, Sequence[Criterion]],
    keys: Mapping[str, str],
    home_of: Callable[[str], Path | None] = lambda _: None,
) -> Iterator[tuple[str, Criterion, Score]]:
    """Score SR images of one size. If a metric fails or is unavailable, only its own values are missing.

    Args:
        scorer: computes the scores, and caches what depends on HR alone.
        samples: samples by image, of one size and one scale, all grey or none.
        outputs: SR by image, ``(3, H, W)`` uint8.
        wanted: the criteria by image.
        keys: keys of the images' HR content in the scorer's cache.
        home_of: returns the path of a metric's code, for messages.

    Yields:
        The image, the criterion and its score, criterion by criterion.
    """
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    by_names: dict[tuple[str, str], Criterion] = {}
    for image in samples:
        for criterion in wanted[image]:
            members[criterion.names].append(image)
            by_names[criterion.names] = criterion

    def scores(criterion: Criterion, images: Sequence[str]) -> list[Score]:
        try:
            return scorer.score_all(
                [outputs[image] for image in images],
                [samples[image] for image in images],
                criterion.protocol,
                criterion.metric,
                [keys[image] for image in images],
            )
        except AssetError as error:
            return [Score(None, str(error), Code.MISSING_BACKBONE)] * len(images)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
            traceback.print_exc()
            if len(images) > 1:  # one of them failed, or a smaller batch fits in memory
                torch.cuda.empty_cache()
                return [scores(criterion, [image])[0] for image in images]
            failure = explain(error, home_of(criterion.metric.name))
            return [Score(None, f"{criterion.metric.name} failed: {failure}", failure.code)]

    for names, images in members.items():
        for image, score in zip(images, scores(by_names[names], images), strict=True):
            yield image, by_names[names], score
