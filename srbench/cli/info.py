"""``srbench info``: explain a method: idea, network, loss, recipe, published figures, weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.options import format_option
from srbench.cli.parameters import SCALE, Name
from srbench.cli.plugins import load_catalog, plugin_option
from srbench.errors import printable
from srbench.system.text_tables import is_piped, stdout_console, text_table

if TYPE_CHECKING:
    from rich.console import Console

    from srbench.catalog.catalog import Catalog
    from srbench.inference.layers import Network
    from srbench.specs import ModelSpec
    from srbench.store.weights import Weights
    from srbench.training.describe import Description

PIPED_WIDTH = 120
MEANINGS = {
    "lr": "peak learning rate",
    "batch": "patches per step",
    "patch": "HR patch size in pixels",
    "steps": "steps",
    "schedule": "of the learning rate",
    "clip": "largest gradient norm; 0: no limit",
    "ema": "decay of the moving average of the weights, which is saved; 0: none",
    "draws": "batches per step",
    "best": "validation metric that selects the saved weights",
}


@click.command("info")
@click.argument("method", type=Name("models"))
@click.option("--scale", type=SCALE, help="Scale factor [default: 4, else the smallest supported]")
@format_option("terminal", "json")
@plugin_option
def info_command(*, method: str, scale: int | None, style: str, plugins: tuple[str, ...]) -> None:
    """Explain METHOD: its idea, layers, loss and recipe, published figures, and the weights a run would use.

    Layers and numbers are read from the network and the recipe as srbench builds them; only the idea and the formulas
    are written by hand.

    \b
    Examples:
      srbench info srgan
      srbench info unet --scale 2 --format json
    """
    from srbench.errors import UsageError

    catalog = load_catalog(plugins)
    spec = catalog.models[method]
    chosen = scale or (4 if 4 in spec.scales else min(spec.scales))
    if chosen not in spec.scales:
        raise UsageError(f"{spec.name} {spec.lacks_scale(chosen)}")
    facts = gather(spec, chosen, catalog)
    if style == "json":
        click.echo(json.dumps(to_json(facts), indent=2, ensure_ascii=False))
        return
    plain = is_piped()
    show(facts, stdout_console(plain=plain, width=PIPED_WIDTH), plain=plain)


@dataclass(frozen=True)
class Facts:
    """What `srbench info` shows of a method at a scale."""

    spec: ModelSpec
    scale: int
    plugin: str
    about: str
    network: Network
    recipe: Description | None
    weights: Weights | None
    random: str
    """Remark on parameters that are random, see `srbench.inference.build.random_weights`."""


def gather(spec: ModelSpec, scale: int, catalog: Catalog) -> Facts:
    """Build a method's network and recipe, and describe them.

    Raises:
        SRBenchError: the network or the recipe cannot be built.
    """
    import torch

    from srbench.errors import SpecError
    from srbench.inference.build import build_net, random_weights
    from srbench.inference.layers import inspect_network
    from srbench.store.weights import find_weights
    from srbench.training.describe import describe

    plugin = catalog.models.owner(spec.name).name
    try:
        about = spec.read_about()
    except SpecError as error:
        raise SpecError(f"plugin {plugin}: {error}") from error
    net = build_net(replace(spec, recipe=None), scale, torch.device("cpu"))
    network, recipe = inspect_network(net, spec.multiple, spec.smallest), describe(spec, scale, catalog)
    remark = random_weights(spec, net, scale)
    return Facts(spec, scale, plugin, about, network, recipe, find_weights(spec, scale), remark)


def to_json(facts: Facts) -> dict[str, Any]:
    """Return the facts as JSON data."""
    spec, weights = facts.spec, facts.weights
    return {
        "name": spec.name,
        "summary": spec.summary,
        "about": facts.about,
        "aliases": list(spec.aliases),
        "family": spec.family,
        "plugin": facts.plugin,
        "paper": spec.paper,
        "scales": sorted(spec.scales),
        "scale": facts.scale,
        "multiple": spec.multiple,
        "smallest": spec.smallest,
        "halo": spec.halo,
        "start_from": spec.start_from,
        "network": asdict(facts.network),
        "random_weights": facts.random,
        "recipe": asdict(facts.recipe) if facts.recipe else None,
        "published": [asdict(figure) for figure in spec.published],
        "weights": weights
        and {
            "path": str(weights.path),
            "origin": weights.origin,
            "digest": weights.digest,
            "remark": weights.remark,
            "card": dict(weights.card),
        },
    }


def show(facts: Facts, console: Console, *, plain: bool) -> None:
    """Print the facts, section by section."""
    from rich.text import Text

    spec, network = facts.spec, facts.network

    def part(title: str) -> None:
        console.print()
        console.print(Text(title, style="" if plain else "bold"))

    names = ", ".join([spec.name, *spec.aliases])
    console.print(Text(printable(f"{names}: {spec.summary}"), style="" if plain else "bold"))
    origin = [f"scales {spec.scales_text}", f"plugin {facts.plugin}", *([f"paper {spec.paper}"] if spec.paper else [])]
    console.print(" | ".join(origin))
    for paragraph in facts.about.split("\n\n") if facts.about else ():
        console.print()
        console.print(printable(" ".join(paragraph.split())))
    part(f"Network at x{facts.scale}: LR {_shape(network.lr)} to SR {_shape(network.sr)}")
    if network.layers:
        rows = [
            [
                "  " * layer.depth + layer.name,
                layer.kind if layer.count == 1 else f"{layer.count} times {layer.kind}",
                _shape(layer.shape),
                f"{layer.params:,}" if layer.params else "",
            ]
            for layer in network.layers
        ]
        console.print(text_table(["layer", "module", "output", "parameters"], rows, right=(3,), plain=plain))
        console.print("A line includes what is indented below it; of identical layers only the first is shown.")
    macs = "not counted outside torch" if network.macs is None else f"{network.macs:,}"
    console.print(f"parameters: {network.params:,}; multiply-accumulates: {macs}")
    part("Training")
    if facts.recipe is None:
        _show_untrainable(facts, console)
    else:
        _show_recipe(facts, facts.recipe, console, plain=plain)
    if spec.published:
        part("Published figures (LR by bicubic)")
        rows = [[f"{p.dataset} x{p.scale}", p.metric, _value(p.value), p.protocol, p.source] for p in spec.published]
        console.print(text_table(["dataset", "metric", "value", "protocol", "source"], rows, right=(2,), plain=plain))
    if facts.recipe is not None or spec.file is not None:
        part(f"Weights that a run uses at x{facts.scale}")
        _show_weights(facts, console, plain=plain)


def _show_untrainable(facts: Facts, console: Console) -> None:
    if facts.spec.file:
        console.print("Cannot be trained: the method is a model file.")
    elif facts.network.params:
        console.print("Cannot be trained: its spec has no recipe.")
    else:
        console.print("Has no parameters to train.")
    if facts.random:
        console.print(printable(facts.random))


def _show_recipe(facts: Facts, recipe: Description, console: Console, *, plain: bool) -> None:
    for line in recipe.objective.split("\n"):
        console.print(line)
    loss = recipe.settings["loss"]
    console.print(f"x is LR, y is HR, G is the network; loss = {loss}, with ŷ for SR:")
    for term in recipe.terms:
        weight = "" if term.weight == 1 else f"{term.weight:g} · "
        console.print(f"  {weight}{term.name}: {term.formula or term.summary}")
        if term.uses:
            console.print(f"    uses {term.uses}")
        if term.missing:
            console.print(f"    cannot be built here: {term.missing}")
    rows = [[name, str(recipe.settings[name]), meaning] for name, meaning in MEANINGS.items()]
    console.print(text_table(["setting", recipe.recipe, "meaning"], rows, plain=plain))
    for learner in recipe.learners:
        options = ", ".join(f"{name} {value}" for name, value in learner.options.items())
        console.print(f"{learner.network}, {learner.params:,} parameters: {learner.optimizer}, {options}")
    if facts.spec.start_from:
        console.print(f"Training starts from the weights of {facts.spec.start_from}.")


def _show_weights(facts: Facts, console: Console, *, plain: bool) -> None:
    weights = facts.weights
    if weights is None:
        console.print(f"None yet; train them: srbench train {facts.spec.name} --scale {facts.scale} --data ...")
        return
    console.print(printable(f"{weights.origin}, {weights.digest}, {weights.path}"), soft_wrap=True)
    if weights.remark:
        console.print(printable(weights.remark))
    rows = [[name, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)] for name, v in weights.card.items()]
    if rows:
        console.print(text_table(["card", ""], rows, plain=plain))


def _value(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.2f}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)
