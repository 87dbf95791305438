"""Training: what a recipe needs (`Supervised`, `Training`), and the loop around it."""

from srbench.training.recipes import Recipe, Supervised
from srbench.training.session import Training

__all__ = ["Recipe", "Supervised", "Training"]
