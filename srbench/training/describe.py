"""Describe a method's recipe: it is built as for a training, but takes no step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from srbench.catalog.blame import location_of
from srbench.errors import AssetError, MethodError, SRBenchError, say
from srbench.store.backbones import only_local
from srbench.training.fabric import make_fabric
from srbench.training.recipes import expression
from srbench.training.recipes.session import Overrides, Training

if TYPE_CHECKING:
    from torch import nn, optim

    from srbench.catalog.catalog import Catalog
    from srbench.specs import ModelSpec
    from srbench.training.recipes.session import Optimizer


@dataclass(frozen=True)
class Learner:
    """A trained network and its optimizer."""

    network: str
    params: int
    optimizer: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Term:
    """One term of a loss expression."""

    weight: float
    name: str
    summary: str
    formula: str
    uses: str
    """Pretrained network and layers used by a perceptual loss; else empty."""
    missing: str
    """Why the loss could not be built here; else empty."""


@dataclass(frozen=True)
class Description:
    """A recipe: its objective in Unicode, its settings by the names of `Settings`, its loss terms and its networks."""

    recipe: str
    objective: str
    settings: dict[str, Any]
    terms: list[Term]
    learners: list[Learner]


class _Reading(Training):
    """A training that only records what a recipe prepares; loss networks that are not available here are skipped."""

    def __init__(self, catalog: Catalog, scale: int) -> None:
        super().__init__(make_fabric("cpu", "fp32"), catalog, Overrides(), scale)
        self.learners: list[Learner] = []
        self.terms: list[Term] = []

    def loss(self, text: str) -> expression.Expression:
        """Build the terms whose networks are available."""
        built = []
        for weight, name in expression.parse(text):
            spec, missing, uses = self._catalog.losses[name], "", ""
            try:
                with only_local():
                    term = super().loss(name)
            except AssetError as error:
                missing = str(error)
            else:
                uses = self.loss_networks.get(name, "")
                built += [(weight, name, loss) for _, name, loss in term.terms]
            self.terms.append(Term(weight, spec.name, spec.summary, spec.formula, uses, missing))
        return expression.Expression(text, tuple(built))

    def prepare(self, module: nn.Module, optimizer: optim.Optimizer) -> tuple[nn.Module, Optimizer]:
        """Record the network and its optimizer."""
        options: dict[str, Any] = {"lr": optimizer.param_groups[0]["lr"]}
        options |= {name: optimizer.defaults[name] for name in ("betas", "alpha") if name in optimizer.defaults}
        params = sum(parameter.numel() for parameter in module.parameters())
        self.learners.append(Learner(type(module).__name__, params, type(optimizer).__name__, options))
        return super().prepare(module, optimizer)


def describe(spec: ModelSpec, scale: int, catalog: Catalog) -> Description | None:
    """Return a description of a method's recipe; None for a method without one.

    Raises:
        MethodError: the network or the recipe cannot be built.
    """
    if spec.recipe is None:
        return None
    reading = _Reading(catalog, scale)
    try:
        recipe = spec.recipe(spec.build(scale), reading)
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        where = location_of(error, catalog.models.owner(spec.name).home)
        raise MethodError(f"the recipe of {spec.name} cannot be built: {say(error)}{where}") from error
    if reading.settings is None:
        raise MethodError(f"the recipe of {spec.name} never called training.choose(...)")
    objective = getattr(recipe, "formula", "min G: loss(G(x), y)")
    return Description(type(recipe).__name__, objective, asdict(reading.settings), reading.terms, reading.learners)
