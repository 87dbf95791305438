"""``srbench compare``: the picture that every paper needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.options import Names, device_option, load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.specs import ImagePair
    from srbench.system.terminal import Terminal


@click.command("compare")
@click.argument("image")
@click.option("--methods", type=Names("models"), required=True, help="Methods to compare, in this order.")
@click.option("--scale", type=click.IntRange(2, 16), default=4, show_default=True, help="Scale factor.")
@click.option("--crop", metavar="X,Y,W,H", help="Part to enlarge, in HR pixels.")
@click.option("--auto", is_flag=True, help="Enlarge the part where the methods differ most; the default.")
@click.option("--protocol", default="y", show_default=True, help="Scoring protocol: y, y-uint8, rgb.")
@click.option("--metrics", type=Names("metrics"), default="psnr,ssim,lpips", show_default=True, help="Metrics.")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File: .png, .pdf or .svg; repeatable  [default: compare_IMAGE.png]",
)
@click.option("--weights", multiple=True, metavar="METHOD=PATH|trained|shipped", help="Weights to use. Repeatable.")
@device_option
@plugin_option
def compare_command(
    *,
    image: str,
    methods: tuple[str, ...],
    scale: int,
    crop: str | None,
    auto: bool,
    protocol: str,
    metrics: tuple[str, ...],
    outs: tuple[Path, ...],
    weights: tuple[str, ...],
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Draw IMAGE and a crop of it as each of several methods makes it, with the scores below.

    IMAGE is an HR file, or an image of a dataset as DATASET/NAME; LR is made from it. Scores are those of the whole
    image. A method that fails is named and the others are drawn; then the exit code is 1.

    \b
    Examples:
      srbench compare samples/coffee --methods nearest,bicubic,lanczos
      srbench compare butterfly.png --methods bicubic,espcn,srresnet --crop 96,40,64,48 --out fig.pdf --out fig.png
    """
    from srbench.errors import UsageError
    from srbench.report.compare import FORMATS
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    if crop and auto:
        raise UsageError("--crop and --auto exclude each other")
    if wrong := [path for path in outs if path.suffix.lower() not in FORMATS]:
        raise UsageError(f"--out {wrong[0]}: takes a file ending in {', '.join(FORMATS)}")
    pair = _find(catalog, image, scale)
    ui = Terminal()
    faults = _compare(catalog, pair, methods, scale, crop, protocol, metrics, outs, weights, device, ui)
    for fault in faults:
        ui.warn(fault)
    if faults:
        raise click.exceptions.Exit(1)


def _find(catalog: Catalog, image: str, scale: int) -> ImagePair:
    """Return the file, else the image of a dataset.

    Raises:
        UsageError: it is neither.
    """
    from srbench.errors import UsageError, unknown
    from srbench.specs import ImagePair
    from srbench.store.home import users_path

    path = users_path(image)
    if path.is_file():
        return ImagePair(path.stem, path)
    dataset, slash, name = image.partition("/")
    if not slash or dataset not in catalog.datasets:
        raise UsageError(f"{image}: no such file, and no image of a dataset either (DATASET/NAME)")
    pairs = {pair.name: pair for pair in catalog.datasets[dataset].pairs(scale)}
    if name not in pairs:
        raise unknown(f"image of {dataset}", name, pairs)
    return pairs[name]


def _compare(
    catalog: Catalog,
    pair: ImagePair,
    methods: tuple[str, ...],
    scale: int,
    crop: str | None,
    protocol: str,
    metrics: tuple[str, ...],
    outs: tuple[Path, ...],
    weights: tuple[str, ...],
    device: str,
    ui: Terminal,
) -> list[str]:
    """Upscale, score and draw; return the faults of methods that failed."""
    from srbench.errors import MethodError
    from srbench.images.tensors import to_picture
    from srbench.protocols import get_protocol
    from srbench.report import compare
    from srbench.runs.prepare import missing_backbones
    from srbench.scoring.samples import load_sample
    from srbench.system.devices import find_device

    get_protocol(protocol)
    specs = list({catalog.models[name].name: catalog.models[name] for name in methods}.values())
    measures = list({catalog.metrics[name].name: catalog.metrics[name] for name in metrics}.values())
    choices = _choices(catalog, weights, {spec.name for spec in specs})
    where = find_device(device)
    sample = load_sample(pair, scale, where)
    hr = to_picture(sample.hr, grey=sample.grey).pixels
    chosen = compare.parse_crop(crop, hr.shape[1], hr.shape[0], scale) if crop else None
    missing = missing_backbones(measures, ui)
    measures = [metric for metric in measures if metric.name not in missing]
    outputs: dict[str, Any] = {}
    faults = []
    with ui.track("upscaling", len(specs)) as advance:
        for spec in specs:
            try:
                outputs[spec.name] = _upscale(spec, sample, scale, choices.get(spec.name, ""), where)
            except MethodError as error:
                faults.append(f"{spec.name} failed: {error}")
            advance(spec.name)
    if not outputs:
        return faults
    panels = compare.scored(sample, outputs, measures, protocol)
    chosen = chosen or compare.choose_crop([panel.pixels for panel in panels], hr, scale)
    figure = compare.draw(f"{pair.name} x{scale}, protocol {protocol}", hr, panels, chosen)
    for path in outs or (Path(f"compare_{pair.name}.png"),):
        compare.save(figure, path)
        click.echo(f"saved {path}: crop {','.join(map(str, chosen))}")
    return faults


def _choices(catalog: Catalog, weights: tuple[str, ...], methods: set[str]) -> dict[str, str]:
    from srbench.cli.options import split_choices
    from srbench.errors import UsageError

    choices = {catalog.models[name].name: choice for name, choice in split_choices(weights).items()}
    if strangers := set(choices) - methods:
        raise UsageError(f"--weights names {', '.join(sorted(strangers))}, which is not among --methods")
    return choices


def _upscale(spec: Any, sample: Any, scale: int, choice: str, device: Any) -> Any:
    """Return SR as ``(3, H, W)`` uint8.

    Raises:
        MethodError: the method does not do this scale, has no weights, or fails.
    """
    from srbench.errors import MethodError, SRBenchError
    from srbench.images.tensors import to_8bit, to_float
    from srbench.inference.build import build_net
    from srbench.inference.enlarger import Enlarger
    from srbench.inference.tiler import Tiler
    from srbench.store.weights import find_weights

    if scale not in spec.scales:
        does = ", ".join(f"x{s}" for s in sorted(spec.scales))
        raise MethodError(f"it does not do x{scale}; it does {does}")
    found = find_weights(spec, scale, choice)
    try:
        net = build_net(spec, scale, device, found.path if found else None)
        return Tiler(Enlarger.of(spec, net, scale), device)(to_float(sample.lr), to_8bit)[0]
    except SRBenchError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise MethodError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
