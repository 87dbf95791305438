"""``srbench verify``: exit codes and last lines for runs that hold, differ, or are none."""

from __future__ import annotations

import json


def test_a_run_that_holds_and_one_that_does_not(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", "run"]
    assert here("run", "--methods", "nearest", *common).returncode == 0
    held = here("verify", "run")
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout == (
        "1 value of 0 saved and 1 repeated outputs: all agree\n"
        "2 costs (parameters, MACs, speed): all agree\n"
        "not looked at: leaderboard.md\n"
    )
    path = tmp_path / "run" / "results.jsonl"
    path.write_text(path.read_text().replace('"value":', '"value":1'))
    differs = here("verify", "run")
    assert (differs.returncode, differs.stderr) == (1, "")
    assert differs.stdout.splitlines()[5:] == [
        "leaderboard.csv: nearest on set x2, y: is not the row that results.jsonl gives",
        "1 value of 0 saved and 1 repeated outputs: 1 differ",
        "2 costs (parameters, MACs, speed): all agree",
        "not looked at: leaderboard.md",
    ]


def test_an_edited_leaderboard_is_found(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    save_image(tmp_path / "set" / "b.png", seed=1)
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", "run"]
    assert here("run", "--methods", "nearest,bicubic", *common, "--save-images").returncode == 0
    path = tmp_path / "run" / "leaderboard.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace("bicubic,", "mine,", 1), lines[2]]) + "\n")
    done = here("verify", "run", "--trust-pictures", "--sample", 1)
    assert done.returncode == 1
    assert done.stdout == (
        "leaderboard.csv: mine on set x2, y: is not the row that results.jsonl gives\n"
        "leaderboard.csv: bicubic on set x2, y: is not the row that results.jsonl gives\n"
        "1 value of 1 saved and 0 repeated outputs: all agree\n"
        "not looked at: how saved pictures were made, parameters, MACs and speed, leaderboard.md, "
        "3 of 4 outputs (--sample 0 takes all)\n"
    )


def test_names_in_a_strangers_run_do_not_steer_the_terminal(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", "run"]
    assert here("run", "--methods", "nearest", *common).returncode == 0
    path = tmp_path / "run" / "results.jsonl"
    path.write_text(path.read_text().replace('"method":"nearest"', '"method":"near\\u001b[2J\\nest"'))
    done = here("verify", "run")
    assert done.returncode == 1
    assert r"| near\x1b[2J est | set/a x2 |" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_latencies_that_no_command_of_the_run_measured_are_looked_at(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--speed-size", 16, "--out", "run"]
    assert here("run", "--methods", "nearest", *common).returncode == 0
    path = tmp_path / "run" / "results.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    false = {"latency_ms": 9.0, "latency_p10_ms": 9.5, "latency_p90_ms": 9.6, "images_per_s": 1.0, "mpix_per_s": 1.0}
    rows = [row | (false if row["kind"] == "speed" else {}) for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = here("verify", "run")
    assert done.returncode == 1
    assert "| nearest | x2    | img/s" in done.stdout
    assert "it could not be measured now" not in done.stdout


def test_what_is_no_run_is_one_line(here):
    done = here("verify", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: nowhere holds no run: there is no such folder")
    assert done.stderr.count("\n") == 1
