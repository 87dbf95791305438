"""Training: what a recipe needs (`Supervised`, `Adversarial`, `Settings`, `Training`), and the loop around it."""

from srbench.training.adversarial import Adversarial
from srbench.training.recipes import Recipe, Supervised
from srbench.training.session import Settings, Training

__all__ = ["Adversarial", "Recipe", "Settings", "Supervised", "Training"]
