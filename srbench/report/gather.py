"""Everything the page needs from the folders of runs: the board, saved images, trainings, provenance."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.errors import SRBenchError
from srbench.results.board import load_board
from srbench.results.pictures import KINDS, last_pictures
from srbench.results.rows import read_rows
from srbench.results.run_file import folder_of, read_run_file
from srbench.store.weights import CARD
from srbench.system.json_forms import NUMBER, Fields, fits, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.results.board import Board
    from srbench.results.entries import Entry
    from srbench.results.rows import Row

Key = tuple[str, ...]

LOGGED = Fields({"step": range(2**53)})
"""A line of a training's log."""

CONDITIONS = ("dataset", "scale", "device", "precision")
"""What the images of a gallery have in common."""


@dataclass
class Gallery:
    """The images of a dataset at a scale and what each method made of them on one device."""

    dataset: str
    scale: int
    device: str
    precision: str
    methods: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    scores: dict[str, dict[str, dict[str, dict[str, float]]]] = field(default_factory=dict)
    """Protocol -> method -> metric -> image -> value."""
    files: dict[str, dict[str, Path]] = field(default_factory=lambda: defaultdict(dict))
    """Image -> ``HR``, ``LR`` or a method -> file that is there."""


@dataclass(frozen=True)
class Training:
    """How the weights of a method came about: their card, the log and the sample pictures, as far as they are here."""

    name: str
    digest: str
    origin: str
    card: Row
    log: list[Row]
    samples: dict[str, list[tuple[int, Path]]]
    """Image -> (step, file), in order of steps."""
    remark: str = ""


@dataclass(frozen=True)
class Findings:
    """What several runs say together."""

    folders: list[Path]
    board: Board
    runs: list[Row]
    galleries: list[Gallery]
    trainings: list[Training]


def gather(folders: Sequence[Path], sort: str = defaults.SORT) -> Findings:
    """Read runs; later ones count where they say the same.

    Raises:
        UsageError: there is no column to sort by of this name.
        SRBenchError: a folder holds no run, or it cannot be read.
    """
    board = load_board(folders, sort)
    runs = [read_run_file(folder) for folder in folders]
    folders = [folder_of(folder) for folder in folders]
    saved: dict[Key, tuple[Path, Row]] = {}
    for folder in folders:
        try:
            for row in last_pictures(read_rows(folder / "results.jsonl")).values():
                saved[_key(row, row["image"], row["image_sha256"])] = folder, row
        except (KeyError, TypeError) as error:
            raise SRBenchError(f"{folder}: results.jsonl is damaged or not srbench's ({error!r})") from error
    hashes = {name: described["images"] for run in runs for name, described in run["datasets"].items()}
    return Findings(list(folders), board, runs, _galleries(board, saved, hashes), _trainings(board, runs))


def _key(identity: Row, image: str, sha: str) -> Key:
    names = (*CONDITIONS, "method", "plugin", "weights")
    return (*(str(identity[k]) for k in names), image, sha)


def labels(entries: Sequence[Entry]) -> list[str]:
    """Return the name of each entry's method; where two share one, the weights or the code tell them apart."""
    variants = {(e.identity["method"], e.identity["plugin"], e.identity["weights"]) for e in entries}
    times = Counter(method for method, _, _ in variants)
    codes = Counter((method, weights) for method, _, weights in variants)
    result = []
    for entry in entries:
        method, plugin, weights = (entry.identity[k] for k in ("method", "plugin", "weights"))
        mark = plugin if codes[method, weights] > 1 else weights or "none"
        result.append(method if times[method] == 1 else f"{method} ({mark[:8]})")
    return result


def _galleries(board: Board, saved: dict[Key, tuple[Path, Row]], hashes: dict[str, dict[str, str]]) -> list[Gallery]:
    """Sort what was scored and saved by dataset, scale and device, in the order of the board."""
    members: dict[Key, list[Entry]] = defaultdict(list)
    for entry in board.entries:
        if entry.status == "ok":
            members[tuple(str(entry.identity[k]) for k in (*CONDITIONS, "dataset_hash"))].append(entry)
    galleries = []
    for entries in members.values():
        identity = entries[0].identity
        images = hashes.get(f"{identity['dataset']} x{identity['scale']}", {})
        gallery = Gallery(
            identity["dataset"], identity["scale"], identity["device"], identity["precision"], images=list(images)
        )
        for label, entry in zip(labels(entries), entries, strict=True):
            if label not in gallery.methods:
                gallery.methods.append(label)
            gallery.scores.setdefault(entry.identity["protocol"], {})[label] = entry.values
            for image, sha in images.items():
                folder, row = saved.get(_key(entry.identity, image, sha), (Path(), {}))
                files = {kind: folder / row[kind] for kind in KINDS} if row else {}
                if files and all(path.is_file() for path in files.values()):
                    gallery.files[image] |= {label: files["sr"], "HR": files["hr"], "LR": files["lr"]}
        galleries.append(gallery)
    return galleries


def _trainings(board: Board, runs: list[Row]) -> list[Training]:
    """Find the card, the log and the sample pictures of all weights that the board was made with."""
    known = {digest: weights for run in runs for digest, weights in run.get("weights", {}).items()}
    used = {
        (f"{entry.identity['method']} x{entry.identity['scale']}", entry.identity["weights"]): None
        for entry in board.entries
        if entry.identity["weights"] in known
    }
    trainings = []
    for name, digest in used:
        weights = known[digest]
        folder = Path(weights["path"]).parent
        log, remark = _log(folder / "log.jsonl"), ""
        here = _card(Path(weights["path"]).with_suffix(".json"))
        if log and here.get("sha256", "")[:16] != digest:
            log, remark = [], f"{folder} holds other weights now; the curves of these are gone"
        elif not log and weights["origin"] != "shipped":
            remark = f"no log of the training beside {weights['path']}"
        samples = _samples(folder / "samples") if log else {}
        trainings.append(Training(name, digest, weights["origin"], weights["card"], log, samples, remark))
    return trainings


def _card(path: Path) -> Row:
    try:
        card: Row = parse(path.read_text(encoding="utf-8"), CARD)
    except (OSError, ValueError):
        return {}
    return card


def _log(path: Path) -> list[Row]:
    """Read a training's log; a line that a crash tore is passed over."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines:
        try:
            rows.append(parse(line, LOGGED))
        except ValueError:
            continue
    return rows


def _samples(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    samples: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for step in sorted(path for path in folder.glob("*") if path.name.isdigit()):
        for file in sorted(step.glob("*.png")):
            samples[file.stem].append((int(step.name), file))
    return dict(samples)


def series(log: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    """Return what a training logged and validated, value by value, over steps."""
    points: dict[str, list[tuple[int, float]]] = {}
    for row in log:
        validated = isinstance(row.get("validation"), dict)
        values = row["validation"] if validated else {k: v for k, v in row.items() if k not in ("step", "seconds")}
        for name, value in values.items():
            if fits(value, NUMBER):
                points.setdefault(f"validation {name}" if validated else name, []).append((row["step"], float(value)))
    return points
