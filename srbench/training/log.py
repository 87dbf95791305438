"""The log of a training, ``log.jsonl``, and its curves over steps."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from srbench.errors import SRBenchError, UsageError, reason_of
from srbench.system.atomic import replacing, write_text
from srbench.system.figures import figure_style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


NAME, CURVES, EVENTS = "log.jsonl", "curves.png", "tensorboard"
"""Files and the folder that a training's log is written to."""


def draw_curves(log: Path, target: Path) -> None:
    """Draw ``log.jsonl`` as one panel per value, training and validation alike.

    Raises:
        OSError: the log cannot be read.
        SRBenchError: the picture cannot be written.
    """
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
    with figure_style({"font.size": 9}):
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
        with replacing(target) as temporary:
            figure.savefig(temporary, dpi=110)


def check_tensorboard() -> None:
    """Check that TensorBoard is installed.

    Raises:
        UsageError: it is not.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("--tensorboard needs the tensorboard package: pip install srbench[tensorboard]")


class Log:
    """Appends rows to a training's log.

    Args:
        folder: the training's folder.
        start: first step of this process; rows of later steps are dropped, since they will be logged again.
        tensorboard: whether to write TensorBoard events too, to ``folder/tensorboard``.

    Raises:
        SRBenchError: the log cannot be written.
    """

    def __init__(self, folder: Path, start: int, *, tensorboard: bool = False) -> None:
        self.folder, self.path = folder, folder / NAME
        self._events: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / EVENTS), purge_step=start + 1 if start else None)
        self._cut(start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step, or their means since the last row."""
        self._append({"step": step, **values}, step, values, "train")

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures of a validation, by metric."""
        self._append({"step": step, "validation": figures}, step, figures, "validation")

    def close(self) -> None:
        """Close the TensorBoard events and draw the curves."""
        if self._events:
            self._events.close()
        draw_curves(self.path, self.folder / CURVES)

    def _append(self, row: Mapping[str, Any], step: int, values: Mapping[str, float], group: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise SRBenchError(f"{self.path}: cannot be written ({reason_of(error)})") from error
        if self._events:
            for name, value in values.items():
                self._events.add_scalar(f"{group}/{name}", value, step)

    def _cut(self, start: int) -> None:
        lines = []
        if start and self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:  # an incomplete line, after a crash
                    continue
                lines += [line] if row["step"] <= start else []
        write_text(self.path, "".join(f"{line}\n" for line in lines))
