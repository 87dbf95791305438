"""The report: one HTML file of limited size that needs no network."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.report.embed import embed
from srbench.report.explorer import gallery_view
from srbench.report.gather import gather
from srbench.report.rankings import FACTS, copies, rankings
from srbench.report.trainings import training_view
from srbench.results.tables import time_line
from srbench.system.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from srbench.report.embed import Shot
    from srbench.report.gather import Findings
    from srbench.results.rows import Row
    from srbench.system.terminal import UI

NAME = "report.html"
MAX_BYTES = 36 * 2**20
FRAME = 600
"""Bytes in the page per image, without its pictures."""

STOPS = 32
"""Number of colours of the error map; the page interpolates between them."""

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Written:
    """The page that was written: file, size in bytes, number of images that it holds, remarks, and what it lacks."""

    path: Path
    bytes: int
    images: int
    remarks: list[str]
    faults: list[str]
    """Saved pictures that are missing or cannot be read."""


def write_report(folders: Sequence[Path], target: Path, ui: UI, sort: str = "", max_bytes: int = MAX_BYTES) -> Written:
    """Write the report of one or more runs.

    Args:
        folders: folders of runs; the last one counts if several hold the same result.
        target: the HTML file; images that do not fit into it are linked relative to it.
        ui: shows progress.
        sort: column that ranks; empty for PSNR, else the first metric with values.
        max_bytes: largest size of the file; crops shrink until it fits.

    Raises:
        UsageError: ``sort`` is not a column, or no row has a value in it.
        SRBenchError: a folder holds no run, cannot be read, or the file cannot be written.
    """
    findings = gather(folders, sort)
    context = _context(findings)
    wanted = [(g, image) for g in findings.galleries for image in g.images if image in g.files]

    def page(shots: Sequence[Shot | None]) -> str:
        drawn = [(key, shot) for key, shot in zip(wanted, shots, strict=True) if shot and shot.uris]
        of = {(id(g), image): shot for (g, image), shot in drawn}
        blocks = {f"pictures-{i}": shot.uris for i, shot in enumerate(of.values())}
        names = dict(zip(of, blocks, strict=True))
        galleries = [gallery_view(g, findings, of, names, target) for g in findings.galleries]
        return _render(context, galleries, blocks)

    rest = len(page([None] * len(wanted)).encode()) + FRAME * len(wanted)
    shots = embed([(g.files[image], g.scale) for g, image in wanted], max_bytes - rest, ui)
    html = page(shots)
    write_text(target, html)
    faults = [line for g in findings.galleries for line in g.gone()]
    faults += [fault for shot in shots if shot for fault in shot.faults]
    remarks = [
        f"{g.dataset} x{g.scale}: no picture was saved of {missing} of {len(g.images)} images (run --save-images)"
        for g in findings.galleries
        if (missing := len(g.images) - len(g.saved["HR"]))
    ]
    shown = sum(shot is not None and bool(shot.uris) for shot in shots)
    if left := shots.count(None):
        remarks.append(f"{left} of {len(shots)} images do not fit into {max_bytes} bytes and are linked only")
    return Written(target, len(html.encode()), shown, list(dict.fromkeys(remarks)), list(dict.fromkeys(faults)))


def _render(context: dict[str, Any], galleries: list[Row], blocks: Mapping[str, Mapping[str, str]]) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(PACKAGE / "page")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["time_line"] = time_line
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
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
    html = environment.get_template("page.html").render(
        **context, csp=csp, parts=parts, galleries=galleries, data=data, blocks=blocks
    )
    return html.encode(errors="backslashreplace").decode()  # paths may have bytes that are no UTF-8


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _colours() -> list[list[int]]:
    """Return the colours of the error map, RGB from 0 to 255: magma, dark if SR equals HR."""
    import matplotlib as mpl

    stops = mpl.colormaps["magma"].resampled(STOPS)
    return [[round(255 * float(part)) for part in stops(i)[:3]] for i in range(STOPS)]


def _context(findings: Findings) -> dict[str, Any]:
    board = findings.board
    merged: dict[str, dict[str, Row]] = {part: {} for part in ("methods", "metrics", "datasets", "protocols")}
    for run in findings.runs:
        for part, kept in merged.items():
            kept.update(run.get(part, {}))
    tables = rankings(board, merged["methods"], {k: str(m.get("summary", "")) for k, m in merged["metrics"].items()})
    choices = {key: [t.facts[key] for t in tables] for key in FACTS}
    choices["family"] = [line.family for t in tables for line in t.lines]
    keys = ("dataset", "family", *FACTS[1:])
    filters = [(key, key.capitalize(), list(dict.fromkeys(choices[key]))) for key in keys]
    sets = list(dict.fromkeys(t.name for t in tables))
    return {
        "title": ", ".join(sets) or "nothing scored",
        "methods_count": board.frame["method"].nunique(),
        "runs": [
            (folder.name or str(folder), run) for folder, run in zip(findings.folders, findings.runs, strict=True)
        ],
        "rankings": tables,
        "filters": [entry for entry in filters if len(entry[2]) > 1],
        "notes": board.notes,
        "copies": copies(board),
        "trainings": [training_view(training, f"t{i}") for i, training in enumerate(findings.trainings)],
        **merged,
    }
