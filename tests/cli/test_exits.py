"""Plugins that end the process in the commands that run them in their own: one line, exit code 1, never 0."""

from __future__ import annotations

import os

import pytest

from srbench.cli.exits import no_silent_exit

PLUGIN = """
import os, sys
from functools import partial
from srbench import ModelSpec, hookimpl

def end(name):
    os._exit(0) if name.startswith("leaves") else sys.exit(0)

def build(name, scale):
    import torch

    class Net(torch.nn.Module):
        def forward(self, lr):
            end(name)

    if name.endswith("early"):
        end(name)
    return Net()

@hookimpl
def srbench_models():
    names = "leaves-early", "leaves-late", "exits-early", "exits-late"
    return [ModelSpec(name=name, summary="x", scales={2}, build=partial(build, name)) for name in names]
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "ends.py"
    path.write_text(PLUGIN)
    return path


@pytest.mark.parametrize("method", ["leaves-early", "leaves-late", "exits-early", "exits-late"])
def test_upscale_says_that_a_plugin_ended_it(call, save_image, plugin, tmp_path, method):
    save_image(tmp_path / "a.png", 8, 6)
    code, out, err = call("upscale", method, "a.png", "b.png", "--scale", 2, "--plugin", plugin)
    assert (code, out) == (1, "")
    assert ("os._exit(0) was called" if "leaves" in method else "SystemExit: 0") in err
    assert not (tmp_path / "b.png").exists()


def test_compare_draws_the_others(call, save_image, plugin, tmp_path):
    save_image(tmp_path / "a.png", 40, 36)
    methods = "leaves-early,exits-early,leaves-late,exits-late,nearest"
    options = ("--scale", 2, "--metrics", "psnr", "--plugin", plugin, "--out", "c.png")
    code, _, err = call("compare", "a.png", "--methods", methods, *options)
    assert code == 1
    assert err.count(" failed: ") == 4
    assert (tmp_path / "c.png").exists()


def test_forked_children_may_leave():
    with no_silent_exit():
        child = os.fork()
        if not child:
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        with pytest.raises(RuntimeError, match=r"os\._exit\(3\) was called"):
            os._exit(3)
