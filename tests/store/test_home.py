"""Where files are kept and looked for."""

from __future__ import annotations

import hashlib

import pytest

from srbench.errors import UsageError
from srbench.specs import Asset
from srbench.store import assets

CONTENT = b"pixels" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = "datasets/set/a.png"


@pytest.mark.parametrize("url", ["ftp://example.org/x", "s3://bucket", "file://elsewhere/x"])
def test_mirrors_of_other_kinds_are_refused(monkeypatch, url):
    monkeypatch.setenv("SRBENCH_MIRROR", url)
    with pytest.raises(UsageError, match=r"SRBENCH_MIRROR='.*' is neither a folder nor an http, https or file URL"):
        assets.fetch(Asset(PATH, DIGEST, "http://127.0.0.1:9/x"))


def test_home_is_the_variable_or_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SRBENCH_HOME", str(tmp_path))
    assert assets.home() == tmp_path
    monkeypatch.delenv("SRBENCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert assets.home().name == "srbench"
