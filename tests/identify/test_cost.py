"""The loss that is said is the one that the network has on these LR."""

from __future__ import annotations

import numpy as np
import pytest

from srbench import defaults
from srbench.catalog.catalog import Catalog
from srbench.identify.cost import measure
from srbench.identify.pairs import find_pairs
from srbench.system.terminal import Silent
from tests.identify.test_compare import benchmark


def test_bicubic_lr_loses_nothing_and_decimated_lr_much(write, photos):
    catalog, hr = Catalog.load(), write("hr", photos)
    scale = min(catalog.models[defaults.PROBE].shipped)
    for folder, lows, loss in (
        ("same", [benchmark(photo, scale) for photo in photos], 0.0),
        ("other", [photo[::scale, ::scale] for photo in photos], 4.0),
    ):
        pairs, _ = find_pairs(write(folder, lows), hr, 0, Silent())
        cost = measure(catalog, pairs, scale)
        assert cost.images == 3
        assert cost.bicubic > 20
        assert cost.loss == pytest.approx(0, abs=1e-9) if not loss else cost.loss > loss


def test_a_scale_without_shipped_weights_has_no_cost(write, photos):
    pairs, scale = find_pairs(write("lr", [np.zeros((24, 28, 3), np.uint8)]), write("hr", [photos[0]]), 11, Silent())
    assert measure(Catalog.load(), pairs, scale) is None
