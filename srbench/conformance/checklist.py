"""All checks by kind, in the order they run: what each is called, where its code is, and how its failures are mended.

Nothing here imports torch. A check's code is a function of the subject (``bench``) that returns nothing when all is
well, and raises `FaultError` or `SkipError` otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One question to a subject."""

    name: str
    code: str
    """``module:function`` within srbench.conformance.checks."""
    fix: str
    needs: tuple[str, ...] = ()
    """Checks without which this one tells nothing new."""
    patience: float = 1
    """Its time-out, in multiples of the usual one."""


METHOD = (
    Check("spec", "specs:frozen", "return a plain ModelSpec and leave it as it is: variants are specs of their own"),
    Check("builds", "methods:builds", "build(scale) must return a torch.nn.Module for every scale in the spec"),
    Check(
        "output",
        "methods:output",
        "forward must map (N, 3, h, w) to floating point of (N, 3, h*scale, w*scale)",
        ("builds",),
    ),
    Check("range", "methods:in_range", "work on RGB in [0, 1], not in [0, 255] or [-1, 1]", ("output",)),
    Check("input", "methods:input_stays", "do not work in place on the input: clone it, or 'x = x + ...'", ("output",)),
    Check(
        "deterministic",
        "methods:deterministic",
        "keep no state between calls and draw nothing, or say stochastic=True and draw from torch alone",
        ("output",),
    ),
    Check(
        "batch",
        "methods:batch",
        "images of a batch must not see each other: no statistics over the batch in eval mode, no views that mix them",
        ("output", "deterministic"),
    ),
    Check(
        "odd sizes",
        "methods:odd_sizes",
        "take any height and width, or give the spec multiple=N or smallest=N: the harness then pads and crops",
        ("output",),
    ),
    Check(
        "precisions",
        "methods:precisions",
        "mend what autocast breaks (mixed dtypes, values beyond 65504), or give the spec precisions=('fp32',)",
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
        "keep all that was learned in parameters and buffers; a shipped file must be for this network: train it "
        "again, or delete it",
        ("builds", "deterministic"),
    ),
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
        "find what differs: weights, protocol, colour order; or correct the figure",
        ("output",),
        patience=10,
    ),
    Check(
        "global state",
        "methods:global_state",
        "leave the process as it was: pass dtype, device and generator where they are needed",
        ("output",),
    ),
)
LOSS = (
    Check("spec", "specs:frozen", "return a plain LossSpec and leave it as it is"),
    Check("builds", "losses:builds", "build() must return a callable (sr, hr) -> scalar tensor"),
    Check("scalar", "losses:scalar", "reduce to one finite number, for example with .mean()", ("builds",)),
    Check(
        "zero",
        "losses:zero",
        "make it 0 where SR equals HR, or leave zero_at_equality=True out",
        ("scalar",),
    ),
    Check(
        "gradient",
        "losses:gradient",
        "keep sqrt, log and division away from 0 (add a small number), and do not detach",
        ("scalar",),
    ),
    Check("input", "losses:input_stays", "do not work in place on SR or HR", ("scalar",)),
    Check("deterministic", "losses:deterministic", "keep no state between calls", ("scalar",)),
    Check(
        "global state",
        "losses:global_state",
        "leave the process as it was: pass dtype, device and generator where they are needed",
        ("scalar",),
    ),
)
METRIC = (
    Check("spec", "specs:frozen", "return a plain MetricSpec and leave it as it is"),
    Check(
        "builds", "metrics:builds", "build() must return an object with prepare(hr, protocol) and score(sr, prepared)"
    ),
    Check("number", "metrics:number", "score must return one number for every protocol", ("builds",)),
    Check(
        "identity is best",
        "metrics:identity_is_best",
        "HR scored against itself must be better than anything else; is better= the right way round?",
        ("number",),
    ),
    Check(
        "direction",
        "metrics:direction",
        "more noise and more blur must score worse; is better= the right way round?",
        ("number",),
    ),
    Check("input", "metrics:input_stays", "do not work in place on images or on what prepare returned", ("number",)),
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
        "raise srbench.errors.UndefinedScoreError where there is no value, with the reason",
        ("number",),
    ),
    Check(
        "global state",
        "metrics:global_state",
        "leave the process as it was: pass dtype, device and generator where they are needed",
        ("number",),
    ),
)
DATASET = (
    Check("spec", "specs:frozen", "return a plain DatasetSpec and leave it as it is"),
    Check("lists", "datasets:lists", "images(scale) must return ImagePairs of different names for every scale"),
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
    Check(
        "global state",
        "datasets:global_state",
        "leave the process as it was: listing files changes nothing",
        ("lists",),
    ),
)
PLUGIN = (
    Check("loads", "", "the reason names the line or the hook"),
    Check("light", "", "import it inside build and recipe, so that 'srbench list' stays quick", ("loads",)),
    Check("import", "", "a module that is imported must change nothing but itself", ("loads",)),
    Check("repeatable", "", "a hook must return the same specs whenever it is called", ("loads",)),
)
CHECKS = {"plugin": PLUGIN, "method": METHOD, "loss": LOSS, "metric": METRIC, "dataset": DATASET}
