"""``srbench identify``: find out what made LR from HR."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import format_option
from srbench.cli.parameters import SCALE
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.identify.compare import Candidate
    from srbench.identify.identify import Identity

PATH = click.Path(path_type=Path)


@click.command("identify")
@click.argument("lr", type=PATH)
@click.argument("hr", type=PATH)
@click.option("--scale", type=SCALE, default=None, help="Scale factor [default: found from the sizes].")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Groups of candidates to show.")
@click.option("--save-kernel", type=PATH, metavar="FILE", help="Save the kernel, for --degradation kernel:FILE.")
@click.option("--picture", type=PATH, metavar="FILE.png", help="Draw the kernel beside the nearest named one.")
@format_option("table", "json")
@plugin_option
def identify_command(
    *,
    lr: Path,
    hr: Path,
    scale: int | None,
    top: int,
    save_kernel: Path | None,
    picture: Path | None,
    style: str,
    plugins: tuple[str, ...],
) -> None:
    """Find out what made LR images from HR images: two files, or two folders whose files are paired by name.

    LR is compared, pixel by pixel, with what each known resizer makes of HR; candidates that make the same LR are one
    group. All are degradations of 'run', 'train' and 'degrade'. Where none is equal in every pixel, the linear kernel
    is estimated from the pairs. Ctrl-C shows what is known so far.

    \b
    Examples:
      srbench identify DIV2K_valid_LR/ DIV2K_valid_HR/
      srbench identify lr/ hr/ --save-kernel camera.json --picture camera.png
      srbench degrade photos/ lr/ --scale 4 --degradation kernel:camera.json
    """
    from srbench.errors import UsageError
    from srbench.identify import report
    from srbench.identify.identify import identify
    from srbench.identify.pairs import find_pairs
    from srbench.system.terminal import Terminal

    if picture is not None and picture.suffix.lower() != ".png":
        raise UsageError(f"--picture {picture}: the file must end in .png")
    ui, catalog = Terminal(), load_catalog(plugins)
    pairs, scale = find_pairs(lr, hr, scale or 0, ui)
    identity = identify(pairs, scale, catalog, ui, need_kernel=bool(save_kernel or picture))
    for fault in identity.comparison.faults:
        ui.warn(f"left out: {fault}")
    for note in report.missing(identity):
        ui.note(note)
    if style == "json":
        click.echo(json.dumps(report.as_json(identity), indent=2, ensure_ascii=False))
    else:
        _table(identity.comparison.groups[:top])
        for line in report.lines(identity):
            click.echo(line)
    _save(identity, save_kernel, picture)
    if identity.stopped:
        click.echo(f"stopped after {identity.comparison.images} of {len(pairs)} images", err=True)
        raise click.exceptions.Exit(130)
    if identity.comparison.faults:
        raise click.exceptions.Exit(1)


def _table(groups: list[list[Candidate]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("candidate", overflow="fold")
    for heading in ("equal", "largest", "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in groups:
        best = group[0]
        share = "every pixel" if best.is_equal else f"{min(100 * best.share, 99.99):.2f} %"
        names = " = ".join(member.label for member in group)
        table.add_row(names, share, str(best.largest), f"{best.mean:.3f}")
    Console(width=None if sys.stdout.isatty() else 120, highlight=False, emoji=False, markup=False).print(table)


def _save(identity: Identity, kernel: Path | None, picture: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        SRBenchError: there is no kernel, or a file cannot be written.
    """
    from srbench.errors import SRBenchError
    from srbench.identify.picture import save_picture
    from srbench.images.kernel_file import save_kernel

    if not (kernel or picture):
        return
    if identity.estimate is None or identity.description is None:
        raise SRBenchError("no kernel was estimated, so none is saved")
    if kernel:
        save_kernel(identity.estimate.kernel, kernel)
        click.echo(f"saved {kernel}: use it with --degradation kernel:{kernel}", err=True)
    if picture:
        save_picture(identity.estimate.kernel, identity.description, picture)
        click.echo(f"saved {picture}", err=True)
