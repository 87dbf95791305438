"""Progress on a terminal: one line that fits, whatever its width becomes; nothing when piped."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import time

import pytest

pty = pytest.importorskip("pty", reason="needs pseudo-terminals, which this system has not")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")
pyte = pytest.importorskip("pyte", reason="needs pyte, a terminal in memory")

WORK = """
import time
from srbench.system.terminal import Terminal
ui = Terminal()
with ui.track("scoring", 40) as advance:
    for i in range(40):
        time.sleep(0.05)
        advance("srresnet-vgg54 on set14 x4, a_rather_long_name_of_an_image_%03d" % i)
ui.note("done")
"""


def watch(widths, seconds=0.6):
    """Run the work in a terminal that changes its width; return every screen seen and the last one."""
    child, terminal = pty.fork()
    if not child:
        own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        # with an environment: readline puts COLUMNS where os.environ does not see it
        os.execve(sys.executable, [sys.executable, "-c", WORK], own | {"TERM": "xterm-256color"})
    screen = pyte.Screen(widths[0], 24)
    stream, seen, widths = pyte.ByteStream(screen), [], list(widths)

    def resize(width):
        screen.resize(24, width)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        os.kill(child, signal.SIGWINCH)

    resize(widths.pop(0))
    changed = None
    while True:
        ready, _, _ = select.select([terminal], [], [], 30)
        try:
            data = os.read(terminal, 65536) if ready else b""
        except OSError:  # the other side is closed
            break
        if not data:
            break
        stream.feed(data)
        lines = [line.rstrip() for line in screen.display if line.strip()]
        seen.append((screen.columns, lines))
        changed = changed or time.monotonic()
        if widths and time.monotonic() - changed > seconds:
            resize(widths.pop(0))
            changed = time.monotonic()
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0
    return seen, [line.rstrip() for line in screen.display if line.strip()]


@pytest.mark.parametrize("widths", [[100], [40], [120, 60, 45], [45, 120]])
def test_progress_is_one_line_at_any_width_and_leaves_nothing(widths):
    seen, last = watch(widths)
    assert last == ["done"]
    assert {columns for columns, _ in seen} == set(widths)
    assert max(len(lines) for _, lines in seen) == 1
    bars = [line for _, lines in seen for line in lines if line != "done"]
    assert any("scoring" in line and "/40" in line and "0:0" in line for line in bars)
    if max(widths) >= 100:
        assert any("srresnet" in line for line in bars)


def test_nothing_is_shown_when_piped():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "done\n")
