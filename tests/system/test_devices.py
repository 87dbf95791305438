"""Devices are found by name; what is none, or is not here, is said in one line."""

from __future__ import annotations

import pytest
import torch

from srbench.errors import SRBenchError, UsageError
from srbench.system.devices import find_device


def test_the_cpu_is_always_there():
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["gpu", "CPU", "meta", "cuda:", "cuda:x", "cpu:0", "", "cuda:-1"])
def test_what_is_no_device_is_a_usage_error(name):
    with pytest.raises(UsageError, match=r"^unknown device .*; there are: auto, cpu, cuda, cuda:N, mps$"):
        find_device(name)


def test_a_device_that_is_not_here_says_so():
    with pytest.raises(SRBenchError, match=r"^device 'cuda:99' is not available: ") as caught:
        find_device("cuda:99")
    assert not isinstance(caught.value, UsageError)
