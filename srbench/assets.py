"""Files with a known SHA-256: the cache, the mirror, the download.

A file enters the cache only after its hash was checked, by an atomic rename (pooch does both); one process at a time
gets it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from srbench.downloads import download, is_our_disk, network_fault
from srbench.errors import AssetError, UsageError
from srbench.locks import locked
from srbench.specs import Asset
from srbench.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def users_path(text: str) -> Path:
    """Return the absolute path that somebody wrote: ``~`` is the home, and of nobody's home a name like any other."""
    return Path(os.path.expanduser(text)).absolute()  # noqa: PTH111  # Path's raises where there is no such user


def home() -> Path:
    """Return the folder that srbench keeps files in: ``SRBENCH_HOME``, else the user's cache directory."""
    if chosen := os.environ.get("SRBENCH_HOME"):
        return users_path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("srbench", appauthor=False))


def mirror() -> str:
    """Return the folder or http(s) URL tried before the network (``SRBENCH_MIRROR``), or an empty string.

    Raises:
        UsageError: it is a URL of another kind.
    """
    found = os.environ.get("SRBENCH_MIRROR", "").strip()
    if "://" not in found or is_remote(found):
        return found
    url = urlsplit(found)
    if url.scheme.lower() != "file" or url.netloc not in ("", "localhost"):
        raise UsageError(f"SRBENCH_MIRROR={found!r} is no folder and no http, https or file URL")
    return url2pathname(url.path)


def is_remote(source: str) -> bool:
    """Say whether a source is a URL to download from, not a path on this machine."""
    return source.lower().startswith(("http://", "https://"))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return a short hash (16 hex digits) of anything JSON can hold, the same in every run."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_cached(asset: Asset) -> bool:
    """Say whether the cache holds the file, intact."""
    path = home() / asset.path
    return path.is_file() and sha256(path) == asset.sha256


def fetch(asset: Asset) -> Path:
    """Return the file's path in the cache, getting it from the mirror or its URL first where needed.

    Raises:
        AssetError: no source has it, or what they have is not it; names each source and its fault.
    """
    target = home() / asset.path
    if is_cached(asset):
        return target
    try:
        with locked(target.parent / ".lock", busy=lambda: None):
            return target if is_cached(asset) else _get(asset, target)
    except OSError as error:
        raise AssetError(f"{target}: cannot be written ({error.strerror or error})") from error


def fetch_all(assets: Iterable[Asset], advance: Callable[[Asset], None] = lambda _: None) -> list[Path]:
    """Fetch several files, calling ``advance`` after each.

    Raises:
        AssetError: one could not be had; those before it stay cached.
    """
    paths = []
    for asset in assets:
        paths.append(fetch(asset))
        advance(asset)
    return paths


def local_path(file: Path | Asset) -> Path:
    """Return where a file is on this machine, fetching it if it is an asset.

    Raises:
        AssetError: the asset could not be had.
    """
    return fetch(file) if isinstance(file, Asset) else file


def file_hash(file: Path | Asset) -> str:
    """Return a file's SHA-256; of an asset without opening it."""
    return file.sha256 if isinstance(file, Asset) else sha256(file)


def sources(path: str, url: str) -> list[str]:
    """Return where a file may be had, the mirror first: URLs, and absolute paths on this machine."""
    found = []
    if place := mirror():
        found.append(f"{place.rstrip('/')}/{path}" if is_remote(place) else str(users_path(place) / path))
    return [*found, url] if url else found


def _get(asset: Asset, target: Path) -> Path:
    """Get a file from the first source that has it.

    Raises:
        AssetError: none has it.
        OSError: the cache cannot be written.
    """
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # srbench shows its own progress
    known_hash = f"sha256:{asset.sha256}"
    faults = [f"{target} (damaged)"] if target.exists() else []
    incoming = target.parent / ".incoming"  # a killed process leaves what it had under a random name
    shutil.rmtree(incoming, ignore_errors=True)
    for source in sources(asset.path, asset.url):
        url = source if is_remote(source) else f"file://{source}"
        try:
            found = pooch.retrieve(url, known_hash, target.name, incoming, downloader=_bring)
            return Path(found).replace(target)
        except ValueError:
            faults.append(f"{source} (wrong content: its SHA-256 is not the pinned one)")
        except OSError as error:  # requests' errors too
            if is_our_disk(error, home()):
                raise
            faults.append(f"{source} ({_fault(error)})")
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    tried = "; ".join(faults) or "no source is known"
    raise AssetError(
        f"cannot get {asset.path}: tried {tried}. Put it under a folder and set SRBENCH_MIRROR to that folder, "
        "or try again with a network"
    )


def _bring(url: str, output_file: str | Path, _pooch: object) -> None:
    """Pooch downloader: what a busy server refuses or breaks off is asked for again; a mirror may be a folder."""
    if is_remote(url):
        download(url, Path(output_file), Silent())
    else:
        shutil.copyfile(url.removeprefix("file://"), output_file)


def _fault(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "not there"
    return network_fault(error) or error.strerror or " ".join(str(error).split()) or type(error).__name__
