"""The store of prepared references: least recently used goes first, bounded in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from srbench.scoring.references import ReferenceStore, nbytes


@dataclass
class Pair:
    a: torch.Tensor
    b: np.ndarray


def test_counts_bytes_wherever_they_are():
    pair = Pair(torch.zeros(10, dtype=torch.float64), np.zeros(5, dtype=np.uint8))
    assert nbytes(pair) == 85
    assert nbytes([pair, {"x": pair}, "text", 7, None]) == 170


def test_computes_once_while_it_fits():
    store = ReferenceStore(1000)
    calls = []
    for _ in range(3):
        store.get("a", lambda: calls.append(1) or torch.zeros(100))
    assert len(calls) == 1
    assert store.held_bytes == 400


def test_forgets_what_was_not_asked_for_the_longest():
    store = ReferenceStore(1000)
    for key in ("a", "b", "a", "c"):  # the third makes room by dropping b
        store.get(key, lambda: torch.zeros(100))
    calls = []
    store.get("a", lambda: calls.append("a"))
    store.get("c", lambda: calls.append("c"))
    store.get("b", lambda: calls.append("b") or torch.zeros(100))
    assert calls == ["b"]
    assert store.held_bytes <= 1000


def test_too_large_a_value_is_not_kept():
    store = ReferenceStore(100)
    store.get("a", lambda: torch.zeros(10))
    assert store.get("big", lambda: torch.zeros(1000)).numel() == 1000
    assert len(store) == 1
