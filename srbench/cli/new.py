"""``srbench new``: create a plugin from a template."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

USE = {
    "method": "srbench run --methods {name},bicubic",
    "loss": 'srbench train espcn --data t91 --steps 2000 --loss "l1+0.1*{name}"',
    "dataset": "srbench run --methods bicubic,lanczos --dataset {name}",
    "metric": "srbench run --methods bicubic,lanczos --metrics psnr,{name}",
}


@click.command("new")
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(list(USE)), default="method", show_default=True, help="What the plugin provides."
)
@click.option(
    "--dir",
    "parent",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Parent folder [default: the current one]",
)
def new_command(*, name: str, kind: str, parent: Path) -> None:
    """Create a plugin from a template: a distribution in a new folder NAME that installs, passes its test and runs.

    \b
    Examples:
      srbench new mynet
      srbench new edges --kind loss --dir plugins
    """
    from srbench.catalog.scaffold import create

    folder = create(name, kind, parent)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        click.echo(f"wrote {path}")
    relative = str(folder) if folder.is_absolute() else f"./{folder}"
    click.echo("next:")
    for command in (f"pip install -e {shlex.quote(relative)}", f"srbench check {name}", USE[kind].format(name=name)):
        click.echo(f"  {command}")
