"""Hashes: SHA-256 of files, and short ones of values that do not depend on the order of keys."""

from __future__ import annotations

import hashlib

from srbench.specs import Asset
from srbench.store.hashes import digest, file_hash, sha256


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert sha256(path) == published
    assert file_hash(path) == published


def test_the_hash_of_an_asset_is_what_it_says():
    assert file_hash(Asset("a/b.png", "0" * 64)) == "0" * 64


def test_a_value_is_known_by_16_digits_of_its_sorted_json():
    expected = hashlib.sha256(b'{"a":[1,2.5],"b":"x"}').hexdigest()[:16]
    assert digest({"b": "x", "a": [1, 2.5]}) == digest({"a": [1, 2.5], "b": "x"}) == expected
    assert digest({"a": [2.5, 1], "b": "x"}) != expected
