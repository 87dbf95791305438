"""Work on many files in threads: results in order, errors as they are."""

from __future__ import annotations

import pytest

from srbench.system.threads import CHUNK, in_threads


@pytest.mark.parametrize("count", [0, 1, CHUNK, 3 * CHUNK + 1])
def test_results_are_in_the_order_of_the_items(count):
    assert in_threads(lambda item: item * 2, range(count)) == [2 * i for i in range(count)]


def test_an_error_of_the_work_is_raised():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 // item, [1, 0])
