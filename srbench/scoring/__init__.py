"""Scoring: samples, their scores, folders of images."""
