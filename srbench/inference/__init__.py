"""Inference: build, run, tile, time, describe and export networks."""
