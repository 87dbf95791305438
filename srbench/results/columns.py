"""The columns of a board by name and heading, as users may write them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEADINGS = {
    "method": "method",
    "interval": "95 % CI (t)",
    "vs_best": "vs best",
    "params": "params",
    "macs": "MACs",
    "images_per_s": "img/s",
    "mpix_per_s": "MPix/s",
    "latency_ms": "ms",
    "peak_mem_mib": "MiB",
}
"""What stands above columns that are no metrics."""
SPOKEN = {
    "95 % ci": "interval",
    "95% ci": "interval",
    "ci": "interval",
    "parameters": "params",
    "memory": "peak_mem_mib",
}
"""Other ways to write a column."""


def metric_heading(metric: str, unit: str, before_unit: str = " ") -> str:
    """Return what stands above a metric's column: ``PSNR dB``."""
    return metric.upper() + (before_unit + unit if unit else "")


def find_column(text: str, units: Mapping[str, str], others: Iterable[str], purpose: str) -> str:
    """Return the name of a column that is written by its name or its heading, in any case.

    Args:
        text: as the user wrote it, such as ``psnr``, ``PSNR dB`` or ``img/s``.
        units: units of the metrics, by name; empty texts for those that have none.
        others: names of the other columns.
        purpose: for the message: what the column is for.

    Raises:
        UsageError: there is no such column; suggests the nearest, else lists what there is.
    """
    by_form = {name.lower(): name for name in others}
    by_form |= {heading.lower(): name for name, heading in HEADINGS.items() if name in by_form}
    by_form |= {form: name for form, name in SPOKEN.items() if name in by_form}
    for metric, unit in units.items():
        by_form |= dict.fromkeys((metric.lower(), metric_heading(metric, unit).lower()), metric)
    form = " ".join(text.lower().split())
    if form in by_form:
        return by_form[form]
    near = get_close_matches(form, by_form, n=1)
    main = dict.fromkeys([*units, *(name for name in HEADINGS if name in by_form.values())])
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(main)}"
    raise UsageError(f"cannot {purpose} {text!r}; {hint}")
