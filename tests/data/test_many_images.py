"""Folders of very many images: what a listing costs per image does not depend on how many there are."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections import Counter

import pytest
from PIL import Image

from srbench.data.folder import folder_dataset
from srbench.data.image_sets import prepare
from srbench.system.terminal import Silent

COUNTS: Counter[str] = Counter()
COUNTED: list[str] = []
"""The folder whose files are counted; empty while nothing is."""


def hook(event, args):
    if COUNTED and event == "open" and str(args[0]).startswith(COUNTED[0]):
        COUNTS["open"] += 1


sys.addaudithook(hook)


@pytest.fixture
def count(monkeypatch):
    """Call a function and return how often files of a folder were opened and asked for their status."""

    def status(path, *args, real=os.stat, **options):
        if COUNTED and str(path).startswith(COUNTED[0]):
            COUNTS["stat"] += 1
        return real(path, *args, **options)

    monkeypatch.setattr(os, "stat", status)

    def call(folder, work):
        COUNTS.clear()
        COUNTED[:] = [f"{folder}/"]
        try:
            work()
        finally:
            COUNTED.clear()
        return dict(COUNTS)

    return call


def fill(folder, names):
    """Write images of 8x8 pixels, or 32x32 where a name has no ending."""
    folder.mkdir()
    for size in (8, 32):
        Image.new("RGB", (size, size), (size, 0, 0)).save(folder.parent / f"{size}.png")
    for name in names:
        os.link(folder.parent / ("32.png" if name.isalnum() else "8.png"), folder / f"{name}.png")
    return folder


LAYOUTS = {
    "plain": lambda i: [f"img-{i:05}"],
    "copies": lambda i: [f"im{i:05}", f"im{i:05}_small"],
    "scales": lambda i: [f"im{i:05}", f"im{i:05}-x4"],
    "long forms of one name": lambda i: [f"frame_{i:05}"],
    "words": lambda i: [f"im{i:05}_HR", f"im{i:05}_LR"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("images", [100, 400])
def test_a_listing_reads_each_header_once_at_most(tmp_path, count, layout, images):
    names = [name for i in range(images) for name in LAYOUTS[layout](i)]
    names += ["frame"] if "one name" in layout else []
    folder = fill(tmp_path / "set", names)

    def work():
        spec = folder_dataset(folder)
        assert spec.pairs(4)
        assert spec.remarks
        spec.remarks(4)

    counts = count(folder, work)
    reads = 0 if layout in ("plain", "words") else 4  # a header is read with four opens
    assert counts.get("open", 0) <= reads * len(names), counts
    assert counts.get("stat", 0) <= reads * len(names) + 5, counts


@pytest.mark.parametrize("images", [100, 400])
def test_a_set_decodes_each_image_once(tmp_path, count, images):
    folder = fill(tmp_path / "set", [f"img{i}" for i in range(images)])

    def work():
        assert len(prepare(str(folder), folder_dataset(folder), "set", 4, Silent()).pairs) == images

    counts = count(folder, work)
    assert counts["open"] <= 5 * images  # four to decode, one to hash
    assert counts["stat"] <= 4 * images


def test_memory_per_image_is_small(tmp_path):
    images = 2000
    folder = fill(tmp_path / "set", [f"img-{i:05}" for i in range(images)])
    folder_dataset(folder).pairs(4)
    tracemalloc.start()
    try:
        spec = folder_dataset(folder)
        pairs = spec.pairs(4)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(pairs) == images
    assert peak / images < 4000  # bytes; 50,000 images: 200 MB at most
