"""Multiply-accumulates of a forward pass: of convolutions, matrix products, attention and recurrent layers.

torch's own rules know most convolutions and matrix products. Some operators do several of them at once and are not
taken apart, such as attention and transformer layers on a CPU; their rules stand here. A product of complex numbers is
four of real ones. Attention with a causal mask counts in full. Elementwise operators, norms, resizing and FFTs do not
count.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Rule = Callable[..., int]
    """Multiply-accumulates of an operator, from its arguments."""


class MacCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that counts what is computed in it, on any device.

    Operators without a rule are taken apart where torch can do so.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rules, self.flops = _rules(), 0

    @property
    def macs(self) -> int:
        """The multiply-accumulates counted."""
        return self.flops // 2

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes seconds

    def _rule(self, packet: Any) -> Rule | None:
        """Return the rule of an operator; its library may be imported only now, by the network's forward pass."""
        if packet not in self.rules and (rule := RULES.get(str(packet))):
            self.rules[packet] = _complex_too(_doubled(rule))
        return self.rules.get(packet)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, HigherOrderOperator):
            return func(*args, **kwargs)
        rule = self._rule(func._overloadpacket)  # noqa: SLF001  (the operator without its types)
        if rule is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if rule is not None:
            self.flops += rule(*args, out_val=result, **kwargs)
        return result


def _matrix_vector(matrix: torch.Tensor, _vector: torch.Tensor, *_: Any, **__: Any) -> int:
    return matrix.numel()


def _added_matrix_vector(_sum: torch.Tensor, matrix: torch.Tensor, *_: Any, **__: Any) -> int:
    return matrix.numel()


def _summed_batches(_sum: torch.Tensor, first: torch.Tensor, second: torch.Tensor, *_: Any, **__: Any) -> int:
    return first.numel() * second.shape[-1]


def _bilinear(first: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> int:
    """``x1 W x2`` for each row and output: (N, 1, I1, 1), (1, O, I1, I2)."""
    outputs, inputs = weight.shape[-3], weight.shape[-2]
    return first.numel() // inputs * outputs * inputs * (weight.shape[-1] + 1)


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> int:
    """``softmax(Q K^T) V`` of (..., heads, L, E), (..., S, E), (..., S, Ev)."""
    scores = query.numel() // query.shape[-1] * key.shape[-2]
    return scores * (query.shape[-1] + value.shape[-1])


def _multi_head_attention(
    query: torch.Tensor, key: torch.Tensor, _value: torch.Tensor, width: int, *_: Any, **__: Any
) -> int:
    """Projections of query, key, value and output, and attention, of (N, L, E) and (N, S, E)."""
    length, source = query.shape[-2], key.shape[-2]
    batch = query.numel() // (length * width)
    projections = 2 * (length + source) * width * width
    return batch * (projections + 2 * length * source * width)


def _encoder_layer(src: torch.Tensor, width: int, *options: Any, **__: Any) -> int:
    """Attention and the feed-forward network: its weights are the last two matrices among the arguments."""
    feed_forward = [option for option in options[1:] if isinstance(option, torch.Tensor) and option.ndim == 2][2:4]
    tokens = src.numel() // width
    return _multi_head_attention(src, src, src, width) + tokens * sum(weight.numel() for weight in feed_forward)


def _recurrent(x: torch.Tensor, *options: Any, **__: Any) -> int:
    """Every weight matrix once for each step of each sequence, of (T, N, I)."""
    weights: Sequence[Any] = options[0] if isinstance(options[0], list | tuple) else options[:4]
    per_step: int = sum(weight.numel() for weight in weights if weight.ndim == 2)
    return x.numel() // x.shape[-1] * per_step


def _mps_recurrent(x: torch.Tensor, _state: Any, weights: Sequence[Any], *_: Any, **__: Any) -> int:
    return _recurrent(x, weights)


def _deformable(x: torch.Tensor, weight: torch.Tensor, *_: Any, out_val: Any = None, **__: Any) -> int:
    """A convolution, of (N, C, H, W); reading between pixels does not count."""
    positions: int = x.shape[0] * prod(out_val.shape[-2:])
    return positions * weight.numel()


RULES: dict[str, Rule] = {
    "aten.mv": _matrix_vector,
    "aten.dot": _matrix_vector,
    "aten.vdot": _matrix_vector,
    "aten.addmv": _added_matrix_vector,
    "aten.addbmm": _summed_batches,
    "aten._trilinear": _bilinear,
    "aten._scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten._scaled_dot_product_fused_attention_overrideable": _attention,
    "aten._scaled_dot_product_attention_math_for_mps": _attention,
    "aten._native_multi_head_attention": _multi_head_attention,
    "aten._transformer_encoder_layer_fwd": _encoder_layer,
    "aten.mkldnn_rnn_layer": _recurrent,
    "aten._cudnn_rnn": _recurrent,
    "aten.miopen_rnn": _recurrent,
    "aten._lstm_mps": _mps_recurrent,
    "torchvision.deform_conv2d": _deformable,
}
"""Rules by operator; those of other versions of torch are left out where they do not exist."""


def _rules() -> dict[Any, Rule]:
    """Return rules by operator, in FLOPs (two per multiply-accumulate)."""
    rules: dict[Any, Rule] = {packet: _complex_too(rule) for packet, rule in flop_registry.items()}
    for name, rule in RULES.items():
        namespace, _, operator = name.partition(".")
        if (packet := getattr(getattr(torch.ops, namespace), operator, None)) is not None:
            rules[packet] = _complex_too(_doubled(rule))
    return rules


def _doubled(rule: Rule) -> Rule:
    def flops(*args: Any, **kwargs: Any) -> int:
        return 2 * rule(*args, **kwargs)

    return flops


def _complex_too(rule: Rule) -> Rule:
    """Return a rule that counts products of complex numbers four times."""

    def flops(*args: Any, **kwargs: Any) -> int:
        is_complex = any(isinstance(value, torch.Tensor) and value.is_complex() for value in args)
        return rule(*args, **kwargs) * (4 if is_complex else 1)

    return flops
