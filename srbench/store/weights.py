"""Weights and their cards: find those that a run uses, read them safely, write them atomically.

Weights are safetensors files; the card is a JSON file beside them that describes them and their training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from srbench.errors import Code, MethodError, UsageError, without_passwords
from srbench.images.degradations import BICUBIC
from srbench.store.hashes import sha256, tree_hash
from srbench.store.home import home, users_path
from srbench.system.atomic import replacing, write_text
from srbench.system.file_kinds import no_file, read_text
from srbench.system.json_forms import NONE, TEXT, Fields, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from srbench.specs import ModelSpec

NAME = "weights.safetensors"
CHOICES = ("shipped", "trained")
"""Choices of weights, besides a path."""
CARD = Fields(
    optional={
        **dict.fromkeys(("method", "loss", "default_loss", "degradation", "sha256"), TEXT),
        "scale": range(2, 1000),
        "steps_done": (int, NONE),
    }
)
"""The JSON form of a card; it may have other entries, which are only shown."""
LONGEST = 100
"""Characters shown of a tensor's name, which may be anything."""


@dataclass(frozen=True)
class Weights:
    """A weights file: its path, its origin (``shipped``, ``trained`` or ``file``) and its card.

    Of a method that is a folder of SR images, the path is that folder.
    """

    path: Path
    origin: str
    card: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[Path, ...] = ()
    """Files that belong to it."""

    @property
    def digest(self) -> str:
        """First 16 hex digits of the file's SHA-256; of a folder, over all images in it; of several files, of all."""
        whole = [(tree_hash if path.is_dir() else sha256)(path) for path in (self.path, *self.more)]
        return whole[0][:16] if len(whole) == 1 else hashlib.sha256("".join(whole).encode()).hexdigest()[:16]

    @property
    def remark(self) -> str:
        """How the training differs from the method's recipe in loss or degradation; empty if it does not."""
        loss, own = self.card.get("loss"), self.card.get("default_loss")
        lr = self.card.get("degradation", BICUBIC.identity)
        remarks = [f"the loss {loss}, not on the method's own {own}"] if own and loss != own else []
        origin = "LR as given" if lr == "as-given" else f"LR by {lr}"
        remarks += [f"{origin}, not by {BICUBIC.name}"] if lr != BICUBIC.identity else []
        return f"trained on {' and on '.join(remarks)}" if remarks else ""


def trained_folder(method: str, scale: int, degradation: str = BICUBIC.name) -> Path:
    """Return the default folder of ``srbench train``; for bicubic LR, ``srbench run`` finds the weights there."""
    suffix = "" if degradation == BICUBIC.name else f"_{degradation}"
    return home() / "trained" / f"{method}_x{scale}{suffix}"


def card_path(weights: Path) -> Path:
    """Return the path of the card of a weights file."""
    return weights.with_suffix(".json")


def read_card(weights: Path) -> dict[str, Any]:
    """Return the card of a weights file; empty if there is no readable card."""
    try:
        card: dict[str, Any] = parse(read_text(card_path(weights)), CARD)
    except (OSError, ValueError):
        return {}
    return card


def find_weights(spec: ModelSpec, scale: int, choice: str = "", option: str = "") -> Weights | None:
    """Return the weights a method runs with: the chosen, else the shipped, else those trained on this machine.

    Args:
        spec: the method.
        scale: the scale factor.
        choice: ``shipped``, ``trained``, a path, or empty.
        option: the option that made the choice, for messages; ``--weights METHOD=CHOICE`` if empty.

    Raises:
        UsageError: the chosen weights do not exist, are of another method or scale, or are not those of their card.
    """
    option = option or f"--weights {spec.name}={choice}"
    if spec.file is not None:
        if choice:
            raise UsageError(f"{option}: {spec.name} is a file that holds its weights")
        return Weights(spec.file, "file", spec.card, tuple(spec.more_files))
    if spec.recipe is None and not spec.shipped:
        if choice:
            raise UsageError(f"{option}: {spec.name} has no parameters to load")
        return None
    shipped, trained = spec.shipped.get(scale), trained_folder(spec.base, scale) / NAME
    if choice not in ("", *CHOICES):
        return _checked(spec, scale, users_path(choice), "file", option)
    if choice != "trained" and shipped is not None and shipped.is_file():
        return _checked(spec, scale, shipped, "shipped", option)
    if choice != "shipped" and trained.is_file():
        return _checked(spec, scale, trained, "trained", option)
    if choice:
        raise UsageError(f"{option}: there are no {choice} weights for x{scale}")
    return None


def _checked(spec: ModelSpec, scale: int, path: Path, origin: str, option: str) -> Weights:
    """Read the card, and reject weights of another method or scale, and a card of other weights.

    Raises:
        UsageError: the file or its card cannot be used, or they do not belong together.
    """
    if not path.is_file():
        raise UsageError(f"{option}: {no_file(path)}")
    card: Any = {}
    if card_path(path).exists():
        try:
            card = parse(read_text(card_path(path)), CARD)
        except (OSError, ValueError) as error:
            raise UsageError(f"{card_path(path)}: is not a card of weights ({error})") from error
        method, card_scale = card.get("method", spec.base), card.get("scale", scale)
        if (method, card_scale) != (spec.base, scale):
            raise UsageError(f"{path}: its card says {method} x{card_scale}, not {spec.name} x{scale}")
        if "sha256" in card and card["sha256"] != (now := sha256(path)):
            raise UsageError(
                f"{path}: is not the file that its card describes (SHA-256 {now[:16]}, the card says "
                f"{card['sha256'][:16]}): restore it, or move {card_path(path).name} away to use it without a card"
            )
    return Weights(path, origin, card)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a weights file by name.

    Raises:
        MethodError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise MethodError(
            f"weights {path}: cannot be read, damaged or not a safetensors file ({error})", Code.WRONG_WEIGHTS
        ) from error


def load_weights(net: torch.nn.Module, path: Path) -> None:
    """Load a weights file into a network, cast to the network's dtype.

    Raises:
        MethodError: the file is damaged or is for another network.
    """
    state = read_weights(path)
    own = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in state.items()}
    if own != theirs:
        name = min(set(own.items()) ^ set(theirs.items()))[0]
        shown = name if name.isprintable() and len(name) <= LONGEST else repr(name[:LONGEST])
        raise MethodError(
            f"weights {path}: are for another network ({shown} is {theirs.get(name, 'missing')}, "
            f"expected {own.get(name, 'nothing')})",
            Code.WRONG_WEIGHTS,
        )
    if name := next((name for name, value in state.items() if value.is_complex()), ""):
        raise MethodError(f"weights {path}: are for another network ({name} holds complex numbers)", Code.WRONG_WEIGHTS)
    net.load_state_dict(state)


def save_weights(net: torch.nn.Module, path: Path, card: Mapping[str, Any]) -> None:
    """Write a network's weights and their card, each atomically, the card last.

    Raises:
        SRBenchError: a file cannot be written; older weights stay.
    """
    # copied, because safetensors rejects tensors that share memory, as tied weights do
    state = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in net.state_dict().items()}
    _write(state, path, card)


def export_weights(weights: Weights, path: Path, dtype: str = "fp16") -> None:
    """Write weights and their card for distribution: ``fp16`` halves the file, and loading casts back.

    Args:
        weights: the weights to export.
        path: the file; the card is written beside it.
        dtype: ``fp32`` or ``fp16``, for floating-point tensors.

    Raises:
        MethodError: a value exceeds the range of the dtype.
        SRBenchError: a file cannot be written; older weights stay.
    """
    import torch
    from safetensors.torch import load_file

    target = {"fp32": torch.float32, "fp16": torch.float16}[dtype]
    state = {name: v.to(target) if v.is_floating_point() else v for name, v in load_file(weights.path).items()}
    if overflowing := [name for name, value in state.items() if not bool(torch.isfinite(value).all())]:
        raise MethodError(f"weights {weights.path}: {overflowing[0]} has values that {dtype} cannot hold")
    _write(state, path, {**weights.card, "dtype": dtype, "exported_from": weights.digest})


def _write(state: Mapping[str, torch.Tensor], path: Path, card: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    with replacing(path, remark="; older weights stay") as temporary:
        temporary.write_bytes(save(dict(state)))  # safetensors' save_file makes files readable by the owner only
        digest = sha256(temporary)
    text = without_passwords(json.dumps({**card, "sha256": digest}, indent=2, ensure_ascii=False))
    write_text(card_path(path), f"{text}\n")
