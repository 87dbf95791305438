"""``srbench list``: list everything that can be named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.plugins import plugin_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from srbench.catalog.catalog import Catalog


KINDS = ("methods", "losses", "datasets", "metrics", "protocols", "degradations", "backbones", "plugins")


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_option
def list_command(*, kind: str | None, as_json: bool, plugins: tuple[str, ...]) -> None:
    """List methods, losses, datasets, metrics, protocols, degradations, backbones, plugins and broken plugins.

    \b
    KIND: methods, losses, datasets, metrics, protocols, degradations, backbones or plugins; without it, all.
    \b
    Examples:
      srbench list
      srbench list methods --plugin mine.py
    """
    from srbench.catalog.catalog import Catalog

    tables = _tables(Catalog.load(plugins))
    chosen = {kind: tables[kind]} if kind else tables
    if as_json:
        click.echo(json.dumps(chosen, indent=2))
        return
    for name, rows in chosen.items():
        click.secho(name, bold=True)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            details = "; ".join(f"{k} {v}" for k, v in row.items() if k not in ("name", "summary", "problems") and v)
            click.echo(f"  {row['name']:{width}}  {row['summary']}" + (f"  ({details})" if details else ""))
            for problem in row.get("problems", ()):
                click.secho(f"  {'':{width}}  broken: {problem}", fg="red")
        if not rows:
            click.echo("  none")


def _tables(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    from srbench.catalog.output_folders import OUTPUT_FOLDERS
    from srbench.images.degradations import DEGRADATIONS, PATTERNS
    from srbench.protocols import PROTOCOLS
    from srbench.store.backbones import BACKBONES

    def rows(specs: Mapping[str, Any], **columns: str) -> list[dict[str, Any]]:
        """Return a row per spec: name, summary, and further columns by the attributes that they show."""
        return [
            {"name": spec.name, "summary": spec.summary}
            | {column: _shown(getattr(spec, attribute)) for column, attribute in columns.items()}
            for spec in specs.values()
        ]

    return {
        "methods": rows(catalog.models.specs, scales="scales_text", aliases="aliases", paper="paper")
        + [row | {"name": f"{row['name']}:PATH"} for row in rows(catalog.models.files.specs, files="suffixes")]
        + [{"name": f"{OUTPUT_FOLDERS.name}:DIR", "summary": OUTPUT_FOLDERS.summary, "files": "a folder"}],
        "losses": rows(catalog.losses.specs, aliases="aliases", paper="paper"),
        "datasets": rows(catalog.datasets.specs, scales="scales_text", source="source"),
        "metrics": rows(catalog.metrics.specs, better="better", paper="paper"),
        "protocols": rows(PROTOCOLS, version="version", border="border", grey="grey"),
        "degradations": rows(DEGRADATIONS, version="identity")
        + [{"name": name, "summary": summary, "version": identity} for name, (identity, summary) in PATTERNS.items()],
        "backbones": [
            {"name": b.name, "summary": f"ImageNet features of torchvision's {b.torchvision}"}
            for b in BACKBONES.values()
        ],
        "plugins": [
            {"name": p.name, "summary": p.origin, "problems": list(map(str, p.problems))} for p in catalog.plugins
        ],
    }


def _shown(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
