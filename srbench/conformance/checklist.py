"""All checks by kind, in the order they run: the name of each, its code, and the fix of a failure.

Nothing here imports torch. The code of a check is a function of the subject (``bench``). It returns nothing if the
check passes, and raises `FaultError` or `SkipError` otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One check of a subject."""

    name: str
    code: str
    """``module:function`` within srbench.conformance.checks."""
    fix: str
    needs: tuple[str, ...] = ()
    """Checks that must pass before this one is run."""
    patience: float = 1
    """Its time limit, in multiples of the usual one."""


STATE = "change no global state: pass dtype, device and generator where they are needed"
"""Fix of the checks of global state."""

METHOD = (
    Check("spec", "specs:frozen", "return a plain ModelSpec and do not change it: give each variant its own spec"),
    Check("builds", "methods:builds", "build(scale) must return a torch.nn.Module for every scale in the spec"),
    Check(
        "output",
        "methods:output",
        "forward must map (N, 3, h, w) to floating point of (N, 3, h*scale, w*scale)",
        ("builds",),
    ),
    Check("input", "methods:input_stays", "do not work in place on the input: clone it, or 'x = x + ...'", ("output",)),
    Check(
        "deterministic",
        "methods:deterministic",
        "keep no state between calls and draw no random numbers, or set stochastic=True and draw from torch alone",
        ("output",),
    ),
    Check(
        "batch",
        "methods:batch",
        "images of a batch must not depend on each other: no batch statistics in eval mode, no views that mix images",
        ("output", "deterministic"),
    ),
    Check(
        "odd sizes",
        "methods:odd_sizes",
        "accept any height and width, or give the spec multiple=N or smallest=N: srbench then pads and crops",
        ("output",),
    ),
    Check(
        "precisions",
        "methods:precisions",
        "correct what fails under autocast (mixed dtypes, values beyond 65504), or give the spec precisions=('fp32',)",
        ("output", "deterministic"),
    ),
    Check(
        "devices agree",
        "methods:devices",
        "register constants as buffers, so that they move with the network, and make new tensors on x.device",
        ("output", "deterministic"),
    ),
    Check(
        "halo",
        "methods:halo",
        "give the receptive field's radius in LR pixels, rounded up; None where it is global or unknown",
        ("output", "deterministic"),
    ),
    Check(
        "weights",
        "methods:weights",
        "keep everything that is learned in parameters and buffers; a shipped file must fit this network: train it "
        "again, or delete it",
        ("builds", "deterministic"),
    ),
    Check("range", "methods:in_range", "work on RGB in [0, 1], not in [0, 255] or [-1, 1]", ("output",)),
    Check(
        "learns",
        "recipes:learns",
        "call training.prepare, training.backward and optimizer.step on the network that build returned",
        ("output",),
        patience=3,
    ),
    Check(
        "resumes",
        "recipes:resumes",
        "return from state() all that a step reads and changes: networks, optimizers, counters",
        ("learns",),
        patience=3,
    ),
    Check(
        "published",
        "published:figures",
        "compare weights, protocol and colour order with the paper's, or correct the figure",
        ("output",),
        patience=10,
    ),
    Check("global state", "methods:global_state", STATE, ("output",)),
)
LOSS = (
    Check("spec", "specs:frozen", "return a plain LossSpec and do not change it"),
    Check("builds", "losses:builds", "build() must return a callable (sr, hr) -> scalar tensor"),
    Check("scalar", "losses:scalar", "reduce to one finite number, for example with .mean()", ("builds",)),
    Check("zero", "losses:zero", "make it 0 if SR equals HR, or leave out zero_at_equality=True", ("scalar",)),
    Check(
        "gradient",
        "losses:gradient",
        "keep arguments of sqrt, log and division away from 0 (add a small number), and do not detach",
        ("scalar",),
    ),
    Check("input", "losses:input_stays", "do not change SR or HR in place", ("scalar",)),
    Check("deterministic", "losses:deterministic", "keep no state between calls", ("scalar",)),
    Check("global state", "losses:global_state", STATE, ("scalar",)),
)
METRIC = (
    Check("spec", "specs:frozen", "return a plain MetricSpec and do not change it"),
    Check(
        "builds", "metrics:builds", "build() must return an object with prepare(hr, protocol) and score(sr, prepared)"
    ),
    Check("number", "metrics:number", "score must return one number for every protocol", ("builds",)),
    Check(
        "identity is best",
        "metrics:identity_is_best",
        "HR against itself must have the best score; is the direction of better= right?",
        ("number",),
    ),
    Check(
        "direction",
        "metrics:direction",
        "more noise and more blur must score worse; is the direction of better= right?",
        ("number",),
    ),
    Check("input", "metrics:input_stays", "do not change images or the result of prepare in place", ("number",)),
    Check("deterministic", "metrics:deterministic", "keep no state between calls", ("number",)),
    Check(
        "batch",
        "metrics:batch",
        "with batched=True, prepare and score take (N, C, H, W), and score returns (N,) values, each of its own image",
        ("number", "deterministic"),
    ),
    Check(
        "small images",
        "metrics:small",
        "raise srbench.errors.UndefinedScoreError with the reason if there is no value",
        ("number",),
    ),
    Check("global state", "metrics:global_state", STATE, ("number",)),
)
DATASET = (
    Check("spec", "specs:frozen", "return a plain DatasetSpec and do not change it"),
    Check("lists", "datasets:lists", "images(scale) must return ImagePairs with different names for every scale"),
    Check("stable", "datasets:stable", "list the same files with the same content each time", ("lists",)),
    Check(
        "files",
        "datasets:files",
        "LR must be HR's size divided by the scale, both 8-bit images",
        ("lists",),
        patience=10,
    ),
    Check(
        "no test image",
        "datasets:no_test_image",
        "leave the image out of images(scale), and name it in excluded= with the reason",
        ("lists",),
        patience=10,
    ),
    Check("global state", "datasets:global_state", "change no global state: listing files needs none", ("lists",)),
)
PLUGIN = (
    Check("loads", "", "the reason names the line or the hook"),
    Check("lazy imports", "", "import it inside build and recipe, so that 'srbench list' stays quick", ("loads",)),
    Check("import", "", "importing a module must change nothing outside it", ("loads",)),
    Check("repeatable", "", "a hook must return the same specs each time it is called", ("loads",)),
)
CHECKS = {"plugin": PLUGIN, "method": METHOD, "loss": LOSS, "metric": METRIC, "dataset": DATASET}
