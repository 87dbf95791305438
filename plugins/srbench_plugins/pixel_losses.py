"""Losses that compare pixels: MSE, L1, Charbonnier; and total variation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import LossSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]


def mse() -> Loss:
    from torch.nn import functional

    return functional.mse_loss


def l1() -> Loss:
    from torch.nn import functional

    return functional.l1_loss


def charbonnier() -> Loss:
    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        return ((sr - hr).square() + 1e-6).sqrt().mean()

    return loss


def tv() -> Loss:
    """Return the anisotropic total variation of SR; HR is ignored."""

    def loss(sr: Tensor, _hr: Tensor) -> Tensor:
        return (sr[..., 1:, :] - sr[..., :-1, :]).abs().mean() + (sr[..., 1:] - sr[..., :-1]).abs().mean()

    return loss


@hookimpl
def srbench_losses() -> list[LossSpec]:
    return [
        LossSpec(name="mse", summary="mean squared error", build=mse, formula="mean (ŷ - y)²", zero_at_equality=True),
        LossSpec(name="l1", summary="mean absolute error", build=l1, formula="mean |ŷ - y|", zero_at_equality=True),
        LossSpec(
            name="charbonnier",
            summary="smooth L1: mean of sqrt(d^2 + 1e-6)",
            build=charbonnier,
            formula="mean √((ŷ - y)² + 10⁻⁶)",
            paper="arXiv:1704.03915",
        ),
        LossSpec(
            name="tv",
            summary="anisotropic total variation of SR; ignores HR",
            build=tv,
            formula="mean |∂ŷ/∂i| + mean |∂ŷ/∂j|, differences of neighbouring pixels",
        ),
    ]
