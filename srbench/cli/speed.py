"""``srbench speed``: measure latency and throughput over input and batch sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.options import (
    compile_option,
    device_option,
    precision_option,
    scale_or_file,
    split_choices,
    threads_option,
    weights_option,
)
from srbench.cli.parameters import SCALE, Counts, FiniteNumber, Memory, Names
from srbench.cli.plugins import load_catalog, plugin_option
from srbench.system.text_tables import is_piped, stdout_console, text_table

if TYPE_CHECKING:
    from srbench.runs.speed_sweep import Curves

COLUMNS = {
    "method": "method",
    "batch": "batch",
    "size": "LR",
    "latency_ms": "ms",
    "latency_p10_ms": "p10",
    "latency_p90_ms": "p90",
    "images_per_s": "img/s",
    "mpix_per_s": "MPix/s",
    "peak_mem_mib": "MiB",
    "gflops": "GFLOP/s",
    "roofline": "roofline",
}


@click.command("speed")
@click.option("--methods", type=Names("models"), required=True, help="Methods to time; see 'srbench list methods'.")
@click.option("--scale", type=SCALE, default=4, show_default=True, help="Scale factor.")
@click.option(
    "--size", "sizes", type=Counts(8, 8192), default="64,128,256,512", show_default=True, help="LR heights and widths."
)
@click.option("--batch", "batches", type=Counts(1, 1024), default="1", show_default=True, help="Images per batch.")
@click.option(
    "--seconds",
    type=FiniteNumber(0, 600, min_open=True),
    default=1.0,
    show_default=True,
    help="Duration of each measurement.",
)
@weights_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="speed", show_default=True)
@device_option
@precision_option
@compile_option
@threads_option
@click.option(
    "--timeout",
    "timeout_s",
    type=FiniteNumber(0),
    default=1800,
    show_default=True,
    metavar="SECONDS",
    help="Per measurement.",
)
@click.option("--max-memory", type=Memory(), default=0, help="Most memory the process may use, e.g. 8GiB.")
@plugin_option
def speed_command(
    *,
    out: Path,
    weights: tuple[str, ...],
    device: str,
    precision: str,
    compiled: bool,
    threads: int,
    plugins: tuple[str, ...],
    **options: Any,
) -> None:
    """Measure latency, throughput and memory over input and batch sizes; save a table and a plot.

    A curve ends where memory runs out. 'roofline' is the method's FLOP/s as a share of those that a large matrix
    product of the same precision reaches in the same process. A method without any result: exit code 1.

    \b
    Examples:
      srbench speed --methods espcn,srresnet
      srbench speed --methods unet --size 128,256 --batch 1,4,16 --precision bf16 --out runs/speed
    """
    from srbench.execution.jobs import Session
    from srbench.runs.speed_sweep import Sweep, save, sweep
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    files = tuple(str(Path(plugin).resolve()) for plugin in plugins)
    session = Session(device, threads, files, precision=precision, compiled=compiled)
    options["scale"] = scale_or_file(options["methods"], options["scale"], catalog)
    request = Sweep(session=session, out=out, weights=split_choices(weights), **options)
    curves = sweep(request, catalog, Terminal())
    if len(curves.table):
        save(curves, out)
        _show(curves)
        click.echo(f"saved in {out}: speed.csv, speed.png")
    if len(curves.table) and (curves.table["roofline"] > 1).any():
        click.echo(
            "a share is above 100 %: other work slowed the matrix product that is its bound; time again", err=True
        )
    for line in curves.stopped:
        click.echo(f"curve ends: {line}", err=True)
    for line in curves.failed:
        click.echo(f"failed: {line}", err=True)
    timed = set(curves.table["method"]) if len(curves.table) else set()
    if curves.failed or len(timed) < len(options["methods"]):
        raise click.exceptions.Exit(1)


def _show(curves: Curves) -> None:
    rows = []
    for row in curves.table.to_dict("records"):
        shown = {k: f"{row[k]:.4g}" if isinstance(row[k], float) else str(row[k]) for k in COLUMNS}
        shown["roofline"] = f"{100 * row['roofline']:.3g} %"
        rows.append([text if row[k] == row[k] else "-" for k, text in shown.items()])  # NaN: not known
    plain = is_piped()
    console, numbers = stdout_console(plain=plain), [i for i, name in enumerate(COLUMNS) if name != "method"]
    console.print(f"{curves.device} | a matrix product reaches {curves.peak_gflops:.4g} GFLOP/s", soft_wrap=True)
    console.print(text_table(COLUMNS.values(), rows, right=numbers, plain=plain))
