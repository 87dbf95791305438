"""Score SR images against their samples, in batches of one size; what depends on HR alone is cached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from srbench.errors import AssetError, SRBenchError, UndefinedScoreError, one_line
from srbench.images.tensors import to_float
from srbench.system.memory import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from srbench.errors import Code
    from srbench.protocols import Protocol
    from srbench.scoring.references import ReferenceStore
    from srbench.scoring.samples import Sample
    from srbench.specs import Metric, MetricSpec


@dataclass(frozen=True)
class Score:
    """A metric's value, or None with a reason; an infinite value has a reason too."""

    value: float | None
    reason: str = ""
    code: Code | None = None
    """The kind of failure if the metric could not be computed; None if it was computed or is undefined."""


class Scorer:
    """Scores SR images against samples; methods share what depends on HR alone."""

    def __init__(self, store: ReferenceStore) -> None:
        self.store = store
        self._metrics: dict[str, Metric] = {}
        self._views: dict[tuple[str, str], tuple[Sequence[torch.Tensor], torch.Tensor]] = {}
        self._one_by_one: set[Any] = set()
        """Metrics that failed with a batch, or (metric, shape) if they failed with a batch of that shape."""

    def forget(self) -> None:
        """Drop the cached views of the last images."""
        self._views.clear()

    def score(self, sr: torch.Tensor, sample: Sample, protocol: Protocol, spec: MetricSpec, key: str) -> Score:
        """Score one SR image, as `score_all` does."""
        return self.score_all([sr], [sample], protocol, spec, [key])[0]

    def score_all(
        self,
        images: Sequence[torch.Tensor],
        samples: Sequence[Sample],
        protocol: Protocol,
        spec: MetricSpec,
        keys: Sequence[str],
    ) -> list[Score]:
        """Score SR images of one size, as a batch if the metric takes batches and has not failed with one.

        Args:
            images: SR, each ``(3, H, W)`` uint8, of the size of the samples' HR.
            samples: their samples, of one size and one scale, all grey or none.
            protocol: the protocol.
            spec: the metric.
            keys: keys of the samples' HR content in the cache.

        Returns:
            A score per image; its value is None, with a reason, if the metric is undefined for the image.

        Raises:
            AssetError: the metric's backbone is not available.
            Exception: any exception of a metric; in a batch it may be about any image.
        """
        if spec.name not in self._metrics:
            self._metrics[spec.name] = spec.build()

        def scores(part: slice) -> list[Score]:
            return self._scores(images[part], samples[part], protocol, spec, keys[part])

        with torch.inference_mode():
            if spec.batched and len(images) > 1 and (together := self._together(scores, spec, images[0].shape)):
                return together
            return [_alone(scores, i) for i in range(len(images))]

    def _together(self, scores: Callable[[slice], list[Score]], spec: MetricSpec, shape: torch.Size) -> list[Score]:
        """Score images of one shape as a batch; return an empty list if each must be scored alone."""
        if {spec.name, (spec.name, shape)} & self._one_by_one:
            return []
        try:
            together = scores(slice(None))
        except UndefinedScoreError:
            return []  # scoring each alone shows which
        except AssetError:
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error):
                self._one_by_one.add((spec.name, shape))
                self.forget()
                self.store.clear()  # can be computed again
            else:
                self._one_by_one.add(spec.name)
            raise
        return together if all(score.value is not None for score in together) else []

    def _scores(
        self,
        images: Sequence[torch.Tensor],
        samples: Sequence[Sample],
        protocol: Protocol,
        spec: MetricSpec,
        keys: Sequence[str],
    ) -> list[Score]:
        """Score a batch of images, or a single image if the metric takes no batches."""
        metric, like, selected = self._metrics[spec.name], samples[0], slice(None) if spec.batched else 0

        def prepare() -> Any:
            hr = self._view("hr", [sample.hr for sample in samples], like, protocol, spec)
            return metric.prepare(hr[selected].clone(), protocol)  # a metric may change it in place

        identity = protocol.identity if spec.uses_protocol else ""
        prepared = self.store.get((tuple(keys), like.scale, spec.name, identity), prepare)
        value: Any = metric.score(self._view("sr", images, like, protocol, spec)[selected].clone(), prepared)
        if not spec.batched:
            return [_as_score(float(value), spec)]
        shape = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        if shape != f"shape ({len(keys)},)":
            raise SRBenchError(f"for a batch of {len(keys)} it returned {shape}, not a tensor of shape ({len(keys)},)")
        return [_as_score(float(number), spec) for number in value.tolist()]

    def _view(
        self, role: str, images: Sequence[torch.Tensor], like: Sample, protocol: Protocol, spec: MetricSpec
    ) -> torch.Tensor:
        """Return images as a metric gets them, ``(N, C, H, W)``; the last view of each role is cached."""
        kind = role, protocol.identity if spec.uses_protocol else ""
        viewed, view = self._views.get(kind, ((), torch.empty(0)))
        if len(viewed) != len(images) or any(a is not b for a, b in zip(viewed, images, strict=True)):
            planes = torch.stack(list(images)) if len(images) > 1 else images[0][None]
            view = _scored(planes, like, protocol) if spec.uses_protocol else to_float(planes)
            self._views[kind] = images, view
        return view


def _alone(scores: Callable[[slice], list[Score]], i: int) -> Score:
    try:
        return scores(slice(i, i + 1))[0]
    except UndefinedScoreError as error:
        return Score(None, one_line(error))


def _scored(planes: torch.Tensor, like: Sample, protocol: Protocol) -> torch.Tensor:
    wide = planes.double() if planes.device.type != "mps" else planes.cpu().double()  # MPS has no float64
    view: torch.Tensor = protocol.view(wide, grey=like.grey, scale=like.scale)
    return view


def _as_score(value: float, spec: MetricSpec) -> Score:
    if math.isnan(value):
        return Score(None, f"{spec.name} is not a number here")
    return Score(value, "" if math.isfinite(value) else f"SR equals HR: {spec.name} is infinite")
