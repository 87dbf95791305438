"""How Sphinx builds the manual: offline, strictly, with a page per method made from what srbench says of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from docutils import nodes

import srbench

project = "srbench"
author = "The srbench developers"
project_copyright = "The srbench developers"
release = version = srbench.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "mathml",
    "method_gallery",
]
exclude_patterns = ["_build", "_ext"]
root_doc = "index"
language = "en"
smartquotes = False  # two hyphens begin an option

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autoclass_content = "class"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
default_role = "py:obj"  # docstrings put names of srbench in single backticks

nitpicky = True
nitpick_ignore_regex = [
    # Offline there is no inventory of Python's, torch's or numpy's manual: names outside of srbench are not linked.
    (r"py:.*", r"(?!srbench\.).*"),
    # Signatures name classes where they are defined; the manual documents them where they are imported from.
    (r"py:class", r"srbench\.[a-z_]+\..*"),
]

html_theme = "pydata_sphinx_theme"
html_title = "srbench"
html_static_path = ["_static"]
html_css_files = ["srbench.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "srbench"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "reference/results": []},  # its tables are wide
}
html_sidebars = {"index": [], "changelog": []}
copybutton_exclude = ".linenos, .gp, .go"
html_math_renderer = "mathml"


def examples_as_code(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Set the examples in a command's help as code."""
    for i, line in enumerate(lines):
        text = line.removeprefix("|").strip()
        if line.startswith("|") and text.startswith("srbench "):
            lines[i] = f"| ``{text}``"


def colon_after_names(_app: Sphinx, doctree: nodes.document) -> None:
    """Put a colon between a parameter's name and its description, where Sphinx relies on smart quotes for a dash."""
    for text in list(doctree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(": "))


def setup(app: Sphinx) -> None:
    """Connect what is done to pages of commands and of the API."""
    app.connect("doctree-read", colon_after_names)
    app.connect("sphinx-click-process-description", examples_as_code)
