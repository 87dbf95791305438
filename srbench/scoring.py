"""SR images scored against their samples: those of one size together, what depends on HR alone once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from srbench.errors import UndefinedScoreError, one_line
from srbench.evaluate import to_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.evaluate import Sample
    from srbench.protocols import Protocol
    from srbench.references import ReferenceStore
    from srbench.specs import Metric, MetricSpec


@dataclass(frozen=True)
class Score:
    """A metric's value, or None with the reason; an infinite value has its reason too."""

    value: float | None
    reason: str = ""


class Scorer:
    """Scores SR images against samples, sharing what depends on HR alone between methods."""

    def __init__(self, store: ReferenceStore) -> None:
        self.store = store
        self._metrics: dict[str, Metric] = {}
        self._views: dict[tuple[str, str], tuple[Sequence[torch.Tensor], torch.Tensor]] = {}

    def score(self, sr: torch.Tensor, sample: Sample, protocol: Protocol, spec: MetricSpec, key: str) -> Score:
        """Score one SR image; as `score_all`."""
        return self.score_all([sr], [sample], protocol, spec, [key])[0]

    def score_all(
        self,
        images: Sequence[torch.Tensor],
        samples: Sequence[Sample],
        protocol: Protocol,
        spec: MetricSpec,
        keys: Sequence[str],
    ) -> list[Score]:
        """Score SR images of one size, together where the metric takes batches.

        Args:
            images: ``(3, H, W)`` uint8, the size of the samples' HR.
            samples: what they are compared with; of one size and one scale, all grey or none.
            protocol: how.
            spec: by which metric.
            keys: identify the samples' HR content in the store.

        Returns:
            The value of each; None with a reason where the metric is undefined for an image.

        Raises:
            AssetError: the metric's backbone could not be had.
        """
        if spec.name not in self._metrics:
            self._metrics[spec.name] = spec.build()
        how = protocol.identity if spec.uses_protocol else ""
        parts: list[Any] = [slice(None)] if spec.batched else list(range(len(images)))
        scores: list[Score] = []
        with torch.inference_mode():
            for part in parts:
                scored = keys[part] if spec.batched else [keys[part]]
                prepared_as = (tuple(scored), samples[0].scale, spec.name, how)
                try:
                    values = self._values(images, samples, protocol, spec, part, prepared_as)
                    scores += [_as_score(value, spec) for _, value in zip(scored, values, strict=True)]
                except UndefinedScoreError as error:
                    scores += [Score(None, one_line(error))] * len(scored)
        return scores

    def _values(
        self,
        images: Sequence[torch.Tensor],
        samples: Sequence[Sample],
        protocol: Protocol,
        spec: MetricSpec,
        part: Any,
        prepared_as: tuple[Any, ...],
    ) -> list[float]:
        """Return what the metric says of a part of the images: of all, or of one."""
        metric, like = self._metrics[spec.name], samples[0]

        def prepare() -> Any:
            hr = self._view("hr", [sample.hr for sample in samples], like, protocol, spec)
            return metric.prepare(hr[part], protocol)

        prepared = self.store.get(prepared_as, prepare)
        value: Any = metric.score(self._view("sr", images, like, protocol, spec)[part], prepared)
        return list(value.tolist()) if spec.batched else [float(value)]

    def _view(
        self, role: str, images: Sequence[torch.Tensor], like: Sample, protocol: Protocol, spec: MetricSpec
    ) -> torch.Tensor:
        """Return what a metric sees of images, ``(N, C, H, W)``; each role's last view is kept for the next metric."""
        kind = role, protocol.identity if spec.uses_protocol else ""
        seen, view = self._views.get(kind, ((), torch.empty(0)))
        if len(seen) != len(images) or any(one is not other for one, other in zip(seen, images, strict=True)):
            planes = torch.stack(list(images)) if len(images) > 1 else images[0][None]
            view = _scored(planes, like, protocol) if spec.uses_protocol else to_float(planes)
            self._views[kind] = images, view
        return view


def _scored(planes: torch.Tensor, like: Sample, protocol: Protocol) -> torch.Tensor:
    wide = planes.double() if planes.device.type != "mps" else planes.cpu().double()  # MPS has no float64
    view: torch.Tensor = protocol.view(wide, grey=like.grey, scale=like.scale)
    return view


def _as_score(value: float, spec: MetricSpec) -> Score:
    if math.isnan(value):
        return Score(None, f"{spec.name} is not a number here")
    return Score(value, "" if math.isfinite(value) else f"SR equals HR: {spec.name} is infinite")
