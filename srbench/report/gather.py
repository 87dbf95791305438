"""The data of a report from the folders of runs: board, saved images, trainings, provenance."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, several
from srbench.results.board import load_board
from srbench.results.definitions import FIELD
from srbench.results.pictures import KINDS, SavedPictures
from srbench.results.rows import read_rows
from srbench.results.run_file import folder_of, read_run_file
from srbench.store.weights import read_card
from srbench.system.file_kinds import read_text
from srbench.system.json_forms import NUMBER, Fields, fits, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.results.board import Board
    from srbench.results.entries import Entry
    from srbench.results.rows import Row

Key = tuple[str, ...]

LOGGED = Fields({"step": range(2**53)})
"""Form of a line of a training's log."""

CONDITIONS = ("dataset", "scale", "device", "precision")
"""What all images of a gallery share."""


@dataclass
class Gallery:
    """The images of a dataset at one scale, and the outputs of each method on one device."""

    dataset: str
    scale: int
    device: str
    precision: str
    methods: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    scores: dict[str, dict[str, dict[str, dict[str, float]]]] = field(default_factory=dict)
    """Protocol -> method -> metric -> image -> value."""
    files: dict[str, dict[str, Path]] = field(default_factory=lambda: defaultdict(dict))
    """Image -> ``HR``, ``LR`` or a method -> file that exists."""
    saved: dict[str, dict[str, Path]] = field(default_factory=lambda: defaultdict(dict))
    """``HR``, ``LR`` or a method -> image -> file that was saved, whether or not it still exists."""
    spoilt: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """``HR``, ``LR`` or a method -> image -> what is wrong with the saved file."""

    def gone(self) -> list[str]:
        """Return a line for each method, and for HR and LR, whose saved pictures are missing or damaged."""
        return [
            f"{self.dataset} x{self.scale}: {name}: {len(images)} of {len(self.saved[name])} pictures {why} "
            f"({several(images)}); the same run with --save-images saves them again"
            for name, by_image in self.spoilt.items()
            for why in dict.fromkeys(by_image.values())
            if (images := [image for image, fault in by_image.items() if fault == why])
        ]


@dataclass(frozen=True)
class Training:
    """The training of a method's weights: card, log and sample pictures, as far as they are on this machine."""

    name: str
    digest: str
    origin: str
    card: Row
    log: list[Row]
    samples: dict[str, list[tuple[int, Path]]]
    """Image -> (step, file), sorted by step."""
    remark: str = ""


@dataclass(frozen=True)
class Findings:
    """The merged data of several runs."""

    folders: list[Path]
    board: Board
    runs: list[Row]
    galleries: list[Gallery]
    trainings: list[Training]


def gather(folders: Sequence[Path], sort: str = "") -> Findings:
    """Read and merge runs; if several hold the same result, the last one counts.

    Raises:
        UsageError: ``sort`` is not a column, or no row has a value in it.
        SRBenchError: a folder holds no run, or cannot be read.
    """
    board = load_board(folders, sort)
    runs = [read_run_file(folder) for folder in folders]
    folders = [folder_of(folder) for folder in folders]
    saved: dict[Key, tuple[SavedPictures, Row]] = {}
    for folder in folders:
        try:
            pictures = SavedPictures(folder).add(read_rows(folder / "results.jsonl"))
            for row in pictures.rows.values():
                saved[_key(row, row["image"], row["image_sha256"])] = pictures, row
        except (KeyError, TypeError) as error:
            raise SRBenchError(f"{folder}: results.jsonl is damaged or not srbench's ({error!r})") from error
    hashes = {name: described["images"] for run in runs for name, described in run["datasets"].items()}
    return Findings(list(folders), board, runs, _galleries(board, saved, hashes), _trainings(board, runs))


def _key(identity: Row, image: str, sha: str) -> Key:
    names = (*CONDITIONS, "method", "plugin", "weights")
    return (*(str(identity[k]) for k in names), image, sha)


def labels(entries: Sequence[Entry]) -> list[str]:
    """Return a label for each entry: the method's name, with the hash of weights or code if several share it."""
    variants = {(e.identity["method"], e.identity["plugin"], e.identity["weights"]) for e in entries}
    times = Counter(method for method, _, _ in variants)
    codes = Counter((method, weights) for method, _, weights in variants)
    result = []
    for entry in entries:
        method, plugin, weights = (entry.identity[k] for k in ("method", "plugin", "weights"))
        mark = plugin if codes[method, weights] > 1 else weights or "none"
        result.append(method if times[method] == 1 else f"{method} ({mark[:8]})")
    return result


def _galleries(
    board: Board, saved: dict[Key, tuple[SavedPictures, Row]], hashes: dict[str, dict[str, str]]
) -> list[Gallery]:
    """Group scores and saved images by dataset, scale and device, in the order of the board."""
    members: dict[Key, list[Entry]] = defaultdict(list)
    for entry in board.entries:
        if entry.status == "ok":
            members[tuple(str(entry.identity.get(k)) for k in (*CONDITIONS, "dataset_hash", FIELD))].append(entry)
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
                if (key := _key(entry.identity, image, sha)) in saved:
                    _add_pictures(gallery, label, image, *saved[key])
        galleries.append(gallery)
    return galleries


def _add_pictures(gallery: Gallery, label: str, image: str, pictures: SavedPictures, row: Row) -> None:
    """Add the saved files of an image by a method to a gallery; only whole sets of files are shown."""
    files = {label if kind == "sr" else kind.upper(): row[kind] for kind in KINDS}
    for name, file in files.items():
        path = pictures.folder / file
        if gallery.saved[name].get(image) != path:  # HR and LR are those of the methods before
            gallery.saved[name][image] = path
            gallery.spoilt[name].pop(image, None)
            if fault := pictures.fault(file, read=True):
                gallery.spoilt[name][image] = fault
    if not any(image in gallery.spoilt[name] for name in files):
        gallery.files[image] |= {name: pictures.folder / file for name, file in files.items()}


def _trainings(board: Board, runs: list[Row]) -> list[Training]:
    """Return the card, log and sample pictures of all weights behind the board."""
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
        here = read_card(Path(weights["path"]))
        if log and here.get("sha256", "")[:16] != digest:
            log, remark = [], f"{folder} holds other weights now; the log of these no longer exists"
        elif not log and weights["origin"] != "shipped":
            remark = f"the training log is missing: {folder / 'log.jsonl'}"
        samples = _samples(folder / "samples") if log else {}
        trainings.append(Training(name, digest, weights["origin"], weights["card"], log, samples, remark))
    return trainings


def _log(path: Path) -> list[Row]:
    """Read a training's log. A line that a crash cut off is skipped."""
    rows = []
    try:
        lines = read_text(path).splitlines()
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
    """Return the logged and validated values of a training: name -> (step, value) pairs."""
    points: dict[str, list[tuple[int, float]]] = {}
    for row in log:
        validated = isinstance(row.get("validation"), dict)
        values = row["validation"] if validated else {k: v for k, v in row.items() if k not in ("step", "seconds")}
        for name, value in values.items():
            if fits(value, NUMBER):
                points.setdefault(f"validation {name}" if validated else name, []).append((row["step"], float(value)))
    return points
