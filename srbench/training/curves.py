"""The picture of a training: everything that was logged and validated, over steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def draw_curves(log: Path, target: Path) -> None:
    """Draw ``log.jsonl`` as one panel per value, training and validation alike.

    Raises:
        OSError: the log cannot be read or the picture not written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series: dict[str, list[tuple[int, float]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        values = row.get("validation") or {k: v for k, v in row.items() if k not in ("step", "seconds")}
        prefix = "validation " if "validation" in row else ""
        for name, value in values.items():
            series.setdefault(prefix + name, []).append((row["step"], value))
    if not series:
        return
    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(4 * columns, 2.6 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (name, points) in zip(panels, series.items(), strict=False):
            steps, values = zip(*points, strict=True)
            validated = name.startswith("validation")
            panel.plot(steps, values, marker="o" if validated else "", markersize=3, color="C1" if validated else "C0")
            panel.set_title(name)
            panel.set_xlabel("step")
            panel.grid(alpha=0.3)
        for panel in panels[len(series) :]:
            panel.set_visible(False)
        figure.savefig(target, dpi=110)
