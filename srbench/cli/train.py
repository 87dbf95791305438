"""``srbench train``: train a method."""

from __future__ import annotations

import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from srbench import defaults
from srbench.cli.options import degradation_option, device_option
from srbench.cli.parameters import SCALE, FiniteNumber, Memory, Name, Names
from srbench.cli.plugins import load_catalog, plugin_option
from srbench.errors import counted


@click.command("train")
@click.argument("method", type=Name("models"))
@click.option(
    "--data",
    type=Names("datasets"),
    required=True,
    help="Datasets by name, folders of images (HR, or HR and LR), or NAME=FOLDER, also for an unpacked archive.",
)
@click.option("--scale", type=SCALE, default=4, show_default=True, help="Scale factor.")
@click.option("--steps", type=click.IntRange(1), help="Steps to train [default: the recipe's]")
@click.option("--batch", type=click.IntRange(1), help="Patches per step and device [default: the recipe's]")
@click.option("--patch", type=click.IntRange(8), help="HR patch size in pixels [default: the recipe's]")
@click.option("--lr", type=FiniteNumber(0, min_open=True), help="Peak learning rate [default: the recipe's]")
@click.option("--loss", help="Loss expression, e.g. '1*mse+0.1*l1' [default: the recipe's]")
@click.option("--schedule", type=click.Choice(["constant", "cosine", "onecycle"]), help="Learning-rate schedule.")
@click.option("--clip", type=FiniteNumber(0), help="Largest gradient norm; 0: no limit.")
@click.option("--ema", type=FiniteNumber(0, 1, max_open=True), help="Decay of the weights' moving average; 0: none.")
@click.option(
    "--accumulate",
    "parts",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Parts to split each batch into.",
)
@click.option(
    "--precision",
    type=click.Choice(defaults.PRECISIONS),
    default="fp32",
    show_default=True,
    help="Mixed precision.",
)
@click.option(
    "--limit-images", "limit", type=click.IntRange(0), default=0, help="Random subset of each dataset; 0: all images."
)
@click.option(
    "--crop",
    type=click.Choice(["fixed", "random"]),
    default="fixed",
    show_default=True,
    help="fixed: patches as they are; random: squares of half to twice the size, resized to the patch.",
)
@degradation_option("to train and to validate on")
@click.option(
    "--data-memory",
    "memory",
    type=Memory(),
    default="4GiB",
    show_default=True,
    help="Memory for decoded images; larger datasets are streamed.",
)
@click.option(
    "--start-from",
    default="",
    metavar="PATH|trained|shipped|xN",
    help="Initial weights; xN: those of another scale, as far as the shapes match.",
)
@click.option(
    "--validate-on",
    default="",
    metavar="DATASET|held-out",
    help="Validation set [default: set5, or a held-out tenth of the training images if set5 is unavailable]",
)
@click.option("--validate-every", type=click.IntRange(1), default=1000, show_default=True, metavar="STEPS")
@click.option("--save-every", type=click.IntRange(1), default=1000, show_default=True, metavar="STEPS")
@click.option(
    "--log-every", type=click.IntRange(1), default=50, show_default=True, metavar="STEPS", help="Per line of log.jsonl."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder [default: where 'srbench run' finds it]"
)
@click.option("--resume", is_flag=True, help="Resume the training in the folder exactly; start one if there is none.")
@device_option
@click.option(
    "--devices", type=click.IntRange(1), default=1, show_default=True, help="Devices that train together (DDP)."
)
@click.option(
    "--nodes", type=click.IntRange(1), default=1, show_default=True, help="Machines, under torchrun or SLURM."
)
@click.option("--compile", "compile", is_flag=True, help="Use torch.compile: slow to start, faster steps.")
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard events to OUT/tensorboard.")
@plugin_option
def train_command(*, method: str, out: Path | None, plugins: tuple[str, ...], **options: Any) -> None:
    """Train METHOD; 'srbench run' then uses the weights.

    Training can be killed at any moment: --resume continues from the last checkpoint and gives the same weights.

    \b
    Examples:
      srbench train espcn --data t91 --steps 2000
      srbench train espcn --data t91,bsds500-train --scale 2 --precision bf16 --out runs/espcn_x2
    """
    catalog = load_catalog(plugins)
    spec = catalog.models[method]

    from srbench.images.degradations import get_degradation
    from srbench.store.weights import trained_folder
    from srbench.system.terminal import Terminal
    from srbench.training import checkpoints
    from srbench.training.engine import train
    from srbench.training.recipes.session import Overrides
    from srbench.training.request import TrainRequest
    from srbench.training.validation import beside_baseline

    ui = Terminal()
    scale, degradation = options["scale"], options["degradation"]
    folder = out or trained_folder(spec.name, scale, get_degradation(degradation).label)
    command = shlex.join(["srbench", *sys.argv[1:]])
    overrides = Overrides(**{field.name: options.pop(field.name) for field in fields(Overrides)})
    request = TrainRequest(method=spec.name, out=folder, overrides=overrides, command=command, **options)
    try:
        trained = train(request, catalog, ui)
    except KeyboardInterrupt:
        if (folder / checkpoints.NAME).exists():
            command = command if request.resume else f"{command} --resume"
            ui.note(f"stopped; the checkpoint is saved in {folder}. To resume: {command}")
        else:
            ui.note("stopped before the first step; nothing was saved")
        raise click.exceptions.Exit(130) from None
    steps = counted(trained.steps, "step")
    figures = beside_baseline(trained.figures, trained.baseline)
    if trained.has_learnt:
        click.echo(
            f"{spec.name} x{scale}: {counted(trained.steps, 'step')}; best at step {trained.best_step}: {figures}"
        )
        click.echo(f"best weights: {trained.weights}")
    else:
        click.echo(f"{spec.name} x{scale}: {steps}; at step {trained.best_step}: {figures}")
        ui.warn(
            f"the weights are no better than {defaults.BASELINE}; try more --steps, a lower --lr, a larger --batch or "
            "other --data"
        )
        click.echo(f"weights: {trained.weights}")
    is_default = not out and degradation == defaults.DEGRADATION
    choice = "trained" if is_default else shlex.quote(str(trained.weights))
    more = "" if is_default and scale not in spec.shipped else f" --weights {spec.name}={choice}"
    more += "" if degradation == defaults.DEGRADATION else f" --degradation {shlex.quote(degradation)}"
    more += "".join(f" --plugin {shlex.quote(plugin)}" for plugin in plugins)
    methods = f"{defaults.BASELINE},{spec.name}"
    click.echo(f"score it: srbench run --methods {methods} --scale {scale} --dataset {defaults.VALIDATION}{more}")
