"""Metrics that change themselves or torch are told from those that do not; own ones alone cost nothing."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.protocols import PROTOCOLS
from srbench.scoring.outputs import criteria
from srbench.scoring.references import ReferenceStore
from srbench.scoring.scorer import Scorer
from srbench.scoring.steadiness import Steadiness

PLUGIN = """
import torch
from srbench import MetricSpec, hookimpl

mean, calls = torch.Tensor.mean, []


class Odd:
    def prepare(self, hr, protocol):
        return hr

    def score(self, sr, prepared):
        calls.append(1)
        {code}


@hookimpl
def srbench_metrics():
    return [MetricSpec(name="odd", summary="o", better="higher", build=Odd)]
"""


@pytest.mark.parametrize(
    ("code", "moved"),
    [
        ("return 1.0", ""),
        ("raise ValueError('boom')", ""),
        ("return float(len(calls))", "odd of one"),
        ("torch.Tensor.mean = lambda *a, **k: mean(*a, **k) * 0.5; return 1.0", "psnr of one"),
    ],
)
def test_a_metric_that_moves_values_is_named(tmp_path, monkeypatch, code, moved):
    monkeypatch.setattr(torch.Tensor, "mean", torch.Tensor.mean)
    (tmp_path / "odd.py").write_text(PLUGIN.format(code=code))
    catalog = Catalog.load([str(tmp_path / "odd.py")])
    scorer = Scorer(ReferenceStore(10**6))
    steadiness = Steadiness(catalog, scorer, torch.device("cpu"))
    wanted = criteria([catalog.metrics[name] for name in ("odd", "psnr", "ssim")], [PROTOCOLS["y"]])
    steadiness.begin(wanted)
    assert steadiness.remark().startswith(moved)
    assert bool(steadiness.remark()) == bool(moved)


def test_own_metrics_alone_are_not_scored():
    catalog = Catalog.load()
    steadiness = Steadiness(catalog, Scorer(ReferenceStore(10**6)), torch.device("cpu"))
    steadiness.begin(criteria([catalog.metrics["psnr"]], [PROTOCOLS["y"]]))
    assert steadiness.remark() == ""
    assert not steadiness._first
