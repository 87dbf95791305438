"""The page: everything in one HTML file, within a size, asking nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from srbench.report.embed import data_uri, embed
from srbench.report.gather import gather, series
from srbench.report.plots import curve
from srbench.report.rankings import copies, rankings
from srbench.report.svg import to_svg
from srbench.results import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.report.embed import Shot
    from srbench.report.gather import Findings, Gallery, Training
    from srbench.results import Row

NAME = "report.html"
MAX_BYTES = 36 * 2**20
SAMPLE = 144
"""Side of a training's sample pictures in pixels."""

SAMPLE_STEPS = 6
"""Steps that are shown of a training, first and last among them."""

STOPS = 32
"""Colours of the error map; the page interpolates between them."""

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Written:
    """The page that was written: its size, how many images it shows, and what could not be shown."""

    path: Path
    bytes: int
    images: int
    remarks: list[str]


def write_report(folders: Sequence[Path], target: Path, sort: str = "psnr", max_bytes: int = MAX_BYTES) -> Written:
    """Write the report of one or more runs.

    Args:
        folders: of runs; later ones count where they say the same.
        target: the HTML file; images that do not fit into it are linked relative to it.
        sort: column that ranks.
        max_bytes: what the file may take; crops shrink until it fits.

    Raises:
        UsageError: there is no column to sort by of this name.
        SRBenchError: a folder holds no run, cannot be read, or the file cannot be written.
    """
    found = gather(folders, sort)
    context = _context(found)
    bare = _render(context, [], [])
    wanted = [(g, image) for g in found.galleries for image in g.images if image in g.files]
    budget = max_bytes - len(bare.encode()) - 2500 * len(wanted)
    shots = dict(zip(range(len(wanted)), embed([(g.files[i], g.scale) for g, i in wanted], budget), strict=True))
    galleries: list[Row] = []
    blocks: list[dict[str, str]] = []
    remarks: list[str] = []
    by_image = {(id(g), image): shots[k] for k, (g, image) in enumerate(wanted)}
    for g in found.galleries:
        if len(g.files) < len(g.images):
            remarks.append(
                f"{g.dataset} x{g.scale}: {len(g.images) - len(g.files)} of {len(g.images)} images not saved"
            )
        galleries.append(_gallery(g, found, by_image, blocks, target))
    for shot in by_image.values():
        remarks += shot.faults if shot else ()
    html = _render(context, galleries, blocks)
    write_text(target, html)
    return Written(target, len(html.encode()), len(blocks), remarks)


def _render(context: dict[str, Any], galleries: list[Row], blocks: list[dict[str, str]]) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(PACKAGE / "page")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    parts = {name: (PACKAGE / "page" / name).read_text(encoding="utf-8") for name in ("page.css", "theme.js")}
    parts["page.js"] = "".join(
        (PACKAGE / "page" / name).read_text(encoding="utf-8") for name in ("board.js", "explorer.js")
    )
    policy = {
        "default-src": "'none'",
        "img-src": "data: file: 'self'",
        "style-src": _hash(parts["page.css"]),
        "script-src": f"{_hash(parts['theme.js'])} {_hash(parts['page.js'])}",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    csp = "; ".join(f"{name} {value}" for name, value in policy.items())
    data = {"galleries": galleries, "colours": _colours()}
    return environment.get_template("page.html").render(
        **context, csp=csp, parts=parts, galleries=galleries, data=data, blocks=blocks
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _colours() -> list[list[int]]:
    """Return the colours of the error map: magma, dark where SR equals HR."""
    import matplotlib as mpl

    stops = mpl.colormaps["magma"].resampled(STOPS)
    return [[round(255 * float(part)) for part in stops(i)[:3]] for i in range(STOPS)]


def _context(found: Findings) -> dict[str, Any]:
    board = found.board
    merged: dict[str, dict[str, Row]] = {part: {} for part in ("methods", "metrics", "datasets", "protocols")}
    for run in found.runs:
        for part, kept in merged.items():
            kept.update(run.get(part, {}))
    tables = rankings(board, merged["methods"], {k: str(m.get("summary", "")) for k, m in merged["metrics"].items()})
    keys = {
        "dataset": "Dataset",
        "scale": "Scale",
        "protocol": "Protocol",
        "device": "Device",
        "precision": "Precision",
    }
    filters = [(key, heading, list(dict.fromkeys(t.facts[key] for t in tables))) for key, heading in keys.items()]
    families = list(dict.fromkeys(line.family for t in tables for line in t.lines))
    filters.insert(1, ("family", "Family", families))
    sets = list(dict.fromkeys(t.name for t in tables))
    return {
        "title": ", ".join(sets) or "nothing scored",
        "methods_count": board.frame["method"].nunique(),
        "runs": [(folder.name or str(folder), run) for folder, run in zip(found.folders, found.runs, strict=True)],
        "rankings": tables,
        "filters": [entry for entry in filters if len(entry[2]) > 1],
        "notes": board.notes,
        "copies": copies(board),
        "trainings": [_training(training, f"t{i}") for i, training in enumerate(found.trainings)],
        **merged,
    }


def _gallery(
    gallery: Gallery,
    found: Findings,
    shots: dict[tuple[int, str], Shot | None],
    blocks: list[dict[str, str]],
    target: Path,
) -> Row:
    """Return what the explorer needs of a gallery; pictures go into blocks of their own, read when they are shown."""
    metrics = {
        name: {"decimals": int(metric["decimals"]), "better": metric["better"], "heading": name.upper()}
        for name, metric in found.board.metrics.items()
        if any(name in by_method for scores in gallery.scores.values() for by_method in scores.values())
    }
    images = []
    for image in gallery.images:
        shot = shots.get((id(gallery), image))
        block = ""
        if shot:
            block = f"pictures-{len(blocks)}"
            blocks.append({"id": block, **shot.uris})
        images.append(
            {
                "name": image,
                "block": block,
                "size": [shot.width, shot.height] if shot else None,
                "crop": list(shot.crop) if shot else None,
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
    alike = [g for g in found.galleries if (g.dataset, g.scale) == (gallery.dataset, gallery.scale)]
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
    """Return the URL of a file beside the page, relative so that both can move together."""
    return quote(Path(os.path.relpath(path.resolve(), target.resolve().parent)).as_posix())


def _training(training: Training, name: str) -> dict[str, Any]:
    curves = []
    for i, (value, pairs) in enumerate(series(training.log).items()):
        steps, values = [step for step, _ in pairs], [number for _, number in pairs]
        figure = curve(value, steps, values, validated=value.startswith("validation "))
        label = f"{value} of {training.name}: {values[0]:.4g} at step {steps[0]}, {values[-1]:.4g} at step {steps[-1]}"
        curves.append(to_svg(figure, f"{name}c{i}", label, {}))
    return {
        "name": training.name,
        "digest": training.digest,
        "origin": training.origin,
        "remark": training.remark,
        "card": _flat(training.card),
        "curves": curves,
        "strips": {image: _strip(files) for image, files in training.samples.items()},
    }


def _strip(files: Sequence[tuple[int, Path]]) -> list[dict[str, Any]]:
    """Return a training's pictures of one image over steps, all cut where the first and the last differ most."""
    from srbench.errors import ImageError
    from srbench.images import read
    from srbench.report.crops import most_different

    last = len(files) - 1
    chosen = sorted(
        {round(i * last / max(1, min(SAMPLE_STEPS, len(files)) - 1)) for i in range(SAMPLE_STEPS)}
        & set(range(len(files)))
    )
    try:
        pictures = [(files[i][0], read(files[i][1]).pixels) for i in chosen]
    except ImageError:
        return []
    if not pictures or any(pixels.shape != pictures[0][1].shape for _, pixels in pictures):
        return []
    crop, _ = most_different([pictures[0][1], pictures[-1][1]], SAMPLE, SAMPLE, 1)
    return [
        {"step": step, "uri": data_uri(crop.of(pixels)), "width": crop.width, "height": crop.height}
        for step, pixels in pictures
    ]


def _flat(card: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return a card as lines: nested names are joined by dots."""
    lines = []
    for key, value in card.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += _flat(value, f"{name}.")
        elif isinstance(value, list):
            for i, part in enumerate(value):
                lines += _flat(part, f"{name}.{i}.") if isinstance(part, dict) else [(f"{name}.{i}", str(part))]
        else:
            lines.append((name, "none" if value is None else str(value)))
    return lines
