"""Speed over input and batch sizes: latency, throughput, memory, and how near a network comes to its device's limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from srbench.errors import SRBenchError, UsageError
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job, Session
from srbench.execution.local import WorkerExecutor
from srbench.results.rows import write_text
from srbench.runs.prepare import choose_weights
from srbench.runs.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from srbench.catalog.catalog import Catalog
    from srbench.system.terminal import UI

OUT_OF_MEMORY = "memory"
"""In every reason that means so: the device's, the process's, ``--max-memory``'s and the kernel's."""


@dataclass(frozen=True)
class Sweep:
    """What ``srbench speed`` was asked for."""

    methods: tuple[str, ...]
    scale: int
    sizes: tuple[int, ...]
    batches: tuple[int, ...]
    seconds: float
    session: Session
    out: Path
    weights: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 0
    max_memory: int = 0


@dataclass(frozen=True)
class Curves:
    """The table, one row per method, batch and size; where curves stopped, and what failed."""

    table: pd.DataFrame
    stopped: tuple[str, ...]
    failed: tuple[str, ...]
    device: str
    peak_gflops: float


def sweep(asked: Sweep, catalog: Catalog, ui: UI) -> Curves:
    """Measure methods at every size and batch, smallest first; a curve ends where memory does.

    The roofline fraction is what a forward pass achieves, two operations per multiply-accumulate, of what a large
    matrix product of the same precision achieves in the same process (Williams et al. 2009).

    Raises:
        UsageError: a method or its weights do not exist, or it does not do the scale or the precision.
        SRBenchError: the device is not there, the folder cannot be written.
    """
    specs = list({catalog.models[name].name: catalog.models[name] for name in asked.methods}.values())
    for spec in specs:
        if asked.scale not in spec.scales:
            does = ", ".join(f"x{scale}" for scale in sorted(spec.scales))
            raise UsageError(f"{spec.name} does not do x{asked.scale}; it does {does}")
        if asked.session.precision not in spec.precisions:
            raise UsageError(f"{spec.name} does not do {asked.session.precision}")
    request = Request(asked.methods, (), (asked.scale,), (), (), asked.out, weights=asked.weights)
    weights = choose_weights(request, catalog, specs, ui)
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{asked.out}: cannot be made ({error.strerror})") from error
    executor = WorkerExecutor(asked.session, asked.out / "worker.log", asked.timeout_s, asked.max_memory)
    rows: list[dict[str, Any]] = []
    stopped: list[str] = []
    failed: list[str] = []
    try:
        device = executor.environment()["device"]
        matmul = Job("", 1, speed={"seconds": asked.seconds})
        peak = next(_events(executor, matmul, "peak_flops"))
        with ui.track("timing", len(specs) * len(asked.batches) * len(asked.sizes)) as advance:
            for spec in specs:
                file = weights.get((spec.name, asked.scale))
                for batch in sorted(asked.batches):
                    for size in sorted(asked.sizes):
                        what = f"{spec.name} x{asked.scale}, {batch} of {size}x{size}"
                        settings = {"size": size, "batch": batch, "seconds": asked.seconds}
                        path = str(file.path) if file else ""
                        job = Job(spec.name, asked.scale, speed=settings, weights=path, reference=spec.reference)
                        try:
                            found = next(_events(executor, job, "speed"))
                        except JobFailedError as error:
                            (stopped if OUT_OF_MEMORY in str(error) else failed).append(f"{what}: {error}")
                            break  # what is larger would fare no better
                        finally:
                            advance(what)
                        # what a network outside of torch does not say is left open
                        speed = {name: math.nan if value is None else value for name, value in found.items()}
                        achieved = 2 * speed["macs"] / (speed["latency_ms"] / 1000)
                        who = {"method": spec.name, "scale": asked.scale, "batch": batch, "size": size}
                        how = {"device": device, "precision": asked.session.precision}
                        rows.append({**who, **speed, "gflops": achieved / 1e9, **how})
        peak = max(peak, next(_events(executor, matmul, "peak_flops")))  # the first may have been disturbed
    finally:
        executor.shutdown()
    table = pd.DataFrame(rows)
    if rows:
        table["roofline"] = table["gflops"] / (peak / 1e9)
    return Curves(table, tuple(stopped), tuple(failed), device, peak / 1e9)


def _events(executor: WorkerExecutor, job: Job, kind: str) -> Iterator[Any]:
    """Run a job and return what it found of one kind.

    Raises:
        JobFailedError: it failed.
    """
    found: list[dict[str, Any]] = []
    executor.submit(job, found.append).result()
    return iter([event[kind] for event in found if kind in event])


def draw(curves: Curves, target: Path) -> None:
    """Draw latency, throughput and roofline fraction over the size of the input, a line per method and batch."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, NullLocator, ScalarFormatter

    panels = [("latency_ms", "ms per batch", True), ("mpix_per_s", "output MPix/s", True)]
    panels.append(("roofline", "of a matrix product's FLOP/s", False))
    with mpl.rc_context({"font.size": 9}):
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
            if logarithmic:  # plain numbers, at the ticks between powers of ten too
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
    """Write ``speed.csv`` and ``speed.png``.

    Raises:
        SRBenchError: they cannot be written.
    """
    write_text(folder / "speed.csv", curves.table.to_csv(index=False, lineterminator="\n"))
    if len(curves.table):
        draw(curves, folder / "speed.png")
