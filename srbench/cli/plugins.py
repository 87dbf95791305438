"""``--plugin``, and the catalog that it adds to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    help="Also load this file as a plugin; repeatable.",
)


def load_catalog(plugins: tuple[str, ...]) -> Catalog:
    """Load the catalog, and print a warning for each problem of a plugin.

    Raises:
        UsageError: a plugin file does not exist, or offers nothing, because it cannot be imported for example.
    """
    from srbench.catalog.catalog import Catalog
    from srbench.errors import UsageError, printable

    catalog = Catalog.load(plugins)
    if useless := catalog.useless(plugins):
        raise UsageError(useless[0])
    for complaint in catalog.complaints(plugins):
        click.echo(f"warning: {printable(complaint)}", err=True)
    return catalog
