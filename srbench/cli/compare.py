"""``srbench compare``: a figure of one image and a crop of it, by several methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import (
    degradation_option,
    device_option,
    precision_option,
    report_faults,
    scale_or_file,
    split_choices,
)
from srbench.cli.parameters import SCALE, Name, Names
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.specs import ImagePair


@click.command("compare")
@click.argument("images", nargs=-1, required=True, type=Name("datasets"), metavar="IMAGE...")
@click.option("--methods", type=Names("models"), required=True, help="Methods to compare, in this order.")
@click.option("--scale", type=SCALE, default=4, show_default=True, help="Scale factor.")
@click.option("--crop", metavar="X,Y,W,H", help="Crop to enlarge, in HR pixels.")
@click.option("--auto", is_flag=True, help="Crop where the methods differ most; the default.")
@click.option("--protocol", default="y", show_default=True, help="Scoring protocol: y, y-uint8, rgb.")
@click.option("--metrics", type=Names("metrics"), default="psnr,ssim,lpips", show_default=True, help="Metrics.")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Output file: .png, .pdf or .svg; repeatable  [default: compare_IMAGE.png]",
)
@click.option("--weights", multiple=True, metavar="METHOD=PATH|trained|shipped", help="Weights to use. Repeatable.")
@degradation_option("from HR")
@precision_option
@device_option
@plugin_option
def compare_command(
    *,
    images: tuple[str, ...],
    methods: tuple[str, ...],
    scale: int,
    crop: str | None,
    auto: bool,
    protocol: str,
    metrics: tuple[str, ...],
    outs: tuple[Path, ...],
    weights: tuple[str, ...],
    degradation: str,
    precision: str,
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Draw IMAGE and a crop of each method's output, with the scores below; one figure for each IMAGE.

    IMAGE is an HR file, or DATASET/NAME for an image of a dataset; LR is made from it. Scores are of the whole image.
    With several images, their names are added to those of --out. If a method fails, the others are still drawn and
    the exit code is 1.

    \b
    Examples:
      srbench compare samples/coffee --methods nearest,bicubic,lanczos
      srbench compare butterfly.png --methods bicubic,espcn,srresnet --crop 96,40,64,48 --out fig.pdf --out fig.png
      srbench compare set5/baby set5/butterfly --methods bicubic,unet,unet+ --degradation blur+noise --out fig.pdf
    """
    from srbench.errors import UsageError
    from srbench.report import compare
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    if crop and auto:
        raise UsageError("--crop and --auto cannot be combined")
    if wrong := [path for path in outs if path.suffix.lower() not in compare.FORMATS]:
        raise UsageError(f"--out {wrong[0]}: the file must end in {', '.join(compare.FORMATS)}")
    scale = scale_or_file(methods, scale, catalog)
    pairs = [_find(catalog, image, scale) for image in images]
    ui, faults = Terminal(), []
    for image, pair in zip(images, pairs, strict=True):
        picture, more = compare.compare(
            catalog,
            pair,
            catalog.models.open_all(methods),
            scale,
            protocol=protocol,
            metrics=list({catalog.metrics[name].name: catalog.metrics[name] for name in metrics}.values()),
            crop=crop or "",
            weights=split_choices(weights),
            device=device,
            ui=ui,
            dataset=_dataset_of(image),
            degradation=degradation,
            precision=precision,
        )
        faults += more if len(pairs) == 1 else [f"{image}: {fault}" for fault in more]
        if picture is not None:
            for out in outs or (Path("compare.png"),):
                is_named = bool(outs) and len(pairs) == 1
                path = out if is_named else out.with_name(f"{out.stem}_{pair.name}{out.suffix}")
                compare.save(picture.figure, path)
                click.echo(f"saved {path}: crop {','.join(map(str, picture.crop))}")
    report_faults(faults, ui)


def _dataset_of(image: str) -> str:
    """Return the name of an image's dataset, as a run of its folder has it: ``set5`` of ``Set5/baby.png``."""
    from srbench.data.folder import name_of
    from srbench.data.layouts import read_name
    from srbench.store.home import users_path

    path = users_path(image)
    if not path.is_file():
        return image.partition("/")[0]
    folder = path.resolve().parent
    return name_of(folder, parents=1 if read_name(folder.name, folder=True).role else 0)  # Set5/HR: set5-hr


def _find(catalog: Catalog, image: str, scale: int) -> ImagePair:
    """Return the image of a file or of a dataset.

    Raises:
        UsageError: there is neither such a file nor such an image of a dataset.
    """
    from srbench.data.match import image_names
    from srbench.errors import UsageError, unknown
    from srbench.specs import ImagePair, find_image
    from srbench.store.home import users_path

    path = users_path(image)
    if path.is_file():
        return ImagePair(image_names([path])[0], path)
    dataset, slash, name = image.partition("/")
    if not slash or dataset not in catalog.datasets:
        raise UsageError(f"{image}: neither a file nor an image of a dataset (DATASET/NAME)")
    pairs = catalog.datasets[dataset].pairs(scale)
    pair = find_image(pairs, name)
    if pair is None:
        raise unknown(f"image of {dataset}", name, [known for pair in pairs for known in (pair.name, *pair.aliases)])
    return pair
