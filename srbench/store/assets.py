"""Assets, files with a known SHA-256, from the cache, the mirror or a download.

A file enters the cache by an atomic rename after its hash was checked (pooch does both). Only one process at a time
fetches it.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import AssetError, reason_of
from srbench.specs import Asset
from srbench.store.downloads import WrongSizeError, download, forget_part, is_our_disk, network_fault
from srbench.store.hashes import sha256
from srbench.store.home import home, is_remote, mirror, users_path
from srbench.system.file_kinds import check_readable
from srbench.system.locks import locked
from srbench.system.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def is_cached(asset: Asset) -> bool:
    """Return whether the cache holds the file, intact."""
    path = home() / asset.path
    return path.is_file() and sha256(path) == asset.sha256


def mirrored(path: str) -> Path | None:
    """Return the file of this path in the mirror, if that is a folder on this machine and holds it."""
    folder = mirror()
    file = users_path(folder) / path if folder and not is_remote(folder) else None
    return file if file is not None and file.is_file() else None


def needs_network(asset: Asset) -> bool:
    """Return whether neither the cache nor a mirror folder holds the file, so that `fetch` would download it."""
    file = mirrored(asset.path)
    return not is_cached(asset) and (file is None or sha256(file) != asset.sha256)


def fetch(asset: Asset) -> Path:
    """Return the file's path in the cache; if needed, fetch it from the mirror or its URL.

    Raises:
        AssetError: no source has the file with its hash; the message names each source and its fault.
    """
    target = home() / asset.path
    if is_cached(asset):
        return target
    try:
        with locked(target.parent / ".lock", busy=lambda: None, raises=AssetError):
            return target if is_cached(asset) else _get(asset, target)
    except OSError as error:
        raise AssetError(f"{target}: cannot be written ({reason_of(error)})") from error


def fetch_all(assets: Iterable[Asset], advance: Callable[[Asset], None] = lambda _: None) -> list[Path]:
    """Fetch several files, calling ``advance`` after each.

    Raises:
        AssetError: a file is not available; those before it stay cached.
    """
    paths = []
    for asset in assets:
        paths.append(fetch(asset))
        advance(asset)
    return paths


def local_path(file: Path | Asset) -> Path:
    """Return the path of a file on this machine; assets are fetched.

    Raises:
        AssetError: the asset is not available.
    """
    return fetch(file) if isinstance(file, Asset) else file


def sources(path: str, url: str) -> list[str]:
    """Return the sources of a file, the mirror first: URLs and absolute paths on this machine."""
    candidates = []
    if folder := mirror():
        candidates.append(f"{folder.rstrip('/')}/{path}" if is_remote(folder) else str(users_path(folder) / path))
    return [*candidates, url] if url else candidates


def _get(asset: Asset, target: Path) -> Path:
    """Fetch a file from the first source that has it.

    Raises:
        AssetError: none has it.
        OSError: the cache cannot be written.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # srbench shows its own progress
    known_hash = f"sha256:{asset.sha256}"
    faults = [f"{target} (damaged)"] if target.exists() else []
    incoming = target.parent / ".incoming"
    for source in sources(asset.path, asset.url):
        url = source if is_remote(source) else f"file://{source}"
        try:
            bring = partial(_bring, incoming / f".{target.name}")
            fetched = pooch.retrieve(url, known_hash, target.name, incoming, downloader=bring)
            forget_part(incoming / f".{target.name}")
            return Path(fetched).replace(target)
        except WrongSizeError as error:
            faults.append(f"{source} ({error})")
        except ValueError:
            faults.append(f"{source} (wrong content: its SHA-256 is not the pinned one)")
        except OSError as error:  # requests' errors too
            if is_our_disk(error, home()):
                raise
            faults.append(f"{source} ({_fault(error)})")
        finally:
            _clean(incoming)
    tried = "; ".join(faults) or "no source is known"
    raise AssetError(
        f"cannot get {asset.path}: tried {tried}. Put it under a folder and set SRBENCH_MIRROR to that folder, "
        "or try again with a network"
    )


def _clean(incoming: Path) -> None:
    """Remove all but the parts of downloads, which the next attempt resumes; a killed process may leave other files."""
    with suppress(OSError):
        for path in incoming.iterdir():
            if not path.name.endswith((".part", ".part.json")):
                path.unlink()
        incoming.rmdir()  # fails where a part stays


def _bring(download_as: Path, url: str, output_file: str | Path, _pooch: object) -> None:
    """Pooch downloader with retries; of an interrupted download the next command resumes the part beside its file.

    It also copies from a mirror folder.
    """
    if is_remote(url):
        download(url, download_as, Silent()).replace(output_file)
    else:
        file = Path(url.removeprefix("file://"))
        check_readable(file)
        shutil.copyfile(file, output_file)


def _fault(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "not there"
    return network_fault(error) or reason_of(error)
