"""``srbench verify``: check whether a run's values can be reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import agreement, other_device_option, yes_option
from srbench.cli.plugins import plugin_option
from srbench.errors import counted, unbroken
from srbench.system.text_tables import is_piped, stdout_console, text_table

if TYPE_CHECKING:
    from srbench.runs.verify import Check
    from srbench.runs.verify_costs import CostCheck


@click.command("verify")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--sample", type=click.IntRange(0), default=20, show_default=True, help="Number of outputs to check; 0: all."
)
@other_device_option
@plugin_option
@yes_option
@click.option(
    "--trust-pictures",
    is_flag=True,
    help="Quick: score saved pictures (--save-images) again, without making them or measuring costs again.",
)
def verify_command(
    *, run: Path, sample: int, device: str, plugins: tuple[str, ...], yes: bool, trust_pictures: bool
) -> None:
    """Check whether a run's results can be reproduced, and report what has changed since. Exit code 1 if one differs.

    Outputs, each one method's SR of one image, are drawn at random and made again, the methods in reverse order. On the
    same processor and versions, values must be equal. Elsewhere, and on a GPU, they may differ by one in the last
    printed digit (PSNR 0.01 dB, SSIM and LPIPS 0.0001), because rounding to 8 bits may flip a few pixels. Parameters
    and MACs must be equal; the latency must lie, within a factor of 2, in the interval measured now on the same device.
    The rows of leaderboard.csv must be those that results.jsonl gives.

    \b
    Examples:
      srbench verify runs/20260101-120000
      srbench verify runs/a --sample 0
      srbench verify runs/a --trust-pictures
    """
    from srbench.runs.verify import verify
    from srbench.system.terminal import Terminal

    ui = Terminal()
    verified = verify(run, sample, ui, device, plugins=plugins, agree=agreement(yes=yes), trust_pictures=trust_pictures)
    for remark in verified.remarks:
        ui.warn(remark)
    costs = [cost for cost in verified.costs if not cost.agrees]
    if verified.differing or costs:
        _table(verified.differing, costs)
    for name in verified.board:
        click.echo(f"leaderboard.csv: {unbroken(name)}: is not the row that results.jsonl gives")
    values = counted(len(verified.checks), "value")
    subject = f"{values} of {verified.rescored} saved and {verified.repeated} repeated outputs"
    click.echo(f"{subject}: {_verdict(len(verified.differing))}")
    if verified.costs:
        click.echo(f"{counted(len(verified.costs), 'cost')} (parameters, MACs, speed): {_verdict(len(costs))}")
    if any(cost.is_slower for cost in costs):
        click.echo("a latency longer than now's is no failure: other work on the machine of the run explains it")
    if verified.unseen:
        click.echo(f"not looked at: {unbroken(', '.join(verified.unseen))}")
    if not verified.holds:
        raise click.exceptions.Exit(1)


def _verdict(differing: int) -> str:
    return f"{differing} differ" if differing else "all agree"


def _table(checks: list[Check], costs: list[CostCheck]) -> None:
    rows = []
    for check in checks:
        output = check.output
        image = f"{output.dataset}/{output.image} x{output.scale}"
        now = check.reason if check.now != check.now else f"{check.now:.6f}"
        names = map(unbroken, (output.method, image, check.metric, check.protocol))  # they may be a stranger's
        rows.append((*names, f"{check.then:.6f}", now))
    rows += [(cost.method, f"x{cost.scale}", cost.quantity, "", cost.then, cost.now) for cost in costs]
    plain = is_piped()
    headings = ("method", "image", "metric", "protocol", "then", "now")
    stdout_console(plain=plain).print(text_table(headings, rows, right=(4, 5), plain=plain))
