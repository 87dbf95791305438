"""Recipes: the training step, and the session that it runs in."""
