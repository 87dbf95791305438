"""Speed over input and batch sizes: latency, throughput, memory and roofline fraction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from srbench.errors import Code, SRBenchError, UsageError, reason_of
from srbench.execution.events import PeakMeasured, Remarked, SpeedMeasured
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job, Session
from srbench.execution.local import WorkerExecutor
from srbench.runs.executors import scoring_plugins
from srbench.runs.prepare import choose_weights
from srbench.system.atomic import replacing, write_text
from srbench.system.figures import figure_style
from srbench.system.file_kinds import check_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Event
    from srbench.results.rows import Row
    from srbench.system.terminal import UI

E = TypeVar("E", PeakMeasured, SpeedMeasured)


@dataclass(frozen=True)
class Sweep:
    """The measurements to make: methods at one scale, over sizes and batches."""

    methods: tuple[str, ...]
    scale: int
    sizes: tuple[int, ...]
    """LR heights and widths, in pixels."""
    batches: tuple[int, ...]
    """Images per batch."""
    seconds: float
    """Duration of each measurement."""
    session: Session
    out: Path
    weights: Mapping[str, str] = field(default_factory=dict)
    """``shipped``, ``trained`` or a path, by method."""
    timeout_s: float = 0
    max_memory: int = 0


@dataclass(frozen=True)
class Curves:
    """The results of a sweep."""

    table: pd.DataFrame
    """One row per method, batch and size."""
    stopped: tuple[str, ...]
    """Where curves ended because memory ran out."""
    failed: tuple[str, ...]
    device: str
    peak_gflops: float
    """GFLOP/s of a large matrix product on the device."""


def sweep(request: Sweep, catalog: Catalog, ui: UI) -> Curves:
    """Measure methods at every size and batch, smallest first; a curve ends where memory runs out.

    The roofline fraction is the FLOP/s of a forward pass, at two operations per multiply-accumulate, divided by those
    of a large matrix product of the same precision in the same process (Williams et al. 2009).

    Raises:
        UsageError: a method or its weights do not exist, or it does not support the scale or the precision.
        SRBenchError: there is no such device, or the folder cannot be written.
    """
    methods = catalog.models.open_all(request.methods)
    for method in methods:
        if reason := method.lacks_scale(request.scale):
            raise UsageError(f"{method.name} {reason}")
        if request.session.precision not in method.precisions:
            raise UsageError(f"{method.name} does not do {request.session.precision}")
    weights = choose_weights(request.weights, (request.scale,), catalog, methods, ui)
    check_outputs(request.out, ("speed.csv", "speed.png", "worker.log"))
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{request.out}: cannot be made ({reason_of(error)})") from error
    session = replace(request.session, scoring=scoring_plugins(catalog))
    executor = WorkerExecutor(session, request.out / "worker.log", request.timeout_s, request.max_memory)
    rows: list[Row] = []
    stopped: list[str] = []
    failed: list[str] = []
    try:
        device = executor.environment().device
        matrix_product = Job("", 1, speed={"seconds": request.seconds})
        peak = _measured(executor, matrix_product, PeakMeasured).flops
        with ui.track("timing", len(methods) * len(request.batches) * len(request.sizes)) as advance:
            for method in methods:
                file = weights.get((method.name, request.scale))
                for batch in sorted(request.batches):
                    for size in sorted(request.sizes):
                        label = f"{method.name} x{request.scale}, {batch} of {size}x{size}"
                        job = Job(
                            method=method.name,
                            scale=request.scale,
                            speed={"size": size, "batch": batch, "seconds": request.seconds},
                            weights=str(file.path) if file else "",
                            reference=method.reference,
                            plugin=catalog.models.owner(method.name).key,
                        )
                        try:
                            figures = _measured(executor, job, SpeedMeasured, partial(_warn, ui, label)).figures
                        except JobFailedError as error:
                            (stopped if error.code is Code.OUT_OF_MEMORY else failed).append(f"{label}: {error}")
                            break  # larger inputs would fail too
                        finally:
                            advance(label)
                        identity = {"method": method.name, "scale": request.scale, "batch": batch, "size": size}
                        conditions = {"device": device, "precision": request.session.precision}
                        rows.append({**identity, **_with_gflops(figures), **conditions})
        peak = max(peak, _measured(executor, matrix_product, PeakMeasured).flops)  # the first may have been disturbed
    finally:
        executor.shutdown()
    table = pd.DataFrame(rows)
    if rows:
        table["roofline"] = table["gflops"] / (peak / 1e9)
    return Curves(table, tuple(stopped), tuple(failed), device, peak / 1e9)


def _with_gflops(figures: Mapping[str, float | None]) -> dict[str, float]:
    """Return figures with the achieved GFLOP/s; figures unknown outside torch are NaN."""
    speed = {name: math.nan if value is None else value for name, value in figures.items()}
    return {**speed, "gflops": 2 * speed["macs"] / (speed["latency_ms"] / 1000) / 1e9}


def _warn(ui: UI, label: str, remark: str) -> None:
    ui.warn(f"{label}: {remark}")


def _measured(executor: WorkerExecutor, job: Job, kind: type[E], warn: Callable[[str], object] = lambda _: None) -> E:
    """Run a job, warn of what it remarks on, and return its event of one kind.

    Raises:
        JobFailedError: the job failed.
    """
    events: list[Event] = []
    executor.submit(job, events.append).result()
    for event in events:
        if isinstance(event, Remarked):
            warn(event.text)
    return next(event for event in events if isinstance(event, kind))


def draw(curves: Curves, target: Path) -> None:
    """Plot latency, throughput and roofline fraction over the input size, one line per method and batch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, NullLocator, ScalarFormatter

    panels = [("latency_ms", "ms per batch", True), ("mpix_per_s", "output MPix/s", True)]
    panels.append(("roofline", "of a matrix product's FLOP/s", False))
    with figure_style({"font.size": 9}):
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes: list[Axes] = list(figure.subplots(1, len(panels)))
        for (method, batch), line in curves.table.groupby(["method", "batch"], sort=False):
            for axis, (column, _, _) in zip(axes, panels, strict=True):
                values = line[column].where(line["macs"] > 0) if column == "roofline" else line[column]
                axis.plot(line["size"], values, marker="o", markersize=4, label=f"{method}, batch {batch}")
        for axis, (_, label, logarithmic) in zip(axes, panels, strict=True):
            axis.set_xscale("log", base=2)
            axis.set_yscale("log" if logarithmic else "linear")
            if logarithmic:  # plain numbers at minor ticks too
                axis.yaxis.set_major_formatter(ScalarFormatter())
                axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            else:
                axis.set_ylim(bottom=0)
            sizes = sorted(curves.table["size"].unique())
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.xaxis.set_minor_locator(NullLocator())
            axis.set_xlabel("LR height and width")
            axis.set_title(label)
            axis.grid(alpha=0.3)
        axes[0].legend(fontsize=8)
        figure.suptitle(f"{curves.device}, {curves.table['precision'].iloc[0]}")
        figure.savefig(target, dpi=110)


def save(curves: Curves, folder: Path) -> None:
    """Write ``speed.csv`` and ``speed.png`` of curves with at least one point.

    Raises:
        SRBenchError: they cannot be written.
    """
    write_text(folder / "speed.csv", curves.table.to_csv(index=False, lineterminator="\n"))
    with replacing(folder / "speed.png") as temporary:
        draw(curves, temporary)
