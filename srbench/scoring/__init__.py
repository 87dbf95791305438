"""A sample, its score, a folder of scores."""
