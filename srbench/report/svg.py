"""A matplotlib figure -> deterministic SVG for a page, in the page's colours and font.

The page forbids inline styles, so each becomes an attribute. Ids are removed, or made unique on the page.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from srbench.system.figures import figure_style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

INK = "#010203"
"""Colour that is replaced by the page's text colour, light or dark."""

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "svg.fonttype": "none",
    "mathtext.default": "regular",
}
"""9 points are 12 pixels: the smallest text of the page."""

SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"


def to_svg(figure: Figure, name: str, label: str, titles: Mapping[str, str]) -> str:
    """Return a figure as an ``<svg>`` element.

    Args:
        figure: drawn under `RC`.
        name: makes its ids unique on the page.
        label: says in words what it shows.
        titles: text shown on hover, by the group id of the artist.
    """
    buffer = io.StringIO()
    with figure_style({**RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue().encode())  # noqa: S314  (matplotlib wrote it)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}:
                parent.remove(child)
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', buffer.getvalue()))
    for element in root.iter():
        _adopt(element, used, name, titles)
    width, height = (float(length) for length in root.attrib["viewBox"].split()[2:])
    root.attrib |= {"width": f"{width * 4 / 3:.0f}", "height": f"{height * 4 / 3:.0f}"}  # in pixels
    root.attrib |= {"role": "img", "aria-label": label, "stroke-linejoin": "round", "stroke-linecap": "butt"}
    text = ElementTree.tostring(root, encoding="unicode", default_namespace=None)
    return text.replace("ns0:", "").replace(":ns0", "").replace("ns1:href", "xlink:href").replace(":ns1", ":xlink")


def _adopt(element: ElementTree.Element, used: set[str], name: str, titles: Mapping[str, str]) -> None:
    """Turn styles into attributes, keep only ids that are referred to, and add the hover text."""
    for key, value in _declarations(element.attrib.pop("style", "")):
        element.attrib[key] = value
    for key, value in element.attrib.items():
        if value == INK:
            element.attrib[key] = "currentColor"
        elif value.startswith("url(#"):
            element.attrib[key] = f"url(#{name}-{value[5:]}"
        elif key == LINK:
            element.attrib[key] = f"#{name}-{value[1:]}"
    own = element.attrib.pop("id", "")
    if own in used:
        element.attrib["id"] = f"{name}-{own}"
    if own in titles:
        title = ElementTree.Element(f"{{{SVG}}}title")
        title.text = titles[own]
        element.insert(0, title)
        element.attrib["class"] = "point"


def _declarations(style: str) -> list[tuple[str, str]]:
    """Split a style into declarations. A font becomes its size; the page chooses the family."""
    pairs = []
    for declaration in style.split(";"):
        key, colon, value = (part.strip() for part in declaration.partition(":"))
        if not colon:
            continue
        if key == "font":
            key, value = "font-size", (re.search(r"[\d.]+(?=px)", value) or [""])[0]
        if key not in {"font-family", "font-stretch"} and value:
            pairs.append((key, value))
    return pairs
