"""Building blocks: shapes, and enlargement without checkerboards at the start."""

from __future__ import annotations

import pytest
import torch

from srbench.blocks import ResidualBlock, enlargement, factors


@pytest.mark.parametrize(("scale", "stages"), [(2, (2,)), (3, (3,)), (4, (2, 2)), (8, (2, 2, 2))])
def test_scales_are_split_into_stages(scale, stages):
    assert factors(scale) == stages


@pytest.mark.parametrize("scale", [0, 1, 5, 6, 12])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match=f"scale {scale} is neither 3 nor a power of 2"):
        factors(scale)


@pytest.mark.parametrize("kind", ["sub-pixel", "resize"])
@pytest.mark.parametrize("factor", [2, 3])
def test_enlargement_starts_without_checkerboard(kind, factor):
    large = enlargement(8, factor, kind)(torch.ones(1, 8, 6, 6))
    assert large.shape == (1, 8, 6 * factor, 6 * factor)
    inner = large[..., factor * 2 : -factor * 2, factor * 2 : -factor * 2]
    assert (inner - inner[..., :1, :1]).abs().max() < 1e-5


@pytest.mark.parametrize("batch_norm", [True, False])
def test_residual_block_keeps_the_shape_and_its_input(batch_norm):
    block = ResidualBlock(8, batch_norm=batch_norm).eval()
    if not batch_norm:  # with it, the block starts as identity by itself
        torch.nn.init.zeros_(block.body[-1].weight)
        torch.nn.init.zeros_(block.body[-1].bias)
    x = torch.rand(2, 8, 5, 7)
    assert torch.equal(block(x), x)
