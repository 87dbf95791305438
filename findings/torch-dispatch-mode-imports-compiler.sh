#!/usr/bin/env bash
# torch 2.14.1: a TorchDispatchMode that does nothing, and so torch.utils.flop_counter, in a program that never compiles.
# Guess: the first operator inside costs microseconds.
# Seen: it imports torch._dynamo, torch's compiler, since each subclass's __torch_dispatch__ is wrapped to be skipped by it.
# The import took 2 to 6 seconds, once per process.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.14.1 numpy
cd "$folder"
venv/bin/python - <<'PY'
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

net, image = torch.nn.Conv2d(3, 3, 3), torch.rand(1, 3, 8, 8)
net(image)
before = "torch._dynamo" in sys.modules
start = time.perf_counter()
with FlopCounterMode(display=False) as counter:
    net(image)
seconds = time.perf_counter() - start
after = "torch._dynamo" in sys.modules
start = time.perf_counter()
with FlopCounterMode(display=False):
    net(image)
again = time.perf_counter() - start
print(f"torch {torch.__version__}: compiler imported before {before}, after {after}")
print(f"first count {seconds:.2f} s, second {again:.4f} s, {counter.get_total_flops()} FLOPs")
assert (before, after) == (False, True), "no longer so"
assert seconds > 20 * again, "no longer so"
PY
