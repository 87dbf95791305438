"""Plugins that break one rule each: ``srbench check`` finds every one, and names the cause and the fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

METHOD = """
from srbench import *

def build(scale):
    import torch
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            {init}
        def forward(self, lr):
            sr = lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
            {forward}
    {build}
    return Net()

{top}

@hookimpl
def srbench_models():
    return [ModelSpec(name="{name}", summary="for tests", scales={{2, 3, 4}}, build=build, {fields})]
"""
LEARNS = """
def build(scale):
    import torch
    return torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Upsample(scale_factor=scale))

def recipe(net, training):
    from srbench.training import Supervised
    class Mine(Supervised):
        def step(self, lr, hr):
            {step}
    return Mine(net, training, loss="l1", lr=1e-2, patch=48)
"""
OTHER = """
from srbench import *

{top}

@hookimpl
def {hook}():
    return [{spec}]
"""


def method(init="pass", forward="return sr", build="pass", top="", fields=""):
    return METHOD, {"init": init, "forward": forward, "build": build, "top": top, "fields": fields}


LEFT = {
    "hooks": (
        "torch.nn.modules.module.register_module_forward_hook(lambda *_: None)",
        "torch's global hooks of modules",
    ),
    "modes": ("torch.overrides.BaseTorchFunctionMode().__enter__()", "torch's function modes"),
    "autocasts": ("torch.autocast('cpu', torch.bfloat16).__enter__()", "torch's autocast from {'cpu': False"),
    "finds-anomalies": ("torch.autograd.set_detect_anomaly(True)", "torch's anomaly detection from False to True"),
    "flushes": ("torch.set_flush_denormal(True)", "torch's denormal numbers from True to False"),
    "does-without-onednn": ("torch.backends.mkldnn.set_flags(False)", "torch's use of oneDNN from True to False"),
    "collects-nothing": ("import gc; gc.disable()", "Python's garbage collector from True to False"),
    "hides-files": ("import os; os.umask(0o777)", "the umask from"),
    "is-nice": ("import os; os.nice(1)", "the priority of the process from"),
    "hears-nothing": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "the handlers of signals",
    ),
    "limits": (
        "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0)); r.setrlimit(r.RLIMIT_NOFILE, (99, 99))",
        "the limits of the process",
    ),
}
"""Code -> the setting that it leaves changed."""


def learns(step):
    return method(top=LEARNS.format(step=step), fields="recipe=recipe")


def loss(expression, fields=""):
    top = f"def build():\n    return lambda sr, hr: {expression}"
    return OTHER, {
        "top": top,
        "hook": "srbench_losses",
        "spec": f"LossSpec(name='{{name}}', summary='for tests', build=build, {fields})",
    }


def metric(score, better="lower", prepare="return hr", fields=""):
    top = (
        "class Metric:\n"
        f"    def prepare(self, hr, protocol):\n        {prepare}\n"
        f"    def score(self, sr, prepared):\n        {score}"
    )
    spec = f"MetricSpec(name='{{name}}', summary='for tests', build=Metric, better='{better}', {fields})"
    return OTHER, {"top": top, "hook": "srbench_metrics", "spec": spec}


def dataset(images, fields=""):
    top = f"from pathlib import Path\nFOLDER = Path(__file__).parent\ndef images(scale):\n    {images}"
    spec = f"DatasetSpec(name='{{name}}', summary='for tests', scales={{2, 4}}, images=images, {fields})"
    return OTHER, {"top": top, "hook": "srbench_datasets", "spec": spec}


ASTRONAUT = "import importlib.util as u; p = Path(u.find_spec('skimage').origin).parent / 'data' / 'astronaut.png'"
MUTABLE = "class Spec(ModelSpec):\n    __setattr__ = object.__setattr__\nModelSpec = Spec"
REMEMBERED = """
KIND = ModelSpec
def ModelSpec(**fields):
    global SPEC
    SPEC = KIND(**fields)
    return SPEC
"""

# name -> (plugin, the check that fails, what it says)
BROKEN = {
    "wrong-shape": (method(forward="return sr[..., 1:]"), "output", "output has shape (1, 3, 32, 47), expected"),
    "wrong-scale": (method(forward="return sr[..., :2*lr.shape[-2], :2*lr.shape[-1]]"), "output", "for x3"),
    "no-module": (method(build="return len"), "builds", "returned builtin_function_or_method, not a torch.nn.Module"),
    "one-scale-less": (method(build="assert scale != 3, 'no x3'"), "builds", "be built at x3: AssertionError: no x3"),
    "returns-nan": (method(forward="return sr / 0 * 0"), "output", "NaN or infinite"),
    "up-to-255": (method(forward="return sr * 255"), "range", "LR was in [0, 1]"),
    "in-place": (method(forward="lr.mul_(0.5); return sr"), "input", "forward changed its input"),
    "draws": (method(forward="return sr + 0.1 * torch.rand_like(sr)"), "deterministic", "SR depends on torch's seed"),
    "remembers": (
        method(init="self.calls = 0", forward="self.calls += 1; return sr + 0.01 * self.calls"),
        "deterministic",
        "the same LR gave another SR the second time",
    ),
    "sees-the-batch": (
        method(forward="return sr + lr.mean()"),
        "batch",
        "a batch of 2 differs from each image alone",
    ),
    "even-sizes": (
        method(forward="assert lr.shape[-1] % 2 == 0, 'width is odd'; return sr"),
        "odd sizes",
        "LR of 17x23 fails: AssertionError: width is odd",
    ),
    "no-fp16": (
        method(
            init="self.real = torch.nn.Parameter(1e6 * torch.eye(3)[..., None, None])",
            forward="return torch.nn.functional.conv2d(sr, self.real) / 1e6",
        ),
        "precisions",
        "claims fp16, and in it output has NaN or infinite values",
    ),
    "far-sighted": (
        method(forward="return sr.roll(9 * scale, -1)", fields="halo=2"),
        "halo",
        "beyond the halo of 2, still matter",
    ),
    "hidden-weights": (
        method(
            init="self.gain = torch.rand(1).item(); self.real = torch.nn.Parameter(torch.ones(1))",
            forward="return sr * self.gain * self.real",
        ),
        "weights",
        "the weights give another output",
    ),
    "weights-nowhere": (
        method(fields="weights={2: '/nowhere/x2.safetensors'}, recipe=lambda net, training: None"),
        "spec",
        "weights of x2 are not there",
    ),
    "stale-weights": (
        method(
            init="self.real = torch.nn.Parameter(torch.ones(7))",
            top="from pathlib import Path",
            fields="weights={2: Path(__file__).with_name('stale.safetensors')}, recipe=lambda net, training: None",
        ),
        "builds",
        "are for another network (real is (3,), expected (7,))",
    ),
    "altered-weights": (
        method(
            init="self.real = torch.nn.Parameter(torch.ones(3))",
            top="from pathlib import Path",
            fields="weights={2: Path(__file__).with_name('altered.safetensors')}, recipe=lambda net, training: None",
        ),
        "weights",
        "is not the file that its card describes",
    ),
    "learns-nothing": (
        learns("return {'loss': self.loss(self.net(lr), hr).detach()}"),
        "learns",
        "50 steps leave every weight of the network as it was",
    ),
    "logs-its-graph": (
        learns("logged = super().step(lr, hr); return {**logged, 'mean': self.net(lr).mean()}"),
        "learns",
        "step returned mean with its graph",
    ),
    "forgets-its-optimizer": (
        learns("return super().step(lr, hr)\n        def state(self): return {'net': self.net}"),
        "resumes",
        "resumed from state(), 0.weight, 0.bias is another than without a break",
    ),
    "learns-the-wrong-way": (
        learns("self.training.backward(-self.loss(self.net(lr), hr)); self.optimizer.step(); return {}"),
        "learns",
        "do not lower l1",
    ),
    "seeds": (method(build="torch.manual_seed(0)"), "global state", "seeded the generator of torch"),
    "sets-the-dtype": (
        method(forward="torch.set_default_dtype(torch.float64); return sr"),
        "global state",
        "torch's default dtype from torch.float32 to torch.float64",
    ),
    "sets-numpys-errors": (
        method(top="ONCE = []", build="import numpy\n    if not ONCE: ONCE.append(numpy.seterr(all='ignore'))"),
        "global state",
        "changed numpy's error handling",
    ),
    "sets-a-variable-once": (
        method(build="import os; os.environ.setdefault('KMP_BLOCKTIME', '0')"),
        "global state",
        "changed the environment (KMP_BLOCKTIME), in 'builds'",
    ),
    "moves": (method(build="import os; os.chdir('/')"), "global state", "changed the working folder from"),
    "writes": (
        method(forward="open('notes.txt', 'w').close(); return sr"),
        "global state",
        "changed the working folder's files (wrote notes.txt), in 'output'",
    ),
    "replaces": (
        method(build="torch.nn.functional.conv2d = lambda *given, real=torch.nn.functional.conv2d: real(*given)"),
        "global state",
        "changed what torch.nn.functional.conv2d does, in 'builds'",
    ),
    "replaces-srbenchs": (
        method(build="import srbench.images.tensors as e; e.to_8bit = lambda image: image.to(torch.uint8)"),
        "global state",
        "changed what srbench.images.tensors.to_8bit does, in 'builds'",
    ),
    **{name: (method(build=code), "global state", f"changed {text}") for name, (code, text) in LEFT.items()},
    "leaves-a-process": (
        method(build="import subprocess; subprocess.Popen(['sleep', '600'])"),
        "global state",
        "changed the processes that run (left sleep), in 'builds'",
    ),
    "constant-stays": (
        method(init="self.gain = torch.ones(1, 3, 1, 1)", forward="return sr * self.gain"),
        "devices agree",
        "x4: a tensor stays on the CPU where the network is moved (constant-stays.py:12)",
    ),
    "keeps-an-output": (
        method(init="self.kept = {}", forward="return self.kept.setdefault(lr.shape, sr)"),
        "deterministic",
        "another LR gave the same SR",
    ),
    "takes-turns": (
        method(init="self.turn = 0", forward="self.turn = 1 - self.turn; return sr.flip(1) if self.turn else sr"),
        "deterministic",
        "the same LR gave another SR the second time",
    ),
    "drawn-and-never-learned": (
        method(init="self.layer = torch.nn.Conv2d(3, 3, 1)", forward="return self.layer(sr)"),
        "builds",
        "layer.weight is drawn at random, and nothing sets it: no weights, no recipe",
    ),
    "small-images-only": (
        method(forward="assert max(lr.shape) <= 64, 'at most 64'; return sr"),
        "odd sizes",
        "LR of 80x72 fails: AssertionError: at most 64",
    ),
    "interrupts": (method(forward="raise KeyboardInterrupt"), "output", "KeyboardInterrupt"),
    "empties-srbenchs-tables": (
        method(build="import srbench.protocols as p; p.PROTOCOLS.pop('rgb', 0)"),
        "global state",
        "changed what srbench.protocols.PROTOCOLS does, in 'builds'",
    ),
    "brings-nothing": (
        (OTHER, {"top": "", "hook": "srbench_models", "spec": ""}),
        "loads",
        "its hooks return nothing: it has no method, loss, dataset or metric",
    ),
    "leaves-a-process-at-import": (
        method(top="import subprocess; RUNS = subprocess.Popen(['sleep', '30'])"),
        "import",
        "importing it changes the processes that run",
    ),
    "replaces-at-import": (
        method(top="import random; random.random = lambda: 0.5"),
        "import",
        "importing it changes what Python's own functions do",
    ),
    "writes-at-import": (
        method(top="open('log.txt', 'w').close()"),
        "import",
        "importing it changes the working folder's files",
    ),
    "metric-keeps-hr": (
        metric("return float((sr - self.hr).abs().mean())", prepare="self.hr = hr"),
        "deterministic",
        "after another HR was prepared, the same images scored",
    ),
    "metric-of-means": (
        metric("return float((sr.mean() - prepared.mean()).abs())"),
        "identity is best",
        "a mirrored image",
    ),
    "text-for-a-path": (
        dataset("return [ImagePair('a', 'a.png')]"),
        "lists",
        "'a' has hr='a.png', which is no Path and no Asset",
    ),
    "lr-of-another": (
        dataset(
            f"{ASTRONAUT}; from PIL import Image; f = FOLDER / 'lr.png'; "
            "Image.open(p.with_name('coffee.png')).resize((512 // scale,) * 2).save(f); return [ImagePair('a', p, f)]"
        ),
        "files",
        "a: LR shows another picture than HR",
    ),
    "another-order": (
        dataset(
            f"{ASTRONAUT}; N.append(0); a, b = ImagePair('a', p), ImagePair('b', p); "
            "return [a, b] if len(N) % 2 else [b, a]\nN = []"
        ),
        "stable",
        "the second listing has another order",
    ),
    "figure-as-text": (
        method(fields="published=[Published('set5', 4, 'psnr', '28.42', 'y', 'a paper')]"),
        "loads",
        "value a number",
    ),
    "stochastic-in-word-only": (
        method(fields="stochastic=True"),
        "deterministic",
        "it says stochastic=True, and SR is the same whatever torch's seed is",
    ),
    "names-its-line": (
        method(forward="return torch.nn.functional.conv2d(sr, sr.new_ones(3, 4, 1, 1))"),
        "output",
        "(names-its-line.py:12)",
    ),
    "unprintable": (
        method(forward="raise ValueError('caf\\udce9\\n' * 99)"),
        "output",
        r"ValueError: caf\udce9 caf\udce9",
    ),
    "misspelt-set": (
        method(fields="published=[Published('Set-5', 4, 'psnr', 28.42, 'y', 'a paper')]"),
        "published",
        "published names the dataset 'Set-5'; did you mean 'set5'?",
    ),
    "no-return": (
        (OTHER.replace("return ", ""), {"top": "", "hook": "srbench_models", "spec": ""}),
        "loads",
        "srbench_models returned None, not a list of ModelSpecs",
    ),
    "text-as-aliases": (method(fields="aliases='abc'"), "loads", "aliases is the text 'abc'; write ('abc',)"),
    "loss-below-zero": (
        loss("(sr - hr).mean()", "zero_at_equality=True"),
        "zero",
        "where SR is darker than HR, and 0 where SR equals HR",
    ),
    "loss-upside-down": (loss("-(sr - hr).abs().mean()"), "zero", "where SR is noisy, and -0 where SR equals HR"),
    "lists-and-moves": (
        dataset(f"import os; os.chdir('/'); {ASTRONAUT}; return [ImagePair('astronaut', p)]"),
        "global state",
        "changed the working folder",
    ),
    "mutable-spec": (method(top=MUTABLE), "spec", "the spec is mutable"),
    "changes-its-spec": (
        method(
            build="object.__setattr__(SPEC, 'summary', SPEC.summary + '!')",
            top=REMEMBERED,
        ),
        "builds",
        "it changed its own spec: summary",
    ),
    "unlike-the-paper": (
        method(fields="published=[Published('samples', 4, 'psnr', 40.0, 'y', 'a paper')]"),
        "published",
        "and a paper prints 40: more than 0.05 apart",
    ),
    "aborts": (method(forward="import os; os.abort()"), "output", "the worker crashed (SIGABRT)"),
    "hangs": (method(forward="import time; time.sleep(600)"), "output", "did not end within 15 s"),
    "raises": (method(forward="return sr + self.bias"), "output", "has no attribute 'bias'"),
    "torch-at-import": (method(top="import torch"), "lazy imports", "importing it imports torch"),
    "misspelt-hook": (
        (OTHER, {"top": "", "hook": "srbench_modles", "spec": "1"}),
        "loads",
        "unknown hook 'srbench_modles'; did you mean 'srbench_models'?",
    ),
    "bicubic": (method(), "loads", "method 'bicubic' is refused: the name 'bicubic' is also claimed by interpolation"),
    "wrong-field": (method(fields="halo=-1"), "loads", "ModelSpec 'wrong-field': halo must be >= 0"),
    "leaves-at-import": (method(top="import os; os._exit(3)"), "loads", "exit code 3"),
    "hangs-at-import": (method(top="import time; time.sleep(600)"), "loads", "did not end within"),
    "sets-the-environment": (
        method(top="import os; os.environ['OMP_NUM_THREADS'] = '64'"),
        "import",
        "importing it changes the environment",
    ),
    "another-each-time": (
        method(top="import time", fields="paper=str(time.time())"),
        "repeatable",
        "its hooks gave another method another-each-time",
    ),
    "loss-not-zero": (
        loss("(sr - hr).abs().mean() + 0.1", "zero_at_equality=True"),
        "zero",
        "it is 0.1 where SR equals HR",
    ),
    "loss-without-end": (
        loss("(sr - hr).square().mean().sqrt()", "zero_at_equality=True"),
        "gradient",
        "NaN or infinite values where SR equals HR",
    ),
    "loss-of-pixels": (loss("(sr - hr).abs()"), "scalar", "shape (2, 3, 64, 64), not one number"),
    "loss-detached": (loss("(sr - hr).abs().mean().detach()"), "gradient", "no gradient reaches SR"),
    "metric-upside-down": (
        metric("return (sr - prepared).square().mean()", better="higher"),
        "identity is best",
        "and higher is better",
    ),
    "metric-of-batches": (
        metric("return (sr - prepared).square().mean()", fields="batched=True"),
        "batch",
        "a batch of 3 scores a result of shape ()",
    ),
    "metric-of-several": (
        metric("return (sr - prepared).square().mean(dim=(1, 2, 3)).squeeze()", fields="batched=True"),
        "batch",
        "a batch of 1 scores a result of shape ()",
    ),
    "metric-of-the-best": (
        metric(
            "error = (sr - prepared).square().mean(dim=(1, 2, 3)); "
            "return -error.log() if (error > 0).all() else error * 0 + float('inf')",
            better="higher",
            fields="batched=True",
        ),
        "batch",
        "a batch of 3 scores inf where the image alone scores",
    ),
    "metric-in-place": (
        metric("return float(prepared.sub_(sr).abs().mean())", prepare="return hr.clone()"),
        "input",
        "what was prepared gives",
    ),
    "metric-not-small": (
        metric("assert sr.shape[-1] > 5; return float((sr - prepared).abs().mean())"),
        "small images",
        "ends in AssertionError",
    ),
    "lr-does-not-fit": (
        dataset(f"{ASTRONAUT}; return [ImagePair('astronaut', p, p)]"),
        "files",
        "is 512x512, but x2 of it should be",
    ),
    "trains-on-the-test": (
        dataset(f"{ASTRONAUT}; return [ImagePair('a', p)]", "training=True"),
        "no test image",
        ": the same file",
    ),
    "another-image-each-time": (
        dataset("import os; f = FOLDER / 'x.bin'; f.write_bytes(os.urandom(9)); return [ImagePair('a', f)]"),
        "stable",
        "a has another content in the second listing",
    ),
}


HANGING = ("hangs", "hangs-at-import")
GOOD = """
from srbench import *

def build(scale):
    import torch
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = (torch.nn.Conv2d(3, 3, 1) for _ in range(2))
            self.two.weight = self.one.weight
        def forward(self, lr):
            return self.two(self.one(lr)).repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    return Net()

def recipe(net, training):
    from srbench.training import Supervised
    class Mine(Supervised):
        def step(self, lr, hr):
            if self.training.step_number % 4 == 0:
                self.optimizer.zero_grad()
            loss = self.loss(self.net(lr), hr)
            self.training.backward(loss / 4)
            if self.training.step_number % 4 == 3:
                self.optimizer.step()
            return {"loss": loss.detach()}
    return Mine(net, training, loss="l1", lr=1e-3, patch=48)

@hookimpl
def srbench_models():
    yield ModelSpec(name="good", summary="tied weights, four steps for one", scales={2}, build=build, recipe=recipe)
"""
CHECK = """
import json, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from srbench.conformance.checklist import CHECKS
from srbench.conformance.examine import Examiner, make_plan

def check(files, timeout_s):
    found = {}
    plan = make_plan(files=files, timeout_s=timeout_s)
    with Examiner(plan, timeout_s=timeout_s) as examiner:
        for subject in plan.subjects:
            for check in CHECKS[subject.kind]:
                if subject.name not in found and (result := examiner.run(subject, check)).status == "failed":
                    found[subject.name] = result.check, result.reason, result.fix
    return found

with ThreadPoolExecutor() as pool:
    quick, hanging = pool.map(check, json.loads(sys.argv[1]), [120, 15])
Path("results.json").write_text(json.dumps(quick | hanging))
"""


@pytest.fixture(scope="module")
def results(once):
    """Check all plugins, each up to its first failure; by plugin the check, the reason and the fix."""

    def check(folder):
        save_file({"real": np.ones(3, dtype=np.float32)}, folder / "stale.safetensors")
        save_file({"real": np.ones(3, dtype=np.float32)}, folder / "altered.safetensors")
        (folder / "altered.json").write_text(json.dumps({"scale": 2, "sha256": "0" * 64}))
        for name, ((template, words), _, _) in BROKEN.items():
            text = template.format(**words, name=name) if template is METHOD else template.format(**words)
            (folder / f"{name}.py").write_text(text.replace("{name}", name))
        (folder / "good.py").write_text(GOOD)
        hanging = [str(folder / f"{name}.py") for name in HANGING]
        others = [str(path) for path in sorted(folder.glob("*.py")) if str(path) not in hanging]
        environment = {**os.environ, "SRBENCH_HOME": str(folder / "home"), "SRBENCH_MIRROR": ""}
        command = [sys.executable, "-c", CHECK, json.dumps([others, hanging])]
        with (folder / "log").open("w") as log:  # no pipes: some stay
            subprocess.run(command, stdout=log, stderr=log, env=environment, cwd=folder, timeout=300, check=True)

    return json.loads((once("broken-plugins", check) / "results.json").read_text())


@pytest.mark.parametrize("name", BROKEN)
def test_the_first_fault_found_is_the_plugins_and_names_the_cause(results, name):
    _, check, reason = BROKEN[name]
    assert results[name][0] == check
    assert reason in results[name][1]
    assert results[name][1].isprintable()
    assert results[name][2]


def test_what_is_unusual_and_right_is_not_blamed(results):
    assert "good" not in results
