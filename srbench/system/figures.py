"""Figures look the same for everybody: matplotlib's own defaults, not the user's matplotlibrc."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def figure_style(changes: Mapping[str, Any]) -> Iterator[None]:
    """Draw with matplotlib's defaults and the changes given; a matplotlibrc may ask for TeX or fonts that are missing.

    Args:
        changes: values by the name of the setting, as in ``matplotlib.rcParams``.
    """
    from matplotlib import style

    with style.context(["default", dict(changes)]):
        yield
