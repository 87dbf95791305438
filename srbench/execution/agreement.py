"""Whether another machine has what a job was made for: the same code, the same weights, the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench.data.pairs import pair_hash
from srbench.errors import Code, SRBenchError
from srbench.images.degradations import get_degradation
from srbench.store.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from srbench.catalog.plugin import Plugin
    from srbench.specs import ImagePair


class OtherMachineError(SRBenchError):
    """A file is missing on a worker, or differs from what the run was started with."""

    code = Code.MISMATCH


OTHER = "than where the run was started"


def compare(
    expected: Mapping[str, str], plugin: Plugin, weights: str, pairs: Mapping[str, ImagePair], degradation: str
) -> None:
    """See that this machine has what a job expects.

    Args:
        expected: hashes of ``plugin``, ``weights`` and each ``image NAME``, and the run's ``folder`` where images are
            saved; what is not named is not looked at.
        plugin: brings the job's method here.
        weights: the job's file of weights, or empty.
        pairs: the job's images here, by name.
        degradation: how their LR is made.

    Raises:
        OtherMachineError: a file is missing here, or differs.
    """
    if expected.get("plugin", plugin.fingerprint) != plugin.fingerprint:
        raise OtherMachineError(f"plugin {plugin.name} ({plugin.origin}) has other code here {OTHER}")
    if weights and "weights" in expected:
        file = Path(weights)
        if not file.is_file():
            raise OtherMachineError(f"{file}: no such weights here")
        if Weights(file, "file").digest != expected["weights"]:
            raise OtherMachineError(f"{file}: are other weights here {OTHER}")
    if "folder" in expected and not (Path(expected["folder"]) / "run.json").is_file():
        raise OtherMachineError(
            f"{expected['folder']} is not here: images can be saved in a folder only that workers share"
        )
    recipe = get_degradation(degradation)
    for name, pair in pairs.items():
        if expected.get(f"image {name}", "") not in ("", pair_hash(pair, recipe)):
            raise OtherMachineError(f"image {name!r} ({pair.hr}) is another here {OTHER}")
