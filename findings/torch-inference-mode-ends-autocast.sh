#!/usr/bin/env bash
# torch 2.14.1: autocast that is entered, and not left, inside torch.inference_mode or torch.no_grad.
# Guess: both contexts keep to their own setting, so autocast stays on after either is left.
# Seen: leaving inference_mode turns autocast off again, whoever turned it on; leaving no_grad does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.14.1 numpy
cd "$folder"
venv/bin/python - <<'PY'
import torch

kept = {}
for context in (torch.no_grad, torch.inference_mode):
    torch.set_autocast_enabled("cpu", False)
    with context():
        torch.set_autocast_enabled("cpu", True)
    kept[context.__name__] = torch.is_autocast_enabled("cpu")
print(f"torch {torch.__version__}: autocast still on after the context that it was turned on in: {kept}")
assert kept == {"no_grad": True, "inference_mode": False}, "no longer so"
PY
