"""The data of a gallery for the page's explorer: scores, links and crops of each image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from srbench.report.embed import Shot
    from srbench.report.gather import Findings, Gallery
    from srbench.results.rows import Row


def gallery_view(
    gallery: Gallery,
    findings: Findings,
    shots: Mapping[tuple[int, str], Shot],
    blocks: Mapping[tuple[int, str], str],
    target: Path,
) -> Row:
    """Return the data of a gallery. Pictures are in separate blocks, which are read when they are shown.

    Args:
        gallery: the images.
        findings: all that the page shows.
        shots: (gallery, image) -> pictures in the page.
        blocks: (gallery, image) -> name of the block.
        target: file of the page; links are relative to it.
    """
    metrics = {
        name: {"decimals": int(metric["decimals"]), "better": metric["better"], "heading": name.upper()}
        for name, metric in findings.board.metrics.items()
        if any(name in by_method for scores in gallery.scores.values() for by_method in scores.values())
    }
    images = []
    for image in gallery.images:
        shot = shots.get((id(gallery), image))
        images.append(
            {
                "name": image,
                "block": blocks.get((id(gallery), image), ""),
                "size": [shot.width, shot.height] if shot else None,
                "crop": list(shot.crop) if shot else None,
                "focus": list(shot.focus) if shot else None,
                "difference": round(shot.difference, 3) if shot else 0,
                "whole": {key: _link(path, target) for key, path in gallery.files.get(image, {}).items()},
                "scores": {
                    protocol: {
                        method: {name: _json(values[name].get(image)) for name in metrics if name in values}
                        for method, values in by_method.items()
                    }
                    for protocol, by_method in gallery.scores.items()
                },
            }
        )
    name = f"{gallery.dataset} x{gallery.scale}"
    alike = [g for g in findings.galleries if (g.dataset, g.scale) == (gallery.dataset, gallery.scale)]
    return {
        "name": name if len(alike) == 1 else f"{name}, {gallery.device}, {gallery.precision}",
        "scale": gallery.scale,
        "methods": gallery.methods,
        "metrics": metrics,
        "images": images,
        "saved": bool(gallery.files),
    }


def _json(value: float | None) -> float | str | None:
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return None
    return str(value) if value in (float("inf"), float("-inf")) else round(value, 6)


def _link(path: Path, target: Path) -> str:
    """Return the URL of a file relative to the page, so that both can be moved together."""
    return quote(Path(os.path.relpath(path.resolve(), target.resolve().parent)).as_posix())
