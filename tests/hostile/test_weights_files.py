"""Files of weights that are pickles or lie about what they hold: refused in one line, nothing executed or allocated."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from srbench.catalog.catalog import Catalog
from srbench.errors import MethodError, SRBenchError, UsageError
from srbench.store.weights import load_weights
from srbench.training.checkpoints import load_state

LONG = "SRBENCH_LONG" in os.environ


class Payload:
    """Makes a file when it is unpickled: what stands for any code."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def plain_pickle(payload):
    return pickle.dumps({"weight": payload})


def torch_zip(payload):
    stream = io.BytesIO()
    torch.save({"version": 2, "step": payload, "facts": {}, "parts": {}}, stream)
    return stream.getvalue()


def torch_legacy(payload):
    stream = io.BytesIO()
    torch.save({"weight": payload}, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def whole_module(payload):
    net = torch.nn.Conv2d(3, 3, 1)
    net.payload = payload
    stream = io.BytesIO()
    torch.save(net, stream)
    return stream.getvalue()


def torchscript(payload):
    """Return an archive that torch.load takes for TorchScript, whose constants are a pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("a/constants.pkl", pickle.dumps((payload,)))
        opened.writestr("a/data.pkl", pickle.dumps(payload))
        opened.writestr("a/version", b"3\n")
    return stream.getvalue()


PICKLES = [plain_pickle, torch_zip, torch_legacy, whole_module, torchscript]


@pytest.fixture
def trap(tmp_path):
    """A file that exists once a payload was executed."""
    target = tmp_path / "executed"
    yield target
    assert not target.exists()


def test_the_payload_works(tmp_path):
    pickle.loads(plain_pickle(Payload(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("make", PICKLES)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_pickle_is_no_weights_file(tmp_path, trap, make, name):
    (tmp_path / name).write_bytes(make(Payload(trap)))
    with pytest.raises(MethodError, match="cannot be read, damaged or not a safetensors file") as error:
        load_weights(torch.nn.Conv2d(3, 3, 1), tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", PICKLES)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.ckpt"])
def test_a_pickle_is_no_method(tmp_path, trap, make, name):
    pytest.importorskip("spandrel")
    (tmp_path / name).write_bytes(make(Payload(trap)))
    with pytest.raises(
        UsageError,
        match=r"is damaged|holds more than tensors|is a TorchScript program|is cut off| or no safetensors file",
    ) as error:
        Catalog.load().models[f"spandrel:{tmp_path / name}"]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", PICKLES)
def test_a_pickle_is_no_state_of_a_training(tmp_path, trap, make):
    (tmp_path / "state.pt").write_bytes(make(Payload(trap)))
    with pytest.raises(UsageError, match=r"state\.pt: is damaged or not a checkpoint of a training"):
        load_state(tmp_path, {}, {})


def test_a_run_and_a_training_refuse_pickles(tmp_path, trap, srbench, save_image):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(torch_zip(Payload(trap)))
    save_image(tmp_path / "HR" / "a.png")
    scored = ("--dataset", "HR", "--no-speed", "--metrics", "psnr", "--weights", f"espcn={weights}")
    run = srbench("run", "--methods", "espcn", *scored)
    assert run.returncode == 1
    assert "cannot be read, damaged or not a safetensors file" in run.stdout
    assert "Traceback" not in run.stderr
    train = srbench(
        "train", "espcn", "--data", "HR", "--steps", "1", "--start-from", weights, "--validation", "none", "--out", "t"
    )
    assert train.returncode in (1, 2)
    assert "Traceback" not in train.stderr
    assert len(train.stderr.strip().splitlines()[-1:]) == 1


def file(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype="F32", shape=(3,), offsets=(0, 12)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


WEIGHT = {"weight": tensor(shape=(3, 3, 1, 1), offsets=(0, 36)), "bias": tensor(offsets=(36, 48))}
HUGE = 2**40

LIES = {
    "empty": b"",
    "no header": b"\0" * 7,
    "header beyond the file": file({}, length=10**6),
    "header of 2**63 bytes": file({}, length=2**63),
    "header of -1 bytes": file({}, length=2**64 - 1),
    "header of nothing": file(b""),
    "no JSON": file(b"{" * 40),
    "no object": file([1, 2]),
    "deep JSON": file(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep list": file(b'{"weight":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "no UTF-8": file(b'{"\xff\xfe":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}', bytes(12)),
    "escape in a name": file({"\x1b[2J\x1b]0;owned\x07": tensor()}, bytes(12)),
    "long name": file({"a" * 10**6: tensor()}, bytes(12)),
    "line breaks in a name": file({"a\nb\r\n": tensor()}, bytes(12)),
    "negative offsets": file({"weight": tensor(offsets=(-12, 0))}, bytes(12)),
    "offsets beyond the file": file({"weight": tensor(offsets=(0, HUGE), shape=(HUGE // 4,))}, bytes(12)),
    "offsets that cross": file({"weight": tensor(offsets=(12, 0))}, bytes(12)),
    "overlap": file({"weight": tensor(), "bias": tensor(offsets=(4, 16))}, bytes(16)),
    "hole": file({"weight": tensor(), "bias": tensor(offsets=(24, 36))}, bytes(36)),
    "huge shape": file({"weight": tensor(shape=(HUGE, HUGE))}, bytes(12)),
    "shape that overflows": file({"weight": tensor(shape=(2**63, 2**63, 4))}, bytes(12)),
    "huge shape of nothing": file({"weight": tensor(shape=(0, 2**62, 2**62), offsets=(0, 0))}),
    "huge shapes of nothing": file({"weight": tensor(shape=(2**40, 0), offsets=(0, 0))}),
    "many dimensions": file({"weight": tensor(shape=(1,) * 5000, offsets=(0, 4))}, bytes(4)),
    "negative shape": file({"weight": tensor(shape=(-3,))}, bytes(12)),
    "wrong shape": file({"weight": tensor(shape=(4,))}, bytes(12)),
    "unknown type": file({"weight": tensor(dtype="F99")}, bytes(12)),
    "type of no word": file({"weight": {**tensor(), "dtype": 3}}, bytes(12)),
    "bytes": file({"weight": tensor("U8", (3, 3, 1, 4), (0, 36)), "bias": tensor("U8", (12,), (36, 48))}, bytes(48)),
    "complex": file({"weight": tensor("C64", (3, 3, 1, 1), (0, 72)), "bias": tensor("C64", (3,), (72, 96))}, bytes(96)),
    "missing fields": file({"weight": {"dtype": "F32"}}, bytes(12)),
    "duplicate": file(b'{"weight":%b,"weight":%b}' % ((json.dumps(tensor()).encode(),) * 2), bytes(12)),
    "data behind": file({"weight": tensor()}, bytes(5000)),
    "no data": file(WEIGHT),
    "metadata of no words": file({"__metadata__": {"a": [1]}, "weight": tensor()}, bytes(12)),
    "metadata only": file({"__metadata__": {"a": "b"}}),
}  # fmt: skip


def refusal(path):
    """Load a file; return what was said, or an empty text where it could be loaded."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        load_weights(torch.nn.Conv2d(3, 3, 1), path)
        said = ""
    except MethodError as error:
        said = str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB
    assert len(said) < 1000
    assert said.isprintable()
    return said


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_header_is_one_line(tmp_path, lie):
    path = tmp_path / "w.safetensors"
    path.write_bytes(LIES[lie])
    assert refusal(path).startswith(f"weights {path}: ")


def test_a_lying_header_is_no_method(tmp_path):
    pytest.importorskip("spandrel")
    models = Catalog.load().models
    for lie, content in LIES.items():
        path = tmp_path / f"{lie}.safetensors"
        path.write_bytes(content)
        with pytest.raises(SRBenchError) as error:
            models[f"spandrel:{path}"]
        assert "\n" not in str(error.value)


def test_mutated_files_are_loaded_or_refused(tmp_path):
    net = torch.nn.Conv2d(3, 3, 1)
    sound = save({name: value.detach().clone() for name, value in net.state_dict().items()})
    draw, path, loaded = random.Random(0), tmp_path / "w.safetensors", 0
    for _ in range(20_000 if LONG else 500):
        content = bytearray(sound)
        for _ in range(draw.choice((1, 1, 2, 6))):
            at = draw.randrange(len(content))
            content[at : at + draw.choice((1, 1, 4))] = draw.choice(
                (bytes([content[at] ^ 1 << draw.randrange(8)]), draw.randbytes(2), b"9", b"-", b'"', b"\xff" * 4, b"")
            )
        Path(path).write_bytes(content[: draw.randrange(len(content))] if draw.random() < 0.1 else content)
        loaded += not refusal(path)
    assert loaded
