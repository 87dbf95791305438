"""The gallery of methods: a page for each, made from ``srbench info`` when the manual is built.

Everything comes from the command line's JSON, and the pictures from `srbench.load`: what a page says is what the
installed srbench does. Nothing is downloaded: methods whose weights are not shipped have no picture and say so.
"""

from __future__ import annotations

import html
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

FOLDER = "reference/methods"
SCALE = 4
CROP = (150, 20, 214, 176)
"""Of the samples image 'cat', in HR pixels: left, top, width and height, multiples of the scale."""
MARGIN = 16
"""HR pixels enlarged around what is shown, so that no picture shows its border; a multiple of the scale."""
DOT = "·\u00a0"
BREAK = "/\u200b"
"""A slash behind which a line may end."""
RECIPE = {
    "lr": "peak learning rate",
    "batch": "patches per step",
    "patch": "HR patch size in pixels",
    "steps": "steps",
    "schedule": "learning-rate schedule",
    "clip": "largest gradient norm (0: no limit)",
    "ema": "decay of the moving average of the weights (0: none)",
    "best": "validation metric that chooses the weights",
}


def ask(*args: str) -> Any:
    """Return what an srbench command prints as JSON."""
    from click.testing import CliRunner

    from srbench.cli import cli

    done = CliRunner().invoke(cli, list(args), catch_exceptions=False)
    if done.exit_code:
        raise RuntimeError(f"srbench {' '.join(args)}: {done.output}")
    return json.loads(done.stdout)


class Pictures:
    """Crops of one sample photograph, as HR and as methods make it; kept in the build folder between builds."""

    def __init__(self, cache: Path, target: Path) -> None:
        self.cache = cache
        self.target = target
        cache.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)

    def save(self, method: str, digest: str) -> str:
        """Return the file name of a method's picture, made once for each digest of its weights."""
        name = f"{method}.png"
        cached = self.cache / f"{method}_{digest}_{'_'.join(map(str, CROP))}.png"
        if not cached.exists():
            self._make(method).save(cached, optimize=True)
        shutil.copyfile(cached, self.target / name)
        return name

    def _make(self, method: str) -> Any:
        import srbench

        _, _, width, height = CROP
        hr = self._surroundings()
        inside = (MARGIN, MARGIN, MARGIN + width, MARGIN + height)
        if method == "hr":
            return hr.crop(inside)
        return srbench.load(method, SCALE, weights="", device="cpu")(self._lr(hr)).crop(inside)

    def _surroundings(self) -> Any:
        from PIL import Image
        from skimage import data

        left, top, width, height = CROP
        box = (left - MARGIN, top - MARGIN, left + width + MARGIN, top + height + MARGIN)
        return Image.fromarray(data.cat()).crop(box)

    def _lr(self, hr: Any) -> Any:
        """Return the benchmark LR, by ``srbench degrade``."""
        from click.testing import CliRunner
        from PIL import Image

        from srbench.cli import cli

        source, target = self.cache / "source.png", self.cache / "lr.png"
        hr.save(source)
        args = ["degrade", str(source), str(target), "--scale", str(SCALE), "--overwrite"]
        CliRunner().invoke(cli, args, catch_exceptions=False)
        with Image.open(target) as lr:
            return lr.convert("RGB")


def count(number: float) -> str:
    """Return a count with a unit: 37.2 k, 1.55 M, 145 G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def cell(text: object) -> str:
    """Return a text as a Markdown table takes it."""
    return html.escape(str(text), quote=False).replace("|", "\\|").replace("\n", " ")


def table(head: list[str], rows: list[list[object]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(cell, row))} |"
    yield ""


def figure(pictures: list[tuple[str, str]]) -> Iterator[str]:
    """Yield pictures beside each other, each with its caption."""
    yield "::::{container} methods-pictures\n"
    for name, caption in pictures:
        yield f":::{{figure}} {name}\n:alt: {caption}: the cat's eyes and fur, x{SCALE}\n\n{caption}\n:::\n"
    yield "::::\n"


def link(paper: str) -> str:
    """Return a paper's identifier, linked where it is a DOI or on arXiv."""
    kind, _, number = paper.partition(":")
    host = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}.get(kind)
    return f"[{paper}]({host}{number})" if host else paper


def is_ready(facts: dict[str, Any]) -> bool:
    """Whether a method makes images with what is shipped."""
    return facts["scale"] == SCALE and (facts["recipe"] is None or bool(facts["weights"]))


def page(facts: dict[str, Any], pictures: Pictures) -> Iterator[str]:
    """Yield the lines of a method's page."""
    name, network, recipe, weights = (facts[key] for key in ("name", "network", "recipe", "weights"))
    yield f"(method-{name})=\n\n# {name}\n"
    yield f"{facts['summary'][:1].upper()}{facts['summary'][1:]}.\n"
    shipped = weights is not None and weights["origin"] == "shipped"
    scale = facts["scale"]
    if is_ready(facts):
        shown = [("hr", "", "HR"), ("bicubic", "", "bicubic")]
        if name != "bicubic":
            shown.append((name, weights["digest"] if weights else "", name))
        yield from figure([(pictures.save(method, digest), caption) for method, digest, caption in shown])
    else:
        yield ":::{note}"
        yield f"No weights are shipped for this method, so there is no picture: `srbench train {name} --data ...` makes"
        yield "them.\n:::\n"
    yield facts["about"].strip() + "\n"
    yield from table(["property", "value"], list(overview(facts)))
    if recipe:
        yield from training(facts)
    if facts["published"]:
        yield "## Published figures\n\nFor bicubic LR. Compare figures of one protocol only.\n"
        rows = [
            [f"{p['dataset']} x{p['scale']}", p["metric"], f"{p['value']:g}", p["protocol"], p["source"]]
            for p in facts["published"]
        ]
        yield from table(["dataset", "metric", "value", "protocol", "source"], rows)
    if shipped:
        yield from card(weights["card"])
    if network["layers"]:
        yield from layers(network["layers"], scale)


def layers(entries: list[dict[str, Any]], scale: int) -> Iterator[str]:
    """Yield the layers of a network; what is inside of another stands behind dots."""
    yield f"## Layers at x{scale}\n"
    rows: list[list[object]] = []
    for layer in entries:
        kind = layer["kind"] if layer["count"] == 1 else f"{layer['count']} x {layer['kind']}"
        depth = DOT * layer["depth"]
        rows.append([depth + layer["name"], kind, " x ".join(map(str, layer["shape"])), f"{layer['params']:,}"])
    yield from table(["layer", "module", "output (channels x height x width)", "parameters"], rows)


def overview(facts: dict[str, Any]) -> Iterator[list[object]]:
    """Yield names and values of what stands at the top of a page."""
    network = facts["network"]
    lr = " x ".join(map(str, network["lr"][-2:]))
    yield ["scales", ", ".join(f"x{scale}" for scale in facts["scales"])]
    if facts["aliases"]:
        yield ["aliases", ", ".join(facts["aliases"])]
    yield ["parameters", f"{network['params']:,}"]
    macs = "not counted outside of torch" if network["macs"] is None else count(network["macs"])
    yield [f"multiply-accumulates at LR {lr}", macs]
    halo = facts["halo"]
    yield ["receptive-field radius (halo)", "global or unknown" if halo is None else f"{halo} LR pixels"]
    if facts["multiple"] > 1:
        yield ["LR is padded to multiples of", facts["multiple"]]
    if facts["start_from"]:
        yield ["training starts from", facts["start_from"]]
    if facts["paper"]:
        yield ["paper", link(facts["paper"])]
    yield ["plugin", facts["plugin"]]


def training(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the recipe: what is minimised, and its settings."""
    recipe = facts["recipe"]
    yield f"## Training\n\n```text\n{recipe['objective']}\n```\n"
    yield f"x is LR, y is HR, ŷ is SR, G is the network; loss = `{recipe['settings']['loss']}`:\n"
    rows: list[list[object]] = [
        [term["name"], f"{term['weight']:g}", term["formula"] or term["summary"]] for term in recipe["terms"]
    ]
    yield from table(["loss", "weight", "definition"], rows)
    rows = [[meaning, recipe["settings"][name]] for name, meaning in RECIPE.items() if name in recipe["settings"]]
    yield from table([f"setting of {recipe['recipe']}", "default"], rows)
    rows = [
        [
            learner["network"],
            f"{learner['params']:,}",
            f"{learner['optimizer']}, {', '.join(f'{key} {value}' for key, value in learner['options'].items())}",
        ]
        for learner in recipe["learners"]
    ]
    yield from table(["network", "parameters", "optimizer"], rows)


def card(entries: dict[str, Any]) -> Iterator[str]:
    """Yield how the shipped weights were made."""
    yield "## Card of the shipped weights\n"
    if "command" in entries:
        yield f"```sh\n{entries['command']}\n```\n"
    rows: list[list[object]] = []
    for name, value in entries.items():
        if name == "data":
            rows.append(
                [name, "; ".join(f"{set_['name']} ({set_['images']} images, {set_['hash']})" for set_ in value)]
            )
        elif isinstance(value, dict):
            parts = (f"{key} {v:.4f}" if isinstance(v, float) else f"{key} {v}" for key, v in value.items())
            rows.append([name, ", ".join(parts)])
        elif name != "command" and value not in ("", None):
            rows.append([name, value])
    rows = [row for row in rows if row[1]]
    yield from table(["entry", "value"], rows)


def index(methods: list[dict[str, Any]], files: list[dict[str, Any]], shown: set[str]) -> Iterator[str]:
    """Yield the lines of the gallery's front page, in the order of ``srbench list``."""
    yield "# Gallery of methods\n"
    yield "Every method that srbench brings, as `srbench info METHOD` describes it. Pictures show a part of the sample"
    yield f"photograph `cat` at x{SCALE}, made by the shipped weights when this manual was built. The"
    yield "[leaderboards](../results.md) say how good each method is.\n"
    yield "## Ready to use\n\nInterpolation, and methods whose weights are shipped, from the smallest to the largest.\n"
    ready = [facts for facts in methods if facts["name"] in shown]
    yield from cards(sorted(ready, key=lambda facts: facts["network"]["params"]), picture=True)
    yield "## To be trained\n\nNo weights are shipped for these: `srbench train METHOD --data ...` makes them.\n"
    yield from cards([facts for facts in methods if facts["name"] not in shown], picture=False)
    yield "## Files that are methods\n"
    yield from table(["name", "what it is", "files"], [[f["name"], f["summary"], f["files"]] for f in files])
    yield "See [](../../howto/checkpoints.md).\n"
    yield ":::{toctree}\n:hidden:\n"
    yield from (facts["name"] for facts in methods)
    yield ":::"


def cards(methods: list[dict[str, Any]], *, picture: bool) -> Iterator[str]:
    """Yield a card for each method: its picture, name, summary and size."""
    yield ":::::{container} method-cards\n"
    for facts in methods:
        name = facts["name"]
        yield "::::{container} method-card\n"
        if picture:
            alt = f"the cat's eyes and fur by {name}, x{SCALE}"
            yield f":::{{image}} {name}.png\n:alt: {alt}\n:target: {name}.html\n:::\n"
        yield f"[{name}]({name}.md)\n\n{cell(facts['summary'])}\n"
        yield f"{count(facts['network']['params'])} parameters\n\n::::\n"
    yield ":::::\n"


def lists(shelves: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield the page of what there is beside methods, as ``srbench list`` gives it."""
    yield "# Datasets and losses\n"
    yield "What `srbench list` prints, apart from the [methods](methods/index.md). [](protocols.md) defines metrics,"
    yield "protocols and degradations.\n"
    for kind in ("datasets", "losses", "metrics", "backbones"):
        keys = [key for key in ("scales", "paper", "source") if any(entry.get(key) for entry in shelves[kind])]
        rows = []
        for entry in shelves[kind]:
            names = ", ".join(filter(None, [entry["name"], entry.get("aliases", "")]))
            more = [link(entry[key]) if key == "paper" else BREAK.join(entry.get(key, "").split("/")) for key in keys]
            rows.append([names, entry["summary"], *more])
        yield f"## {kind.capitalize()}\n"
        yield from table(["name", "what it is", *keys], rows)


def write(path: Path, lines: Iterator[str]) -> None:
    """Write a page, unless it is already what it should be: Sphinx reads again what is newer."""
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(app: Sphinx) -> None:
    """Write all pages of the gallery."""
    home = Path(app.doctreedir) / "gallery"
    os.environ["SRBENCH_HOME"] = str(home / "home")  # what was trained or fetched on this machine is not the manual's
    os.environ.pop("SRBENCH_MIRROR", None)
    folder = Path(app.srcdir) / FOLDER
    pictures = Pictures(home, folder)
    shelves = ask("list", "--json")
    write(folder.parent / "datasets.md", lists(shelves))
    listed = shelves["methods"]
    files = [entry for entry in listed if "files" in entry]
    methods = [ask("info", entry["name"], "--format", "json") for entry in listed if "files" not in entry]
    for old in folder.glob("*.md"):
        if old.stem not in {"index", *(facts["name"] for facts in methods)}:
            old.unlink()
    for facts in methods:
        write(folder / f"{facts['name']}.md", page(facts, pictures))
    shown = {facts["name"] for facts in methods if is_ready(facts)}
    write(folder / "index.md", index(methods, files, shown))


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the pages before Sphinx looks for files."""
    app.connect("builder-inited", generate)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
