"""Loss expressions: what parses, what it means, what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.training.recipes.expression import build, parse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("mse", ((1.0, "mse"),)),
        ("1*mse+0.006*vgg22", ((1.0, "mse"), (0.006, "vgg22"))),
        (" 1e-3 * L1 + .5*vgg16.relu3_3 ", ((1e-3, "l1"), (0.5, "vgg16.relu3_3"))),
        ("1e+2*ms-ssim+tv", ((100.0, "ms-ssim"), (1.0, "tv"))),
    ],
)
def test_parses(text, terms):
    assert parse(text) == terms


@pytest.mark.parametrize("text", ["", "+", "mse+", "2*", "*mse", "mse l1", "mse-l1*", "-1*mse", "nan*mse", "1**mse"])
def test_refuses_with_one_line(text):
    with pytest.raises(UsageError, match="is no term") as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["0*mse", "mse+0*l1", "0.0*mse", "1e999*mse"])
def test_a_weight_that_trains_nothing_is_refused(text):
    with pytest.raises(UsageError, match="it must be more than 0"):
        parse(text)


@given(
    st.lists(st.tuples(st.floats(1e-6, 1e6), st.sampled_from(["mse", "l1", "vgg16.relu3_3"])), min_size=1, max_size=5)
)
def test_round_trip(terms):
    assert parse("+".join(f"{weight!r}*{name}" for weight, name in terms)) == tuple(terms)


def test_is_the_weighted_sum():
    loss = build("2*mse + 0.5*l1", Catalog.load(), torch.device("cpu"))
    hr = torch.zeros(1, 3, 4, 4)
    assert float(loss(hr + 0.1, hr)) == pytest.approx(2 * 0.01 + 0.5 * 0.1)


def test_unknown_loss_suggests_the_nearest():
    with pytest.raises(UsageError, match="unknown loss 'charbonier'; did you mean 'charbonnier'"):
        build("charbonier", Catalog.load(), torch.device("cpu"))
