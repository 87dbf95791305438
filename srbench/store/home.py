"""Paths: those that users write, the cache, the mirror."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from srbench.errors import UsageError


def users_path(text: str) -> Path:
    """Return a user's path as an absolute one; ``~`` is expanded, unless it names an unknown user."""
    return Path(os.path.expanduser(text)).absolute()  # noqa: PTH111  # Path's raises where there is no such user


def home() -> Path:
    """Return the folder for srbench's files: ``SRBENCH_HOME``, else the user's cache directory."""
    if chosen := os.environ.get("SRBENCH_HOME"):
        return users_path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("srbench", appauthor=False))


def mirror() -> str:
    """Return the folder or http(s) URL tried before the network (``SRBENCH_MIRROR``), or an empty string.

    Raises:
        UsageError: it is a URL with another scheme.
    """
    value = os.environ.get("SRBENCH_MIRROR", "").strip()
    if "://" not in value or is_remote(value):
        return value
    url = urlsplit(value)
    if url.scheme.lower() != "file" or url.netloc not in ("", "localhost"):
        raise UsageError(f"SRBENCH_MIRROR={value!r} is neither a folder nor an http, https or file URL")
    from urllib.request import url2pathname  # here: it loads http and ssl, which every command would wait for

    return url2pathname(url.path)


def is_remote(source: str) -> bool:
    """Return whether a source is a URL to download from, not a path on this machine."""
    return source.lower().startswith(("http://", "https://"))
