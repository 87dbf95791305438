"""``srbench verify``: exit codes and last lines for runs that hold, differ, or are none."""

from __future__ import annotations


def test_a_run_that_holds_and_one_that_does_not(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", "run"]
    assert here("run", "--methods", "nearest", *common).returncode == 0
    held = here("verify", "run")
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout == "1 value of 0 saved and 1 repeated outputs: all agree\n"
    path = tmp_path / "run" / "results.jsonl"
    path.write_text(path.read_text().replace('"value":', '"value":1'))
    differs = here("verify", "run")
    assert (differs.returncode, differs.stderr) == (1, "")
    assert differs.stdout.splitlines()[-1] == "1 value of 0 saved and 1 repeated outputs: 1 differ"


def test_what_is_no_run_is_one_line(here):
    done = here("verify", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: nowhere holds no run: there is no such folder")
    assert done.stderr.count("\n") == 1
