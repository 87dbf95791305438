"""The hash of a feature network's tensors: of their values, in whatever file they come."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray


def features_hash(features: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 in hex of tensors by name: of names in order, dtypes, shapes and values, little-endian.

    Lengths are hashed before texts and values, so that different tensors never give the same bytes to hash.
    """
    digest = hashlib.sha256()
    for name in sorted(features):
        dtype = features[name].dtype.newbyteorder("<")
        head = json.dumps([name, dtype.str, list(features[name].shape)]).encode()
        for part in (head, features[name].astype(dtype, copy=False).tobytes()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def hash_of_file(path: Path) -> str:
    """Return the `features_hash` of a safetensors file; empty if it cannot be read as one."""
    status = path.stat()
    return _hash_of_version(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _hash_of_version(path: Path, _size: int, _time: int) -> str:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return features_hash(load_file(path))
    except (OSError, SafetensorError, ValueError, KeyError):
        return ""
