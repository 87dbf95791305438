"""``srbench verify``: check whether a run's values can be reproduced."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import agreement, other_device_option, yes_option
from srbench.cli.plugins import plugin_option
from srbench.errors import counted

if TYPE_CHECKING:
    from srbench.runs.verify import Check


@click.command("verify")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--sample", type=click.IntRange(0), default=20, show_default=True, help="Number of outputs to check; 0: all."
)
@other_device_option
@plugin_option
@yes_option
def verify_command(*, run: Path, sample: int, device: str, plugins: tuple[str, ...], yes: bool) -> None:
    """Check whether a run's values can be reproduced, and report what has changed since. Exit code 1 if one differs.

    An output is one method's SR of one image. Saved outputs (--save-images) are scored again, the others made again.
    On the same processor and versions, values must be equal. Elsewhere, and on a GPU, they may differ by one in the
    last printed digit (PSNR 0.01 dB, SSIM and LPIPS 0.0001), because rounding to 8 bits may flip a few pixels.

    \b
    Examples:
      srbench verify runs/20260101-120000
      srbench verify runs/a --sample 0
    """
    from srbench.runs.verify import verify
    from srbench.system.terminal import Terminal

    ui = Terminal()
    verified = verify(run, sample, ui, device, plugins=plugins, agree=agreement(yes=yes))
    for remark in verified.remarks:
        ui.warn(remark)
    if verified.differing:
        _table(verified.differing)
    differ = f"{len(verified.differing)} differ" if verified.differing else "all agree"
    values = counted(len(verified.checks), "value")
    click.echo(f"{values} of {verified.rescored} saved and {verified.repeated} repeated outputs: {differ}")
    if verified.differing:
        raise click.exceptions.Exit(1)


def _table(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("method", "image", "metric", "protocol", "then", "now", box=None, pad_edge=False)
    for check in checks:
        output = check.output
        image = f"{output.dataset}/{output.image} x{output.scale}"
        now = check.reason if check.now != check.now else f"{check.now:.6f}"
        table.add_row(output.method, image, check.metric, check.protocol, f"{check.then:.6f}", now)
    Console(width=None if sys.stdout.isatty() else 250, highlight=False, emoji=False, markup=False).print(table)
