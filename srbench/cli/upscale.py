"""``srbench upscale``: enlarge an image or a folder of images."""

from __future__ import annotations

from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from srbench.cli.options import device_option, report_faults, scale_or_file, tile_option
from srbench.cli.parameters import SCALE, Name
from srbench.cli.plugins import load_catalog, plugin_option
from srbench.defaults import PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.inference.upscaler import Upscaler
    from srbench.system.terminal import UI

PASS = 2**29
"""Most bytes of one tile's forward pass on a CPU: larger tiles are no faster and only take more memory."""


@click.command("upscale")
@click.argument("method", type=Name("models"))
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--scale", type=SCALE, default=4, show_default=True, help="Scale factor.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--weights", default="", metavar="PATH|trained|shipped", help="Weights to use.")
@click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Write N random samples, OUT_1 to OUT_N, of a generative method.",
)
@click.option("--ensemble", is_flag=True, help="Average over the eight flips and rotations, as METHOD+ does.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="fp32",
    show_default=True,
    help="bf16 and fp16 use autocast.",
)
@click.option("--repeat", is_flag=True, help="Apply METHOD repeatedly to reach a scale that it does not support.")
@tile_option
@device_option
@plugin_option
def upscale_command(
    *,
    method: str,
    source: Path,
    target: Path,
    scale: int,
    overwrite: bool,
    weights: str,
    samples: int | None,
    ensemble: bool,
    precision: str,
    repeat: bool,
    tile: int | Literal["auto", "off"],
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Enlarge an image, or every image of a folder, with METHOD.

    Alpha, 16 bits and greyscale are kept. The images of a folder are written as PNG with the same names; of a folder
    with HR and LR images, LR is enlarged. Large images
    are enlarged in tiles, with the same result; PNG, PPM and PGM are written tile by tile, so they can have any size.

    \b
    Examples:
      srbench upscale bicubic photo.jpg photo_x4.png
      srbench upscale lanczos photos/ enlarged/ --scale 2
      srbench upscale unet photo.jpg photo_x4.png --ensemble
      srbench upscale vae photo.jpg photo_x4.png --samples 3
      srbench upscale espcn photo.jpg photo_x16.png --scale 16 --repeat
    """
    from srbench.data.image_sets import show
    from srbench.data.listing import list_lr
    from srbench.errors import UsageError, counted
    from srbench.inference.files import each, outputs, passes
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    scale = scale_or_file((method,), scale, catalog)
    spec = catalog.models[method if not ensemble or method.endswith("+") else f"{method}+"]
    scales = passes(spec, scale, repeat=repeat)
    if samples and len(scales) > 1:
        raise UsageError("--samples cannot be combined with --repeat")
    ui = Terminal()
    seeds = range(1, samples + 1) if samples else range(1)
    listed: dict[Path, tuple[Path, ...]] = {}

    def lr_of(folder: Path) -> tuple[Path, ...]:
        if folder not in listed:
            listing = list_lr(folder, scale)
            for remark in listing.remarks:
                show(remark, ui)
            listed[folder] = listing.files
        return listed[folder]

    pairs = {
        i: outputs(source, target, overwrite=overwrite, suffix=f"_{i}" if samples else "", list_files=lr_of)
        for i in seeds
    }

    from srbench.inference.build import random_weights
    from srbench.inference.enlarger import Enlarger
    from srbench.inference.files import tiles_of, upscale_file
    from srbench.inference.tiler import Tiler
    from srbench.inference.upscaler import Upscaler
    from srbench.system.malloc import return_memory

    return_memory()
    loaded = {s: Upscaler(spec, s, weights, device, precision=precision) for s in scales}
    if samples and not hasattr(loaded[scales[0]].net, "sample"):
        raise UsageError(f"{spec.name} has one output per image; --samples is for generative methods")
    _warn(spec.name, (random_weights(spec, loaded[s].net, s) for s in scales), ui)
    enlargers = [Enlarger.of(spec, loaded[s].net, s, sample=bool(samples)) for s in scales]
    target_device = loaded[scales[0]].device
    tiler = Tiler(reduce(Enlarger.then, enlargers), target_device, tile, PASS if target_device.type == "cpu" else 0)
    if len(scales) > 1:
        steps = ", then ".join(f"x{s}" for s in scales)
        ui.note(f"{spec.name} does not do x{scale}; it is applied repeatedly: {steps}")

    faults = []
    count = sum(tiles_of(path, tiler) for path, _ in pairs[seeds[0]]) * len(seeds)
    with ui.track("upscaling", count) as advance:

        def enlarge(path: Path, to: Path, seed: int) -> None:
            upscale_file(path, to, tiler, seed, partial(advance, path.name))

        for seed, files in pairs.items():
            faults += each(files, partial(enlarge, seed=seed))
    _warn(spec.name, [tiler.enlarger.take_remark()], ui)
    if source.is_dir():
        written = sum(len(files) for files in pairs.values()) - len(faults)
        used = ", ".join(dict.fromkeys(_weights(loaded[s]) for s in scales))
        click.echo(f"{counted(written, 'image')} written to {target} by {used}")
    report_faults(faults, ui)


def _weights(upscaler: Upscaler) -> str:
    weights = upscaler.weights
    origin = f" ({weights.origin} weights {weights.digest})" if weights else ""
    return f"{upscaler.spec.name} x{upscaler.scale}{origin}"


def _warn(name: str, remarks: Iterable[str], ui: UI) -> None:
    for remark in filter(None, remarks):
        ui.warn(f"{name}: {remark}")
