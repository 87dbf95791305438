"""Building blocks: shapes, and enlargement without checkerboards at the start."""

from __future__ import annotations

import pytest
import torch

from srbench.blocks import PatchGAN, ResidualBlock, SubPixel, enlargement, factors, pad_to_multiple
from srbench.errors import UsageError


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


def test_sub_pixel_stage_can_change_the_number_of_channels():
    stage = SubPixel(8, 2, out=4, kernel=1)
    assert stage(torch.rand(1, 8, 5, 6)).shape == (1, 4, 10, 12)
    assert sum(p.numel() for p in stage.parameters()) == 8 * 16 + 16


def test_padding_repeats_the_edge_and_leaves_what_is_whole():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    assert pad_to_multiple(x, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    whole = torch.rand(1, 2, 4, 8)
    assert pad_to_multiple(whole, 4) is whole


@pytest.mark.parametrize(("strided", "field"), [(1, 16), (2, 34), (3, 70)])
def test_patchgan_looks_at_patches_of_its_size(strided, field):
    critic = PatchGAN(2, width=4, strided=strided).eval()
    with torch.no_grad():
        for name, parameter in critic.named_parameters():  # positive weights, so that nothing cancels
            if "weight" in name:
                parameter.copy_(parameter.abs() + 0.01)
    image = torch.rand(1, 2, 160, 160, dtype=torch.float64, requires_grad=True)
    logits = critic.double()(image)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == field


def test_patchgan_has_as_many_parameters_as_its_layers_by_hand():
    widths = [(6, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    expected = sum(16 * a * b + b for a, b in widths) + 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in PatchGAN(6).parameters()) == expected


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("strided", [1, 2, 3])
def test_patchgan_judges_its_smallest_image_and_refuses_smaller_ones(strided, norm):
    critic = PatchGAN(width=4, strided=strided, norm=norm)
    assert critic(torch.rand(2, 3, critic.smallest, critic.smallest)).shape == (2, 1, 1, 1)
    with pytest.raises(UsageError, match="raise --patch"):
        critic(torch.rand(2, 3, critic.smallest, critic.smallest - 1))
