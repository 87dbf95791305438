"""A training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.specs.checks import check_callable, check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch


@dataclass(frozen=True, kw_only=True)
class LossSpec:
    """A training loss: ``build()`` returns a callable ``(sr, hr) -> scalar tensor``.

    Both inputs are float RGB of shape ``(N, 3, H, W)``; HR is in [0, 1], SR is not clamped.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    summary: str
    build: Callable[[], Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]
    aliases: Sequence[str] = ()
    formula: str = ""
    """In plain Unicode, of SR ŷ and HR y, for ``srbench info``: ``mean (ŷ - y)²``."""
    zero_at_equality: bool = False
    """Claims that the loss is 0 where SR equals HR; ``srbench check`` holds it to that."""
    paper: str = ""

    def __post_init__(self) -> None:
        check_names(self)
        check_callable(self, "build")
