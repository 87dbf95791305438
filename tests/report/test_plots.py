"""Every plot, drawn again and read back: the data in it is the data of the board and of the log."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from srbench.report.labels import Box, place
from srbench.report.plots import COLOURS, Axis, Point, curve, inner_range, looks, points, scatter, shown_at
from srbench.report.rankings import SPEED, rankings
from srbench.report.svg import to_svg
from srbench.results.board import load_board

PSNR, LPIPS = Axis("psnr", "PSNR, dB", "higher"), Axis("lpips", "LPIPS", "lower")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def frame(made_run):
    run = made_run(protocols=("y",))
    run.job("broken", "failed", "no")
    frame = load_board([run.finish()]).frame
    return frame[frame.status == "ok"]


@pytest.mark.parametrize(("x", "y"), [(SPEED, PSNR), (SPEED, LPIPS), (PSNR, LPIPS)])
def test_each_plot_holds_the_boards_values(frame, x, y):
    found = points(frame.to_dict("records"), x, y)
    expected = frame.set_index("method")
    assert {p.method: (p.x, p.y, p.params) for p in found} == {
        method: (row[x.column], row[y.column], row.params) for method, row in expected.iterrows()
    }
    figure = scatter(found, x, y, looks(list(frame.method)), bubbles=x is SPEED)
    lines = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    for i, point in enumerate(found):
        mark = lines[f"point-{i}"]
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (point.x, point.y)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == set(expected.index)
    front = lines["front"]
    drawn = set(zip(front.get_xdata(), front.get_ydata(), strict=True))
    assert drawn == {(p.x, p.y) for p in found if p.front}
    if x is SPEED:
        areas = {p.method: lines[f"bubble-{i}"].get_markersize() ** 2 for i, p in enumerate(found) if p.params}
        ratio = {p.method: areas[p.method] / p.params for p in found if p.params}
        assert max(ratio.values()) == pytest.approx(min(ratio.values()))
        assert set(areas) == {p.method for p in found if p.params}


@pytest.mark.parametrize("seed", range(4))
def test_front_is_what_no_other_method_dominates(seed):
    generator = np.random.default_rng(seed)
    rows = [
        {"method": f"m{i}", "psnr": float(a), "lpips": float(b), "params": 0.0}
        for i, (a, b) in enumerate(generator.integers(0, 6, (12, 2)))
    ]
    found = points(rows, PSNR, LPIPS)
    for p in found:
        better = [q for q in found if q.x >= p.x and q.y <= p.y and (q.x > p.x or q.y < p.y)]
        assert p.front == (not better)


def test_values_that_cannot_be_drawn_are_left_out():
    rows = [
        {"method": "a", "mpix_per_s": 1.0, "psnr": math.inf, "params": 0},
        {"method": "b", "mpix_per_s": 0.0, "psnr": 30.0, "params": 0},
        {"method": "c", "mpix_per_s": None, "psnr": 30.0, "params": None},
        {"method": "d", "mpix_per_s": 2.0, "psnr": 30.0, "params": math.nan},
    ]
    assert points(rows, SPEED, PSNR) == [Point("d", 2.0, 30.0, 0.0, front=True)]


def test_where_the_points_of_the_svg_lie_is_what_its_axes_say(frame):
    """Positions are read from the file: two labelled ticks give each axis its measure."""
    found = points(frame.to_dict("records"), SPEED, PSNR)
    svg = to_svg(
        scatter(found, SPEED, PSNR, looks(list(frame.method))),
        "n",
        "label",
        {f"point-{i}": p.method for i, p in enumerate(found)},
    )
    root = ElementTree.fromstring(svg)
    marks = {
        group.find(f"{SVG}title").text: next(
            (float(use.get("x")), float(use.get("y"))) for use in group.iter(f"{SVG}use")
        )
        for group in root.iter(f"{SVG}g")
        if group.get("class") == "point"
    }
    ticks: dict[str, list[tuple[float, float]]] = {"x": [], "y": []}
    for text in root.iter(f"{SVG}text"):
        if re.fullmatch(r"[\d.]+", text.text or ""):
            anchor = text.get("text-anchor")
            place_of = re.findall(r"[-\d.]+", text.get("transform") or "") or [text.get("x"), text.get("y")]
            x, y = float(text.get("x") or place_of[0]), float(text.get("y") or place_of[1])
            side = "x" if anchor == "middle" else "y"
            ticks[side].append((float(text.text), x if side == "x" else y))
    assert len(ticks["x"]) >= 2
    assert len(ticks["y"]) >= 2
    per_decade = np.polyfit(np.log10([v for v, _ in ticks["x"]]), [p for _, p in ticks["x"]], 1)
    per_db = np.polyfit([v for v, _ in ticks["y"]], [p for _, p in ticks["y"]], 1)
    middle = np.mean([marks[p.method][1] - np.polyval(per_db, p.y) for p in found])  # labels sit below their tick
    assert abs(middle) < 6
    for p in found:
        assert marks[p.method][0] == pytest.approx(np.polyval(per_decade, math.log10(p.x)), abs=0.5)
        assert marks[p.method][1] - middle == pytest.approx(np.polyval(per_db, p.y), abs=0.5)


def test_curves_hold_the_log():
    steps, values = [10, 20, 40], [0.5, 0.25, 0.2]
    (line,) = curve("loss", steps, values, validated=False).axes[0].lines
    assert line.get_xdata().tolist() == steps
    assert line.get_ydata().tolist() == values


def test_svg_is_the_same_every_time_and_has_no_style_or_foreign_id(frame):
    found = points(frame.to_dict("records"), SPEED, PSNR)

    def draw(name):
        return to_svg(scatter(found, SPEED, PSNR, looks(list(frame.method)), bubbles=True), name, 'a "b" <c>', {})

    assert draw("one") == draw("one")
    one, two = (set(re.findall(r' id="([^"]+)"', draw(name))) for name in ("one", "two"))
    assert one.isdisjoint(two)
    text = draw("one")
    assert "style" not in text
    assert "<dc:" not in text
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    assert used <= one
    assert ElementTree.fromstring(text).get("aria-label") == 'a "b" <c>'
    assert all(float(size) >= 9 for size in re.findall(r'font-size="([\d.]+)', text))


def test_methods_look_different_as_long_as_they_can():
    look = looks([f"m{i}" for i in range(40)])
    assert len(set(look.values())) == 40
    assert looks(["b", "a"]) == looks(["a", "b", "a"])
    assert len(set(COLOURS)) == 7


@pytest.mark.parametrize("seed", range(5))
def test_names_cover_nothing_where_there_is_room(seed):
    generator = np.random.default_rng(seed)
    centres = [(float(x), float(y)) for x, y in generator.uniform(60, 340, (8, 2))]
    frame = Box(0, 0, 400, 400)
    boxes = place(centres, [(50.0, 12.0)] * 8, frame)
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(frame) == pytest.approx(600) for box in boxes)


def test_a_ranking_draws_only_speeds_that_its_table_shows(made_run):
    run = made_run(protocols=("y",))
    other = {"kind": "speed", **run.who("nearest"), "params": 5, "macs": 5, "latency_ms": 1.0, "images_per_s": 1.0}
    run.rows.append({**other, "mpix_per_s": 5.0, "peak_mem_mib": 1.0, "size": 32, "batch": 1})
    board = load_board([run.finish()])
    (ranking,) = rankings(board, {}, {})
    sizes = board.frame.set_index("method").speed_size
    shown = sizes.index[sizes == sizes[board.frame.method[0]]]
    assert len(ranking.plots) == 3
    for plot in ranking.plots[:2]:
        named = {m for m in run.methods if f">{m}: speed" in plot}
        assert named == set(shown)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([28.4, 30.6, 31.2, 31.7, 6.1], (28.4, 31.7)),
        ([28.4, 30.6, 31.2, 31.7, 26.3], (26.3, 31.7)),
        ([28.4, 30.6, 31.2, 31.7, 90.0], (28.4, 31.7)),
        ([30.0, 31.0], (30.0, 31.0)),
        ([30.0, 30.0, 30.0, 5.0], (5.0, 30.0)),
        ([30.0], (30.0, 30.0)),
    ],
)
def test_an_outlier_does_not_squeeze_the_others(values, expected):
    assert inner_range(values) == expected


def test_an_outlier_stands_at_the_edge_with_its_value_and_long_names_are_cut():
    point = Point("spandrel:a-very-long-name-of-a-checkpoint_x4.pth", 1.0, 6.1234, 0, front=False)
    drawn = shown_at(point, (28.4, 31.7))
    assert (drawn.x, drawn.y) == (1.0, 28.4)
    assert drawn.method == "spandrel:a-v…oint_x4.pth ↓ 6.123"
    inside = Point("unet", 1.0, 30.0, 0, front=True)
    assert shown_at(inside, (28.4, 31.7)) == inside
