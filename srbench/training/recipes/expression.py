"""Loss expressions: ``"1*mse+0.006*vgg22"`` -> a callable; errors are reported before training starts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from srbench.catalog.catalog import Catalog

    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

TERM = re.compile(
    r"(?:(?P<weight>\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)\s*\*\s*)?(?P<name>[a-z][a-z0-9._-]*)"
)


def parse(text: str) -> tuple[tuple[float, str], ...]:
    """Split an expression into weights and names.

    Examples:
        >>> parse("mse + 0.006*vgg22")
        ((1.0, 'mse'), (0.006, 'vgg22'))

    Raises:
        UsageError: a term is not valid; the message names it.
    """
    terms = []
    for part in re.split(r"(?<![0-9.]e)\+", text.strip().lower()):
        match = TERM.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"loss {text!r}: {part.strip()!r} is no term; write for example '1*mse+0.006*vgg22'")
        weight = float(match["weight"] or 1)
        if not 0 < weight < math.inf:
            raise UsageError(f"loss {text!r}: {part.strip()!r} has the weight {weight:g}; it must be more than 0")
        terms.append((weight, match["name"]))
    return tuple(terms)


@dataclass(frozen=True)
class Expression:
    """A weighted sum of losses; ``terms`` are (weight, name, loss)."""

    text: str
    terms: tuple[tuple[float, str, Loss], ...]

    def __call__(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum, a scalar."""
        import torch

        return torch.stack([weight * loss(sr, hr) for weight, _, loss in self.terms]).sum()


def build(text: str, catalog: Catalog, device: torch.device) -> Expression:
    """Build the losses that an expression names, on a device.

    Raises:
        UsageError: the expression is not valid, or a name is unknown.
        AssetError: a loss needs a backbone that is not available.
    """
    import torch

    terms = []
    for weight, name in parse(text):
        loss = catalog.losses[name].build()
        terms.append((weight, name, loss.to(device) if isinstance(loss, torch.nn.Module) else loss))
    return Expression(text, tuple(terms))
