"""A worker: images that go together, values that fail alone, a process left as it was."""

from __future__ import annotations

import pytest

from srbench.errors import Code
from srbench.execution.events import ValueScored
from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.local import InlineExecutor
from srbench.execution.worker import Worker
from tests.execution.conftest import FAULTY, job


def watched(worker, batch):
    """Let so many images of a worker go together, and return the groups that do as they come."""
    upscale, groups = worker.scoring._upscale, []
    worker.scoring.batch = batch
    worker.scoring._upscale = lambda tiler, group: groups.append(list(group)) or upscale(tiler, group)
    return groups


def values_of(events):
    return {event.cell: event.value for event in events if isinstance(event, ValueScored)}


def test_what_a_method_does_to_torch_is_undone(tmp_path, save_image):
    import torch

    save_image(tmp_path / "set" / "a.png")
    executor = InlineExecutor(Session("cpu", 1, (FAULTY,)))
    executor.submit(job("changes-torch", tmp_path / "set"), lambda _: None).result()
    executor.submit(job("nearest", tmp_path / "set"), lambda _: None).result()
    assert torch.get_num_threads() == 1
    assert torch.get_default_dtype() == torch.float32


def test_images_of_one_size_go_together_where_the_device_wants_it(tmp_path, save_image):
    for i, width in enumerate((40, 48, 40, 40, 48, 40, 40)):
        save_image(tmp_path / "set" / f"{i}.png", width=width, seed=i)
    asked = [("psnr", "y"), ("psnr", "rgb"), ("ssim", "y"), ("hfen", "y")]  # hfen takes one image at a time
    cells = {str(i): [Cell(f"{i} {name} {how}", name, how) for name, how in asked] for i in range(7)}
    del cells["2"][1:3]  # as if they were known from an interrupted run

    def run(batch):
        worker, heard = Worker(Session("cpu", 1)), []
        seen = watched(worker, batch)
        worker.run(Job("bicubic", 2, str(tmp_path / "set"), cells), heard.append)
        return seen, values_of(heard)

    alone, together = run(1), run(3)
    assert alone[0] == [[str(i)] for i in range(7)]
    assert together[0] == [["0", "2", "3"], ["1", "4"], ["5", "6"]]
    assert set(alone[1]) == {cell.key for of_image in cells.values() for cell in of_image}
    assert together[1] == pytest.approx(alone[1], abs=1e-9)


def test_of_images_scored_together_one_that_breaks_a_metric_costs_its_value_alone(tmp_path, save_image, monkeypatch):
    for i in range(4):
        save_image(tmp_path / "set" / f"{i}.png", seed=i)
    cells = {str(i): [Cell(str(i), "psnr", "y")] for i in range(4)}
    worker, heard, batches = Worker(Session("cpu", 1)), [], []
    worker.scoring.batch = 4
    metric = worker.scoring.scorer._metrics["psnr"] = worker.catalog.metrics["psnr"].build()
    score = metric.score

    def picky(sr, prepared):
        batches.append(len(sr))
        # memory does not do for the batch; the second image has another fault
        if len(sr) > 1 or sum(batches) == 6:
            raise RuntimeError("CUDA out of memory" if len(sr) > 1 else "odd image")
        return score(sr, prepared)

    monkeypatch.setattr(metric, "score", picky)
    worker.run(Job("bicubic", 2, str(tmp_path / "set"), cells), heard.append)
    events = {event.cell: event for event in heard if isinstance(event, ValueScored)}
    assert batches == [4, 1, 1, 1, 1]
    assert [events[str(i)].value is None for i in range(4)] == [False, True, False, False]
    assert "psnr failed: RuntimeError: odd image" in events["1"].reason
    assert events["1"].code is Code.FAILED
    batches.clear()
    worker.run(Job("bicubic", 2, str(tmp_path / "set"), cells), heard.append)
    assert batches == [1, 1, 1, 1]  # a batch of this size was too large once


def test_not_many_images_wait_for_others_of_their_size(tmp_path, save_image):
    for i in range(7):
        save_image(tmp_path / "set" / f"{i}.png", width=40 + 8 * (i % 6), seed=i)
    cells = {str(i): [Cell(str(i), "psnr", "y")] for i in range(7)}
    worker = Worker(Session("cpu", 1))
    seen = watched(worker, 2)
    worker.run(Job("bicubic", 2, str(tmp_path / "set"), cells), lambda _: None)
    assert seen[0] == ["0"]  # the fourth that came had no other of its size either
    assert sorted(name for group in seen for name in group) == list(cells)


def test_what_is_compiled_sees_one_size_of_batch(tmp_path, save_image, monkeypatch):
    for i in range(6):
        save_image(tmp_path / "set" / f"{i}.png", width=40 if i < 5 else 48, seed=i)
    cells = {str(i): [Cell(str(i), "psnr", "y")] for i in range(6)}
    batches = []

    def compiled(net, **how):
        return lambda lr: batches.append(len(lr)) or net(lr)

    monkeypatch.setattr("torch.compile", compiled)
    found = {}
    for yes in (False, True):
        worker = Worker(Session("cpu", 1, compiled=yes))
        worker.scoring.batch = 3
        heard = found.setdefault(yes, [])
        worker.run(Job("bicubic", 2, str(tmp_path / "set"), cells), heard.append)
    assert batches == [3, 3, 1]  # of the other size there never was a larger one
    values = [values_of(heard) for heard in found.values()]
    assert values[0] == values[1]
    assert len(values[0]) == 6
