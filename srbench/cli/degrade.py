"""``srbench degrade``: make LR images from HR images."""

from __future__ import annotations

from pathlib import Path

import click

from srbench.cli.options import degradation_option, report_faults
from srbench.cli.parameters import SCALE


@click.command("degrade")
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--scale", type=SCALE, required=True, help="Downscaling factor.")
@degradation_option("from HR")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed; runs use 0.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def degrade_command(*, source: Path, target: Path, scale: int, degradation: str, seed: int, overwrite: bool) -> None:
    """Make the LR of an image, or of every image of a folder, as 'srbench run' does.

    Outputs are PNG files with the same names. Of a folder with HR and LR images, HR is taken. HR is cropped to
    multiples of the scale. Bicubic equals the LR files of the standard benchmarks in every pixel.

    \b
    Examples:
      srbench degrade DIV2K_valid_HR/ DIV2K_valid_LR_x4/ --scale 4
      srbench degrade photos/ crappy/ --scale 4 --degradation crappify
    """
    from srbench.data.image_sets import show
    from srbench.data.listing import list_hr
    from srbench.errors import UsageError
    from srbench.images.degradations import degrade_file, get_degradation
    from srbench.images.write import LOSSY, write
    from srbench.inference.files import each, outputs
    from srbench.system.terminal import Terminal

    ui = Terminal()

    def hr_of(folder: Path) -> tuple[Path, ...]:
        listing = list_hr(folder, scale)
        for remark in listing.remarks:
            show(remark, ui)
        return listing.files

    if target.suffix.lower() in LOSSY and not target.is_dir():
        raise UsageError(f"{target}: {target.suffix} would change the LR; use .png")
    pairs = outputs(source, target, overwrite=overwrite, list_files=hr_of)
    with ui.track("degrading", len(pairs)) as advance:

        def shrink(path: Path, to: Path) -> None:
            try:
                write(to, degrade_file(path, scale, get_degradation(degradation), seed))
            finally:
                advance(path.name)

        faults = each(pairs, shrink)
    report_faults(faults, ui)
