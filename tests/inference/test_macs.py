"""Multiply-accumulates against counts by hand, each in the form that torch runs on this device."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional

from srbench.inference.layers import inspect_network
from srbench.inference.macs import MacCounter
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, measure

OPS = "torchvision.ops"
"""Imported where it is used: it takes more than a second."""
N, L, S, E, H, F = 2, 10, 7, 16, 4, 40
"""Batch, lengths of query and key, width, heads, width of the feed-forward network."""
PROJECTIONS = 2 * N * L * E * E + 2 * N * S * E * E
SELF = 4 * N * L * E * E + 2 * N * L * L * E
"""Projections of query, key, value and output; scores and their sum over values."""


def rand(*shape, dtype=None):
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def heads(length, width=E // H):
    return rand(N, H, length, width)


def attention(**options):
    return nn.MultiheadAttention(E, H, batch_first=True, **options).eval()


def encoder(**options):
    return nn.TransformerEncoderLayer(E, H, F, batch_first=True, **options).eval()


def deformable(x, groups=1, mask=False):
    conv = import_module(OPS).DeformConv2d(8, 12, 3, padding=1, groups=groups)
    offset = rand(x.shape[0], 18, *x.shape[-2:])
    return conv(x, offset, rand(x.shape[0], 9, *x.shape[-2:]) if mask else None)


CASES = {
    "convolution": (lambda: nn.Conv2d(3, 8, 5, padding=2)(rand(N, 3, 9, 7)), N * 63 * 8 * 3 * 25),
    "grouped": (lambda: nn.Conv2d(8, 8, 3, padding=1, groups=4)(rand(N, 8, 9, 7)), N * 63 * 8 * 2 * 9),
    "strided": (lambda: nn.Conv2d(3, 8, 2, stride=2)(rand(N, 3, 8, 6)), N * 12 * 8 * 3 * 4),
    "transposed": (lambda: nn.ConvTranspose2d(3, 8, 4, stride=4)(rand(N, 3, 5, 6)), N * 30 * 3 * 8 * 16),
    "conv1d": (lambda: nn.Conv1d(3, 8, 3)(rand(N, 3, 10)), N * 8 * 8 * 3 * 3),
    "linear": (lambda: nn.Linear(E, F)(rand(N, 5, L, E)), N * 5 * L * E * F),
    "matmul": (lambda: rand(N, L, E) @ rand(N, E, S), N * L * E * S),
    "broadcast matmul": (lambda: rand(N, L, E) @ rand(E, S), N * L * E * S),
    "einsum": (lambda: torch.einsum("nle,nse->nls", rand(N, L, E), rand(N, S, E)), N * L * S * E),
    "baddbmm": (lambda: torch.baddbmm(rand(1, 1, 1), rand(N, L, E), rand(N, E, S)), N * L * E * S),
    "addbmm": (lambda: torch.addbmm(rand(L, S), rand(N, L, E), rand(N, E, S)), N * L * E * S),
    "matrix-vector": (lambda: rand(L, E) @ rand(E), L * E),
    "vector-matrix": (lambda: rand(L) @ rand(L, E), L * E),
    "batched matrix-vector": (lambda: rand(N, L, E) @ rand(E), N * L * E),
    "addmv": (lambda: torch.addmv(rand(L), rand(L, E), rand(E)), L * E),
    "dot": (lambda: rand(L) @ rand(L), L),
    "bilinear": (lambda: nn.Bilinear(5, 6, 4)(rand(N, 5), rand(N, 6)), N * 4 * 5 * (6 + 1)),
    "complex matmul": (
        lambda: rand(N, L, E, dtype=torch.cfloat) @ rand(N, E, S, dtype=torch.cfloat),
        4 * N * L * E * S,
    ),
    "complex mm": (lambda: rand(L, E, dtype=torch.cfloat) @ rand(E, S, dtype=torch.cfloat), 4 * L * E * S),
    "complex mv": (lambda: rand(L, E, dtype=torch.cfloat) @ rand(E, dtype=torch.cfloat), 4 * L * E),
    "attention": (lambda: functional.scaled_dot_product_attention(heads(L), heads(S), heads(S)), 2 * N * L * S * E),
    "attention, wide values": (
        lambda: functional.scaled_dot_product_attention(heads(L), heads(S), heads(S, 9)),
        N * H * L * S * (E // H + 9),
    ),
    "attention of 3 dimensions": (
        lambda: functional.scaled_dot_product_attention(rand(N, L, E), rand(N, S, E), rand(N, S, E)),
        2 * N * L * S * E,
    ),
    "attention with a mask": (
        lambda: functional.scaled_dot_product_attention(heads(L), heads(S), heads(S), attn_mask=rand(L, S)),
        2 * N * L * S * E,
    ),
    "causal attention": (
        lambda: functional.scaled_dot_product_attention(heads(L), heads(L), heads(L), is_causal=True),
        2 * N * L * L * E,
    ),
    "MultiheadAttention": (lambda: attention()(*[rand(N, L, E)] * 3, need_weights=False)[0], SELF),
    "MultiheadAttention, with its weights": (lambda: attention()(*[rand(N, L, E)] * 3)[0], SELF),
    "MultiheadAttention, cross": (
        lambda: attention()(rand(N, L, E), *[rand(N, S, E)] * 2)[0],
        PROJECTIONS + 2 * N * L * S * E,
    ),
    "encoder layer": (lambda: encoder()(rand(N, L, E)), SELF + 2 * N * L * E * F),
    "encoder layer, norm first": (
        lambda: encoder(norm_first=True, activation="gelu")(rand(N, L, E)),
        SELF + 2 * N * L * E * F,
    ),
    "encoder": (
        lambda: nn.TransformerEncoder(encoder(), 3, enable_nested_tensor=False).eval()(rand(N, L, E)),
        3 * (SELF + 2 * N * L * E * F),
    ),
    "LSTM": (lambda: nn.LSTM(E, F)(rand(L, N, E))[0], L * N * 4 * F * (E + F)),
    "LSTM, two layers, both ways": (
        lambda: nn.LSTM(E, F, 2, bidirectional=True, batch_first=True)(rand(N, L, E))[0],
        L * N * (2 * 4 * F * (E + F) + 2 * 4 * F * (2 * F + F)),
    ),
    "GRU": (lambda: nn.GRU(E, F)(rand(L, N, E))[0], L * N * 3 * F * (E + F)),
    "RNN": (lambda: nn.RNN(E, F)(rand(L, N, E))[0], L * N * F * (E + F)),
    "LSTM cell": (lambda: nn.LSTMCell(E, F)(rand(N, E))[0], N * 4 * F * (E + F)),
    "deformable": (lambda: deformable(rand(N, 8, 9, 7)), N * 63 * 12 * 8 * 9),
    "deformable with a mask": (lambda: deformable(rand(N, 8, 9, 7), mask=True), N * 63 * 12 * 8 * 9),
    "deformable, grouped": (lambda: deformable(rand(N, 8, 9, 7), groups=2), N * 63 * 12 * 4 * 9),
    "deformable, strided": (
        lambda: import_module(OPS).deform_conv2d(
            rand(1, 4, 8, 8), torch.zeros(1, 18, 4, 4), rand(6, 4, 3, 3), stride=2, padding=1
        ),
        16 * 6 * 4 * 9,
    ),
    "elementwise": (lambda: rand(L, E).sigmoid() * rand(L, E) + functional.layer_norm(rand(L, E), (E,)), 0),
}


@pytest.mark.parametrize("guard", [torch.inference_mode, torch.no_grad, torch.enable_grad])
@pytest.mark.parametrize("case", CASES)
def test_counts_are_those_by_hand(case, guard):
    compute, expected = CASES[case]
    with guard(), MacCounter() as counter:
        compute()
    assert counter.macs == expected


def test_the_same_attention_in_any_spelling_costs_the_same():
    query, key, value = heads(L), heads(S), heads(S)
    with torch.inference_mode(), MacCounter() as plain:
        (query @ key.transpose(-1, -2)).softmax(-1) @ value
    with torch.inference_mode(), MacCounter() as fused:
        functional.scaled_dot_product_attention(query, key, value)
    assert plain.macs == fused.macs == 2 * N * L * S * E


def test_a_transformer_in_half_precision_and_in_info_counts_the_same():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.layer, self.last = nn.Linear(3, E), encoder(), nn.Linear(E, 12)

        def forward(self, lr):
            tokens = self.last(self.layer(self.first(lr.flatten(2).transpose(1, 2))))
            return functional.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, lr.shape[-2:]), 2)

    positions = 32 * 32
    layer = 4 * positions * E * E + 2 * positions**2 * E + 2 * positions * E * F
    expected = positions * 3 * E + layer + positions * E * 12
    assert inspect_network(Net().eval()).macs == expected
    device = torch.device("cpu")
    net = Inference(Net().eval().requires_grad_(requires_grad=False), device, "bf16")
    assert measure(net, 2, 1, device, SpeedSettings(size=32, seconds=0.01)).macs == expected


def test_counting_does_not_import_torchs_compiler():
    """It takes seconds, in every process that scores."""
    code = (
        "import sys, torch; from srbench.inference.macs import MacCounter\n"
        "from srbench.system.memory import LiveStorages\n"
        "with MacCounter() as counter, LiveStorages(): torch.nn.Conv2d(3, 4, 3)(torch.rand(1, 3, 8, 8))\n"
        "assert counter.macs == 3 * 4 * 9 * 36, counter.macs\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
