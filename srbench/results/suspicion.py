"""Values that no method has without HR, or only by luck: they are remarked on."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from srbench import defaults
from srbench.errors import counted
from srbench.results.rows import decode_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.results.rows import Row

    Group = tuple[Any, ...]
    """What scores can be compared within: dataset, scale, protocol, metric, device, precision."""

AHEAD_DB = 6.0
"""By how much a method is rarely better than every other; at x2, networks are on drawings such as Manga109's."""
COMPARED = ("dataset", "scale", "protocol", "metric", "device", "precision")


def suspicious(rows: Iterable[Row]) -> dict[tuple[str, str, int], str]:
    """Return a remark by method, dataset and scale, on PSNR that is infinite everywhere or far above every other."""
    values: dict[Group, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["kind"] == "score" and row["metric"].split("/")[0] == defaults.SORT:
            group = tuple(row[name] for name in COMPARED)
            values[group][row["method"]][row["image"]] = decode_value(row["value"])
    remarks: dict[tuple[str, str, int], str] = {}
    for group, methods in values.items():
        means = {method: _mean(list(images.values())) for method, images in methods.items()}
        for method, mean in means.items():
            others = {name: other for name, other in means.items() if name != method}
            is_judged = len(others) > 1 or defaults.BASELINE in others  # one weak method alone says little
            best = max(others.values()) if is_judged else math.inf
            if math.isinf(mean):
                every = counted(len(methods[method]), "image")
                remarks[method, group[0], group[1]] = f"PSNR is infinite on {every}, all that there are: SR is HR"
            elif mean > best + AHEAD_DB and method != defaults.BASELINE:
                text = f"PSNR is {mean - best:.1f} dB above that of every other method"
                remarks.setdefault((method, group[0], group[1]), f"{text}: does it know HR?")
    return remarks


def _mean(values: list[float]) -> float:
    """Return the mean of finite values; infinity if all are infinite, NaN if there is none."""
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        return sum(finite) / len(finite)
    return math.inf if math.inf in values else math.nan
