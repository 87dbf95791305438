"""``srbench export``: a method's network for use elsewhere."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from srbench.cli.options import load_catalog, plugin_option


@click.command("export")
@click.argument("method")
@click.option(
    "--onnx",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="ONNX file to write.",
)
@click.option("--scale", type=click.IntRange(2, 16), help="Scale factor [default: 4, else the smallest it does]")
@click.option("--weights", default="", metavar="PATH|trained|shipped", help="Weights to use.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@plugin_option
def export_command(
    *, method: str, target: Path, scale: int | None, weights: str, overwrite: bool, plugins: tuple[str, ...]
) -> None:
    """Write METHOD's network and weights as an ONNX file that takes images of any size.

    Input: float32 RGB in [0, 1], (n, 3, h, w); h and w multiples of what the file's metadata says (srbench.multiple).
    The file is kept only if onnxruntime gives torch's output to within 1e-4, and 'onnx:PATH' is a method.

    \b
    Examples:
      srbench export espcn --onnx espcn_x4.onnx
      srbench export unet --scale 2 --weights runs/unet_x2/weights.safetensors --onnx unet_x2.onnx
      srbench run --methods espcn,onnx:espcn_x4.onnx
    """
    from srbench.errors import MethodError, UsageError

    spec = load_catalog(plugins).models[method]
    chosen = scale or (4 if 4 in spec.scales else min(spec.scales))
    if chosen not in spec.scales:
        does = ", ".join(f"x{s}" for s in sorted(spec.scales))
        raise UsageError(f"{spec.name} does not do x{chosen}; it does {does}")

    import torch

    from srbench import __version__
    from srbench.evaluate import build_net
    from srbench.export import check_ready, export_onnx
    from srbench.weights import find_weights

    check_ready(target, overwrite=overwrite)
    found = find_weights(spec, chosen, weights, f"--weights {weights}")
    facts = {
        "version": __version__,
        "method": spec.name,
        "scale": str(chosen),
        "multiple": str(spec.multiple),
        "weights": found.digest if found else "",
        "card": json.dumps(dict(found.card) if found else {}),
    }
    try:
        net = build_net(spec, chosen, torch.device("cpu"), found.path if found else None)
        exported = export_onnx(net, spec.multiple, target, facts)
    except MethodError as error:
        raise MethodError(f"{spec.name} x{chosen}: {error}") from error
    used = f", {found.origin} weights {found.digest}" if found else ""
    click.echo(f"{spec.name} x{chosen}{used}: {exported.path}")
    click.echo(f"onnxruntime gives torch's output to within {exported.difference:.1g}")
    click.echo(f"score it: srbench run --methods bicubic,onnx:{shlex.quote(str(target))} --scale {chosen}")
