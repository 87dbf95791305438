"""SR images scored against their samples: those of one size together, what depends on HR alone once."""

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
    """A metric's value, or None with the reason; an infinite value has its reason too."""

    value: float | None
    reason: str = ""
    code: Code | None = None
    """The kind of failure where the metric could not be computed; None where it was, or is undefined."""


class Scorer:
    """Scores SR images against samples, sharing what depends on HR alone between methods."""

    def __init__(self, store: ReferenceStore) -> None:
        self.store = store
        self._metrics: dict[str, Metric] = {}
        self._views: dict[tuple[str, str], tuple[Sequence[torch.Tensor], torch.Tensor]] = {}
        self._one_by_one: set[Any] = set()
        """Metrics that failed with a batch, or with a batch of images of such a size."""

    def forget(self) -> None:
        """Drop what the images scored last look like to metrics."""
        self._views.clear()

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
        """Score SR images of one size, together where the metric takes batches and has never failed with one.

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
            Exception: what a metric raises; of several images it may be about any.
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
        """Score images of such a shape as a batch; nothing where each has to be scored alone."""
        if {spec.name, (spec.name, shape)} & self._one_by_one:
            return []
        try:
            together = scores(slice(None))
        except UndefinedScoreError:
            return []  # for which of them?
        except AssetError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                self._one_by_one.add((spec.name, shape))
                self.forget()
                self.store.clear()  # can be had again
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
        """Score images together, or one where the metric takes no batches."""
        metric, like, seen = self._metrics[spec.name], samples[0], slice(None) if spec.batched else 0

        def prepare() -> Any:
            hr = self._view("hr", [sample.hr for sample in samples], like, protocol, spec)
            return metric.prepare(hr[seen], protocol)

        identity = protocol.identity if spec.uses_protocol else ""
        prepared = self.store.get((tuple(keys), like.scale, spec.name, identity), prepare)
        value: Any = metric.score(self._view("sr", images, like, protocol, spec)[seen], prepared)
        if not spec.batched:
            return [_as_score(float(value), spec)]
        shape = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        if shape != f"shape ({len(keys)},)":
            raise SRBenchError(f"of a batch of {len(keys)} it returned {shape}, not a tensor of shape ({len(keys)},)")
        return [_as_score(float(one), spec) for one in value.tolist()]

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
