"""``srbench export``: write a method's network as ONNX, or its weights as safetensors."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.parameters import SCALE, Name
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.specs import ModelSpec
    from srbench.store.weights import Weights


@click.command("export")
@click.argument("method", type=Name("models"))
@click.option("--onnx", type=click.Path(path_type=Path), metavar="PATH", help="ONNX file to write.")
@click.option(
    "--safetensors",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Weights file to write, with its card; --weights and plugins can load it.",
)
@click.option(
    "--dtype",
    type=click.Choice(["fp32", "fp16"]),
    default="fp16",
    show_default=True,
    help="Dtype of the --safetensors file; loading casts to fp32.",
)
@click.option("--scale", type=SCALE, help="Scale factor [default: 4, else the smallest supported]")
@click.option("--weights", default="", metavar="PATH|trained|shipped", help="Weights to use.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@plugin_option
def export_command(
    *,
    method: str,
    onnx: Path | None,
    safetensors: Path | None,
    dtype: str,
    scale: int | None,
    weights: str,
    overwrite: bool,
    plugins: tuple[str, ...],
) -> None:
    """Write METHOD's network and weights as an ONNX file for images of any size, or the weights alone.

    The ONNX input is float32 RGB in [0, 1], (n, 3, h, w); h and w must be multiples of the metadata value
    srbench.multiple. The file is kept only if onnxruntime matches torch to within 1e-4. 'onnx:PATH' is then a method.

    \b
    Examples:
      srbench export espcn --onnx espcn_x4.onnx
      srbench export unet --scale 2 --weights runs/unet_x2/weights.safetensors --onnx unet_x2.onnx
      srbench run --methods espcn,onnx:espcn_x4.onnx
      srbench export espcn --safetensors espcn_x4.safetensors
    """
    from srbench.errors import UsageError

    if onnx is None and safetensors is None:
        raise UsageError("give a file to write: --onnx PATH, --safetensors PATH, or both")

    spec = load_catalog(plugins).models[method]
    chosen = scale or (4 if 4 in spec.scales else min(spec.scales))
    if chosen not in spec.scales:
        raise UsageError(f"{spec.name} {spec.lacks_scale(chosen)}")

    from srbench.store.weights import find_weights

    weights_file = find_weights(spec, chosen, weights, f"--weights {weights}")
    if safetensors is not None:
        _write_weights(spec, chosen, weights_file, safetensors, dtype, overwrite=overwrite)
    if onnx is not None:
        _write_onnx(spec, chosen, weights_file, onnx, overwrite=overwrite)


def _write_weights(
    spec: ModelSpec, scale: int, weights_file: Weights | None, target: Path, dtype: str, *, overwrite: bool
) -> None:
    from srbench.errors import MethodError, UsageError
    from srbench.store.weights import export_weights

    if target.suffix != ".safetensors":
        raise UsageError(f"--safetensors {target}: the file must end in .safetensors")
    if target.is_dir() or (target.exists() and not overwrite):
        raise UsageError(f"--safetensors {target}: exists already (--overwrite replaces a file)")
    if weights_file is None or spec.file is not None:
        raise MethodError(f"{spec.name} x{scale}: there are no weights to export")
    export_weights(weights_file, target, dtype)
    size = target.stat().st_size / 2**20
    click.echo(
        f"{spec.name} x{scale}, {weights_file.origin} weights {weights_file.digest}: {target} ({dtype}, {size:.2f} MiB)"
    )
    chosen = f"--weights {spec.name}={shlex.quote(str(target))}"
    click.echo(f"score it: srbench run --methods bicubic,{spec.name} --scale {scale} {chosen}")


def _write_onnx(spec: ModelSpec, chosen: int, weights_file: Weights | None, target: Path, *, overwrite: bool) -> None:
    import torch

    from srbench.errors import MethodError
    from srbench.inference.build import build_net, random_weights
    from srbench.inference.onnx import check_ready, export_onnx
    from srbench.version import __version__

    check_ready(target, overwrite=overwrite)
    facts = {
        "version": __version__,
        "method": spec.name,
        "scale": str(chosen),
        "multiple": str(spec.multiple),
        "smallest": str(spec.smallest),
        "weights": weights_file.digest if weights_file else "",
        "card": json.dumps(dict(weights_file.card) if weights_file else {}),
    }
    try:
        net = build_net(spec, chosen, torch.device("cpu"), weights_file.path if weights_file else None)
        exported = export_onnx(net, spec.multiple, target, facts, spec.smallest)
    except MethodError as error:
        raise MethodError(f"{spec.name} x{chosen}: {error}") from error
    used = f", {weights_file.origin} weights {weights_file.digest}" if weights_file else ""
    click.echo(f"{spec.name} x{chosen}{used}: {exported.path}")
    for remark in filter(None, (random_weights(spec, net, chosen), exported.remark)):
        click.echo(f"warning: {spec.name}: {remark}", err=True)
    click.echo(f"onnxruntime matches torch to within {exported.difference:.1g}")
    click.echo(f"score it: srbench run --methods bicubic,onnx:{shlex.quote(str(target))} --scale {chosen}")
