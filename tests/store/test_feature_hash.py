"""The hash of features: of values, in whatever file, and never the same for different tensors."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file

from srbench.store.feature_hash import features_hash, hash_of_file

A = np.arange(6, dtype=np.float32)


def test_order_layout_and_byte_order_do_not_matter():
    square = np.asfortranarray(A.reshape(2, 3))
    same = [{"a": square, "b": A}, {"b": A, "a": A.reshape(2, 3)}, {"a": square.astype(">f4"), "b": A}]
    assert len({features_hash(features) for features in same}) == 1


def test_names_dtypes_shapes_and_values_do():
    different = [
        {"a": A},
        {"b": A},
        {"a": A.reshape(2, 3)},
        {"a": A.view(np.int32)},
        {"a": A.astype(np.float64)},
        {"a": A + np.float32(1e-6)},
        {"a": A[:3], "b": A[3:]},
        {"a": A, "b": A[:0]},
        {"a": -A * 0},
        {"a": A * 0},
        {},
    ]
    assert len({features_hash(features) for features in different}) == len(different)


def test_a_file_has_the_hash_of_its_tensors(tmp_path):
    save_file({"a": A}, tmp_path / "a.safetensors", metadata={"any": "text"})
    assert hash_of_file(tmp_path / "a.safetensors") == features_hash({"a": A})
    (tmp_path / "b.safetensors").write_bytes(b"no such file")
    assert hash_of_file(tmp_path / "b.safetensors") == ""
