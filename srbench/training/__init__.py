"""Training: recipes and what they use (`Supervised`, `Adversarial`, `Settings`, `Training`), and the loop."""

from srbench.training.recipes.adversarial import Adversarial
from srbench.training.recipes.protocol import Recipe
from srbench.training.recipes.session import Settings, Training
from srbench.training.recipes.supervised import Supervised

__all__ = ["Adversarial", "Recipe", "Settings", "Supervised", "Training"]
