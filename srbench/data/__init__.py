"""Datasets: from a name or a folder to pairs of image files and image sets."""
