"""What is asked of a run: wrong usage is one line, before anything is written."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "bicubi"], "unknown method 'bicubi'; did you mean 'bicubic'?"),
        (["--methods", "nearest", "--dataset", "set6"], "unknown dataset 'set6'; did you mean 'set5'?"),
        (["--methods", "nearest", "--dataset", "urban100", "--scale", "5"], "urban100 does not exist at x5"),
        (["--methods", "nearest", "--dataset", "./nowhere"], "no such folder"),
        (["--methods", "nearest", "--protocol", "yy"], "unknown protocol 'yy'"),
        (["--methods", "nearest", "--metrics", "psnrr"], "unknown metric 'psnrr'; did you mean 'psnr'?"),
        (["--methods", "nearest", "--scale", "zwei"], "'zwei' is not a list of whole numbers"),
        (["--methods", "nearest", "--sort", "beauty"], "cannot sort by 'beauty'"),
        (["--methods", ","], "no name is given"),
        (["--methods", "nearest", "--plugin", "nowhere.py"], "no such Python file"),
        (["--methods", "nearest", "--max-memory", "much"], "'much' is no size"),
        (["--methods", "nearest", "--timeout", "nan"], "'nan' is no finite number"),
        ([], "Missing option '--methods'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(options, said, tmp_path, monkeypatch, capsys):
    from srbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["srbench", "run", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_absent_device_is_one_line(here, photos):
    done = here("run", "--methods", "nearest", "--dataset", photos, "--device", "cuda:77", "--out", "out")
    assert done.returncode == 1
    assert "error: device 'cuda:77' is not available" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_cannot_start_leaves_no_folder(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png", 16, 16)
    common = ["run", "--methods", "bicubic", "--dataset", "./set", "--metrics", "psnr"]
    assert here(*common, "--device", "cuda:99").returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
    (tmp_path / "out").mkdir()
    assert here(*common, "--device", "gpu", "--out", "out").returncode == 2
    assert (tmp_path / "out").is_dir()  # it was there before
