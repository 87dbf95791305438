"""``srbench fetch``: download datasets and backbones ahead of time."""

from __future__ import annotations

import click

from srbench.cli.parameters import SCALES, Name
from srbench.cli.plugins import load_catalog, plugin_option


@click.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", type=Name("datasets", "backbones"))
@click.option("--scale", "scales", type=SCALES, help="Scales of datasets to fetch [default: all]")
@plugin_option
def fetch_command(*, names: tuple[str, ...], scales: tuple[int, ...] | None, plugins: tuple[str, ...]) -> None:
    """Download datasets or backbones into SRBENCH_HOME ahead of time.

    \b
    Examples:
      srbench fetch set5 set14 --scale 4
      srbench fetch div2k
      srbench fetch alexnet
    """
    from srbench.data.find import with_images
    from srbench.data.image_sets import fetch_dataset
    from srbench.errors import UsageError, counted
    from srbench.specs import Asset
    from srbench.store.backbones import BACKBONES, fetch_backbone
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    unknown = [name for name in names if name not in BACKBONES and name not in catalog.datasets]
    if unknown:
        try:
            catalog.datasets[unknown[0]]
        except UsageError as error:
            raise UsageError(f"{error} (backbones: {', '.join(BACKBONES)})") from None
    ui = Terminal()
    for name in names:
        if name in BACKBONES:
            ui.note(f"{name}: {fetch_backbone(name)}")
            continue
        spec = catalog.datasets[name]
        if spec.archive is not None:
            spec = with_images(spec, ui)
            ui.note(f"{name}: {counted(len(spec.pairs(min(spec.scales))), 'image')} in the cache")
            continue
        pairs = [pair for scale in (scales or sorted(spec.scales)) for pair in spec.pairs(scale)]
        files = dict.fromkeys(f for pair in pairs for f in (pair.hr, pair.lr) if isinstance(f, Asset))
        fetch_dataset(list(files), name, ui)
        ui.note(f"{name}: {counted(len(files), 'file')} in the cache" if files else f"{name}: nothing to fetch")
