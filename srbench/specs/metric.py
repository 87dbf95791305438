"""A quality metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from srbench.specs.checks import check_callable, check_names, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from srbench.protocols import Protocol as ScoringProtocol


class Metric(Protocol):
    """What a metric's ``build()`` returns.

    Images arrive as ``(C, H, W)``, or as ``(N, C, H, W)`` with `MetricSpec.batched`: where the protocol applies, its
    channels in [0, 255] as float64 with the border already cut; otherwise RGB in [0, 1] as float32, whole.
    Other metrics see the same tensors: change none in place.
    """

    def prepare(self, hr: torch.Tensor, protocol: ScoringProtocol) -> Any:
        """Compute what depends on HR alone; shared by all methods."""

    def score(self, sr: torch.Tensor, prepared: Any) -> float | torch.Tensor:
        """Score an SR image against what `prepare` returned.

        Raises:
            UndefinedScoreError: the metric has no value here.
        """


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A quality metric.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    summary: str
    build: Callable[[], Metric]
    better: Literal["higher", "lower"]
    version: str = "1"
    """Changes whenever values would; part of every result's key."""
    uses_protocol: bool = True
    """False when the protocol's channel and border do not apply (LPIPS: always RGB, never cut)."""
    batched: bool = False
    """True when both steps take ``(N, C, H, W)``, images of one size, instead, and `score` returns their ``(N,)``
    values: a GPU is given several images at once, a CPU one. Of a batch with an `UndefinedScoreError` each image is
    scored again alone."""
    backbone: str = ""
    """Pretrained feature network that must be fetched first."""
    decimals: int = 4
    """Digits behind the point that boards print."""
    tolerance: float | None = None
    """How far a value may be from a published figure and still count as the same, for rounding to its digits and small
    differences between scripts; None for 2 % of the figure."""
    aliases: Sequence[str] = ()
    paper: str = ""

    def __post_init__(self) -> None:
        check_names(self)
        check_callable(self, "build")
        require(self.better in ("higher", "lower"), self, "better must be 'higher' or 'lower'")
        require(bool(self.version), self, "version is empty")

    def allowed(self, figure: float) -> float:
        """Return how far a value may be from a published figure and still count as the same."""
        return 0.02 * abs(figure) if self.tolerance is None else self.tolerance

    @property
    def identity(self) -> str:
        """Name, version and backbone as recorded with every value, e.g. ``lpips/0.1/alexnet``."""
        return "/".join(part for part in (self.name, self.version, self.backbone) if part)
