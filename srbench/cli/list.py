"""``srbench list``: list everything that can be named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.plugins import plugin_option

if TYPE_CHECKING:
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
    from srbench.images.degradations import DEGRADATIONS
    from srbench.protocols import PROTOCOLS
    from srbench.store.backbones import BACKBONES

    def aliases(spec: Any) -> str:
        return ", ".join(spec.aliases)

    return {
        "methods": [
            {
                "name": s.name,
                "summary": s.summary,
                "scales": s.scales_text,
                "aliases": aliases(s),
                "paper": s.paper,
            }
            for s in catalog.models.specs.values()
        ]
        + [
            {
                "name": f"{s.name}:{'DIR' if s.folders else 'PATH'}",
                "summary": s.summary,
                "files": ", ".join(s.suffixes) or "a folder",
            }
            for s in (*catalog.models.files.specs.values(), OUTPUT_FOLDERS)
        ],
        "losses": [
            {"name": s.name, "summary": s.summary, "aliases": aliases(s), "paper": s.paper}
            for s in catalog.losses.specs.values()
        ],
        "datasets": [
            {"name": s.name, "summary": s.summary, "scales": s.scales_text, "source": s.source}
            for s in catalog.datasets.specs.values()
        ],
        "metrics": [
            {"name": s.name, "summary": s.summary, "better": s.better, "paper": s.paper}
            for s in catalog.metrics.specs.values()
        ],
        "protocols": [
            {"name": p.name, "summary": p.summary, "version": p.version, "border": p.border, "grey": p.grey}
            for p in PROTOCOLS.values()
        ],
        "degradations": [{"name": d.name, "summary": d.summary, "version": d.identity} for d in DEGRADATIONS.values()],
        "backbones": [
            {"name": b.name, "summary": f"ImageNet features of torchvision's {b.torchvision}"}
            for b in BACKBONES.values()
        ],
        "plugins": [
            {"name": p.name, "summary": p.origin, "problems": list(map(str, p.problems))} for p in catalog.plugins
        ],
    }
