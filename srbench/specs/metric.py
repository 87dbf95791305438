"""`MetricSpec` and `Metric`: a quality metric and what it builds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from srbench.specs.checks import NAME, check_callable, check_names, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from srbench.protocols import Protocol as ScoringProtocol


class Metric(Protocol):
    """The object that a metric's ``build()`` returns; it scores in two steps.

    Images have the shape ``(C, H, W)``, or ``(N, C, H, W)`` with `MetricSpec.batched`. With
    `MetricSpec.uses_protocol` they are the protocol's channels: float64 in [0, 255], with the border already cut.
    Without it they are the whole RGB images: float32 in [0, 1]. SR is rounded to 8 bits in both cases.
    SR and HR are copies for this metric alone. What ``prepare`` returns is kept: ``score`` may not change it in place.
    """

    def prepare(self, hr: torch.Tensor, protocol: ScoringProtocol) -> Any:
        """Compute what depends on HR alone. The result is kept and reused for all methods.

        Args:
            hr: HR, ``(C, H, W)``, or ``(N, C, H, W)`` with `MetricSpec.batched`.
            protocol: the protocol by which images are scored; ``hr`` is already its view.

        Returns:
            Any object; it is passed to `score`.

        Raises:
            UndefinedScoreError: the metric is undefined for this HR image, e.g. because it is too small or flat.
        """

    def score(self, sr: torch.Tensor, prepared: Any) -> float | torch.Tensor:
        """Score SR against the prepared HR.

        Args:
            sr: SR, of the same shape, type and range as HR.
            prepared: the result of `prepare` for the same image or images.

        Returns:
            The value as a number or scalar tensor. With `MetricSpec.batched`, a tensor ``(N,)``.

        Raises:
            UndefinedScoreError: the metric is undefined for this image; the reason is recorded instead of a value.
        """


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A quality metric: a column of the leaderboard.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    """Name of the metric, and of its column: lower-case letters, digits, ``.``, ``_`` and ``-``."""
    summary: str
    """What the metric measures, and its unit, in one line."""
    build: Callable[[], Metric]
    """Returns the metric. May raise an `AssetError` if pretrained weights are missing."""
    better: Literal["higher", "lower"]
    """Direction in which values are better."""
    version: str = "1"
    """Version of the definition, part of every result's key: letters, digits, ``.``, ``_``, ``+`` and ``-``. Change it
    whenever values change."""
    uses_protocol: bool = True
    """True: the metric takes the protocol's channels without the border. False: it takes whole RGB images (LPIPS)."""
    batched: bool = False
    """True if both steps take ``(N, C, H, W)``, images of one size, and `Metric.score` returns ``(N,)`` values.

    On a GPU N may exceed 1. If a batch raises an `UndefinedScoreError`, its images are scored again one by one.
    """
    backbone: str = ""
    """Name of the pretrained feature network that has to be fetched first, e.g. ``alexnet``; empty if none."""
    unit: str = ""
    """Unit of the values, such as ``dB``; empty if they have none."""
    decimals: int = 4
    """Digits after the decimal point in tables."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """The smallest and the largest value there can be; a value beyond them in a file of results is refused."""
    tolerance: float | None = None
    """Largest difference from a published figure that rounding and differences between scripts explain, in the metric's
    unit; None for 2 % of the figure."""
    aliases: Sequence[str] = ()
    """Other names, of the same form as the name."""
    paper: str = ""
    """Source, e.g. ``arXiv:1801.03924`` or ``doi:10.1109/TIP.2003.819861``; empty if there is none."""

    def __post_init__(self) -> None:
        check_names(self)
        check_callable(self, "build")
        require(self.better in ("higher", "lower"), self, "better must be 'higher' or 'lower'")
        require(
            isinstance(self.version, str) and re.fullmatch(r"[A-Za-z0-9._+-]+", self.version) is not None,
            self,
            f"version {self.version!r} must be letters, digits, '.', '_', '+' or '-'",
        )
        require(
            self.backbone == "" or (isinstance(self.backbone, str) and NAME.fullmatch(self.backbone) is not None),
            self,
            f"backbone {self.backbone!r} must be the name of a backbone",
        )
        require(self.bounds[0] < self.bounds[1], self, "bounds must be the smallest and the largest value")

    def allowed(self, figure: float) -> float:
        """Return how far a value may be from a published figure and still count as the same."""
        return 0.02 * abs(figure) if self.tolerance is None else self.tolerance

    @property
    def identity(self) -> str:
        """Name, version and backbone, e.g. ``lpips/0.1/alexnet``; in results, a hash of the features follows."""
        return "/".join(part for part in (self.name, self.version, self.backbone) if part)
