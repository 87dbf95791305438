"""How networks run when scored and timed: in one precision, channels last, optionally compiled.

Channels-last weights made every shipped network faster on a CPU (1.1 to 1.6 times in fp32), and suit the tensor cores
of GPUs. A network that fails with them runs with contiguous ones. bf16 and fp16 use torch's autocast, which keeps
sensitive operators in fp32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.fx.experimental._config
from torch import nn

from srbench.system.memory import is_out_of_memory

TYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Inference(nn.Module):
    """A network as it is scored and timed.

    Args:
        net: the method's network, in evaluation mode, on its device.
        device: the device.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        compiled: run it through torch.compile; on CUDA with CUDA graphs for each size.
    """

    def __init__(
        self, net: nn.Module, device: torch.device, precision: str = "fp32", *, compiled: bool = False
    ) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)
        self.device, self.precision = device, precision
        self.outside_torch = getattr(net, "outside_torch", False)
        self._is_contiguous = False
        if compiled and device.type != "cuda":  # else a first square image would be compiled for squares alone
            torch.fx.experimental._config.use_duck_shape = False  # noqa: SLF001
        options: dict[str, Any] = (
            {"mode": "reduce-overhead"} if device.type == "cuda" else {"dynamic": True}
        )  # for all sizes
        compilable = compiled and not self.outside_torch
        self._run = torch.compile(net, **options) if compilable else net
        self.eval()

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        """Run the network on ``(N, 3, h, w)``; see `srbench.inference.upscale.upscale`."""
        try:
            sr = self._forward(lr)
        except RuntimeError as error:
            if self._is_contiguous or is_out_of_memory(error):
                raise
            sr = self._contiguous(lr, error)
        return sr

    def _forward(self, lr: torch.Tensor) -> torch.Tensor:
        kind = TYPES[self.precision]
        with torch.autocast(self.device.type, kind, enabled=kind is not None):
            sr: torch.Tensor = self._run(lr)
        return sr

    def _contiguous(self, lr: torch.Tensor, error: RuntimeError) -> torch.Tensor:
        """Run a network that failed once more with contiguous weights: `view` fails on channels last, for example.

        Raises:
            RuntimeError: it fails all the same; the first error.
        """
        self.net.to(memory_format=torch.contiguous_format)
        try:
            sr = self._forward(lr.contiguous())
        except RuntimeError:
            self.net.to(memory_format=torch.channels_last)
            raise error from None
        self._is_contiguous = True
        return sr

    def eager(self, precision: str = "") -> Inference:
        """Return the same network without compilation, to count its operators; in another precision if one is given."""
        eager = Inference(self.net, self.device, precision or self.precision)
        if self._is_contiguous:
            eager.net.to(memory_format=torch.contiguous_format)
        return eager
