"""Check that code, weights and images are those that a job was made for: on another machine, and later on this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench.data.pairs import pair_hash
from srbench.errors import Code, SRBenchError
from srbench.images.degradations import get_degradation
from srbench.store.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from srbench.catalog.plugin import Plugin
    from srbench.specs import ImagePair


class OtherMachineError(SRBenchError):
    """A file is missing where a job runs, or differs from what the run was started with."""

    code = Code.MISMATCH


HERE = "is not what the run was started with: it was changed since, or differs on this machine"


def compare_method(expected: Mapping[str, str], plugin: Plugin, weights: str, more_files: Sequence[Path] = ()) -> None:
    """Check that this machine has the code and the weights that a job expects.

    Args:
        expected: hashes of ``plugin`` and ``weights``; what is not named is not checked.
        plugin: the plugin of the job's method on this machine.
        weights: the job's weights file, or empty.
        more_files: files that belong to the weights file.

    Raises:
        OtherMachineError: a file is missing here, or differs.
    """
    if expected.get("plugin", plugin.fingerprint) != plugin.fingerprint:
        raise OtherMachineError(f"the code of plugin {plugin.name} ({plugin.origin}) {HERE}")
    if weights and "weights" in expected:
        file = Path(weights)
        if not file.exists():
            raise OtherMachineError(f"{file}: no such weights here")
        if Weights(file, "file", more=tuple(more_files)).digest != expected["weights"]:
            raise OtherMachineError(f"the weights file {file} {HERE}")


def compare_images(expected: Mapping[str, str], pairs: Mapping[str, ImagePair], degradation: str) -> None:
    """Check that images are those that a job expects.

    Args:
        expected: hashes of each ``image NAME``; what is not named is not checked.
        pairs: the job's images on this machine, by name.
        degradation: name of the degradation that makes LR.

    Raises:
        OtherMachineError: a file is missing here, or differs.
    """
    made_by = get_degradation(degradation)
    for name, pair in pairs.items():
        if expected.get(f"image {name}", "") not in ("", pair_hash(pair, made_by)):
            raise OtherMachineError(f"image {name!r} ({pair.hr}) {HERE}")


def compare_folder(expected: Mapping[str, str]) -> None:
    """Check that this machine has the run's ``folder``, if a job names it.

    Raises:
        OtherMachineError: it does not.
    """
    if "folder" in expected and not (Path(expected["folder"]) / "run.json").is_file():
        raise OtherMachineError(
            f"{expected['folder']} does not exist here: saving images needs a folder that all workers share"
        )
