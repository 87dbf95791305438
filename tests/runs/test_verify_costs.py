"""Costs that a run states beside those measured now: what lies is found, what is honest on a busy machine is not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from srbench.catalog.catalog import Catalog
from srbench.runs.rerun import Again
from srbench.runs.verify_costs import ATTEMPTS, check_costs, costs_of


def row(latency=10.0, spread=1.1, **changes):
    return {
        "kind": "speed",
        "method": "nearest",
        "scale": 2,
        "precision": "fp32",
        "device": "cpu, x",
        "size": 64,
        "batch": 1,
        "params": 5,
        "macs": 7,
        "latency_ms": latency,
        "latency_p10_ms": latency / spread**0.5,
        "latency_p90_ms": latency * spread**0.5,
        "images_per_s": 1000 / latency,
        "mpix_per_s": 16.4 / latency,
    } | changes


@pytest.fixture
def check(asked):
    """Compare a stated row with those of the first and further measurements; return what differs and is not seen."""
    request = replace(asked, methods=("nearest",), plugins=(), speed_size=64, speed_batch=1)
    again = Again(request, Catalog.load(), (), same_versions=True)

    def write(folder, measured):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.jsonl").write_text(
            "".join(f"{json.dumps({'schema': 1, **IDENTITY, **r})}\n" for r in measured)
        )

    def compare(stated, *measured):
        waiting = list(measured)

        def run(request, *_):
            write(request.out, [waiting.pop(0)])

        write(request.out, [waiting.pop(0)] if waiting else [])
        checks, unseen = check_costs(again, {"nearest"}, costs_of([stated]), run)
        assert not waiting or len(measured) - len(waiting) <= ATTEMPTS
        return {cost.quantity: cost.fails for cost in checks if not cost.agrees}, unseen

    return compare


IDENTITY = {"plugin": "p", "weights": ""}


def test_honest_costs_agree(check):
    assert check(row(), row(12.0)) == ({}, [])
    assert check(row(), row(18.0)) == ({}, [])


@pytest.mark.parametrize("name", ["params", "macs"])
def test_counts_must_be_equal(check, name):
    quantity = {"params": "parameters", "macs": "MACs"}[name]
    assert check(row(**{name: 4}), row()) == ({quantity: True}, [])
    assert check(row(**{name: None}), row()) == ({quantity: True}, [])


def test_a_latency_that_is_never_reached_fails(check):
    assert check(row(1.0), row(), row(), row()) == ({"latency ms": True}, [])
    hidden = row(10.0, latency_ms=1.0, images_per_s=1000, mpix_per_s=16.4)  # with an honest interval
    assert check(hidden, row(), row(), row()) == ({"latency ms": True}, [])


def test_one_good_measurement_suffices(check):
    assert check(row(), row(80.0), row(11.0)) == ({}, [])
    assert check(row(), row(80.0), row(80.0), row(11.0)) == ({}, [])


def test_on_a_busy_machine_nothing_is_judged(check):
    spread = ["speed (timings spread widely: the machine does or did other work)"]
    busy = row(90.0, spread=4.0)
    assert check(row(), busy, busy, busy) == ({}, spread)
    assert check(row(), row(90.0), row(90.0), busy) == ({}, spread)
    assert check(row(1.0, spread=400.0), row(), row(), row()) == ({}, spread)  # the board says so too


def test_a_run_timed_on_a_busy_machine_differs_and_does_not_fail(check):
    assert check(row(800.0), row(), row(), row()) == ({"latency ms": False}, [])


def test_throughput_belongs_to_the_latency(check):
    assert check(row(images_per_s=900), row()) == ({"img/s": True}, [])
    assert check(row(mpix_per_s=90), row()) == ({"img/s": True}, [])


def test_what_is_not_compared_is_said(check):
    assert check(row(device="cuda, y"), row()) == ({}, ["speed (timed on another device)"])
    assert check(row(shared="z"), row()) == ({}, ["speed (timed beside other work)"])
    untimed = dict.fromkeys(("latency_ms", "latency_p10_ms", "latency_p90_ms", "images_per_s", "mpix_per_s"))
    assert check(row(**untimed), row()) == ({}, [])
    assert check(row()) == ({"parameters": True, "MACs": True}, ["speed (it could not be measured now)"])
    assert check(row(size=128), row()) == ({}, [])  # of another command
