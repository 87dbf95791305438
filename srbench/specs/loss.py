"""`LossSpec`: a training loss."""

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
    """Name in expressions such as ``l1+0.1*vgg22``: lower-case letters, digits, ``.``, ``_`` and ``-``."""
    summary: str
    """What the loss compares, in one line."""
    build: Callable[[], Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]
    """Returns the loss, a function or module. May raise an `AssetError` if pretrained weights are missing."""
    aliases: Sequence[str] = ()
    """Other names, of the same form."""
    formula: str = ""
    """The formula in Unicode, with ŷ for SR and y for HR, e.g. ``mean (ŷ - y)²``; shown by ``srbench info``."""
    zero_at_equality: bool = False
    """True if the loss is 0 for equal images; ``srbench check`` tests the claim."""
    paper: str = ""
    """Source, e.g. ``arXiv:1609.04802`` or ``doi:10.1109/TIP.2003.819861``; empty if there is none."""

    def __post_init__(self) -> None:
        check_names(self)
        check_callable(self, "build")
