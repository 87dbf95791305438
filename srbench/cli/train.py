"""``srbench train``: train a method."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import degradation_option, device_option
from srbench.cli.parameters import FiniteNumber, Memory, Names
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.training.data.patches import Crop


@click.command("train")
@click.argument("method")
@click.option(
    "--data",
    type=Names("datasets"),
    required=True,
    help="Datasets by name, folders of images, or NAME=FOLDER for a dataset whose archive is unpacked in FOLDER.",
)
@click.option("--scale", type=click.IntRange(2, 16), default=4, show_default=True, help="Scale factor.")
@click.option("--steps", type=click.IntRange(1), help="Steps to train [default: the recipe's]")
@click.option("--batch", type=click.IntRange(1), help="Patches per step and device [default: the recipe's]")
@click.option("--patch", type=click.IntRange(8), help="HR patch size in pixels [default: the recipe's]")
@click.option("--lr", type=FiniteNumber(0, min_open=True), help="Peak learning rate [default: the recipe's]")
@click.option("--loss", help="Loss expression, e.g. '1*mse+0.1*l1' [default: the recipe's]")
@click.option("--schedule", type=click.Choice(["constant", "cosine", "onecycle"]), help="Learning-rate schedule.")
@click.option("--clip", type=FiniteNumber(0), help="Largest gradient norm; 0: no limit.")
@click.option("--ema", type=FiniteNumber(0, 1, max_open=True), help="Decay of the weights' moving average; 0: none.")
@click.option(
    "--accumulate", type=click.IntRange(1), default=1, show_default=True, help="Parts to split each batch into."
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    show_default=True,
    help="Mixed precision.",
)
@click.option("--limit-images", type=click.IntRange(0), default=0, help="Random subset of each dataset; 0: all images.")
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
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile: slow to start, faster steps.")
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard events to OUT/tensorboard.")
@plugin_option
def train_command(
    *,
    method: str,
    data: tuple[str, ...],
    scale: int,
    steps: int | None,
    batch: int | None,
    patch: int | None,
    lr: float | None,
    loss: str | None,
    schedule: str | None,
    clip: float | None,
    ema: float | None,
    accumulate: int,
    precision: str,
    limit_images: int,
    crop: Crop,
    degradation: str,
    data_memory: int,
    start_from: str,
    validate_on: str,
    validate_every: int,
    save_every: int,
    log_every: int,
    seed: int,
    out: Path | None,
    resume: bool,
    device: str,
    devices: int,
    nodes: int,
    compiled: bool,
    tensorboard: bool,
    plugins: tuple[str, ...],
) -> None:
    """Train METHOD; 'srbench run' then uses the weights.

    Training can be killed at any moment: --resume continues from the last checkpoint and gives the same weights.

    \b
    Examples:
      srbench train espcn --data t91 --steps 2000
      srbench train espcn --data t91,bsds500-train --scale 2 --precision bf16 --out runs/espcn_x2
    """
    catalog = load_catalog(plugins)
    spec = catalog.models[method]

    from srbench.store.weights import trained_folder
    from srbench.system.terminal import Terminal
    from srbench.training import checkpoints
    from srbench.training.engine import train
    from srbench.training.recipes.session import Overrides
    from srbench.training.request import TrainRequest

    ui = Terminal()
    folder = out or trained_folder(spec.name, scale, degradation)
    command = shlex.join(["srbench", *sys.argv[1:]])
    request = TrainRequest(
        method=spec.name,
        data=data,
        out=folder,
        scale=scale,
        overrides=Overrides(loss, lr, batch, patch, steps, schedule, clip, ema),
        precision=precision,
        device=device,
        devices=devices,
        nodes=nodes,
        compile=compiled,
        tensorboard=tensorboard,
        seed=seed,
        parts=accumulate,
        limit=limit_images,
        crop=crop,
        degradation=degradation,
        memory=data_memory,
        start_from=start_from,
        validate_on=validate_on,
        validate_every=validate_every,
        save_every=save_every,
        log_every=log_every,
        resume=resume,
        command=command,
    )
    try:
        trained = train(request, catalog, ui)
    except KeyboardInterrupt:
        if (folder / checkpoints.NAME).exists():
            command = command if resume else f"{command} --resume"
            ui.note(f"stopped; the checkpoint is saved in {folder}. To resume: {command}")
        else:
            ui.note("stopped before the first step; nothing was saved")
        raise click.exceptions.Exit(130) from None
    figures = ", ".join(f"{name} {value:.4f}" for name, value in trained.figures.items())
    click.echo(f"{spec.name} x{scale}: {trained.steps} steps; best at step {trained.best_step}: {figures}")
    click.echo(f"best weights: {trained.weights}")
    is_default = not out and degradation == "bicubic"
    choice = "trained" if is_default else shlex.quote(str(trained.weights))
    chosen = "" if is_default and scale not in spec.shipped else f" --weights {spec.name}={choice}"
    chosen += "" if degradation == "bicubic" else f" --degradation {degradation}"
    files = "".join(f" --plugin {shlex.quote(plugin)}" for plugin in plugins)
    click.echo(f"score it: srbench run --methods bicubic,{spec.name} --scale {scale} --dataset set5{chosen}{files}")
