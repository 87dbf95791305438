"""Datasets in one archive: downloads are resumed, and archives are unpacked into the cache completely or not at all.

Only the image files of one folder are written, under their bare names, so that no member can escape the target.
``archive.json`` beside them records the archive, its source, how it was verified, and a digest of the images. With it,
another machine that uses this cache as its mirror can copy the folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from srbench.errors import AssetError, reason_of, without_passwords
from srbench.images.read import SUFFIXES
from srbench.store.assets import mirrored, sources
from srbench.store.downloads import MIB, check_room, download, forget_part, is_our_disk, network_fault
from srbench.store.hashes import digest
from srbench.store.home import home, is_remote
from srbench.system.file_kinds import check_readable, read_text
from srbench.system.json_forms import TEXT, Fields, parse
from srbench.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from srbench.specs import Archive
    from srbench.system.terminal import UI

RECORD = "archive.json"
NOTE = Fields(
    optional={**dict.fromkeys(("archive", "source", "sha256", "verified", "content"), TEXT), "images": (int,)}
)
BROKEN = (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
"""Exceptions for damaged or password-protected archives."""


class UnfitArchiveError(ValueError):
    """An archive is whole, but is not the one that is wanted, or may not be unpacked."""


MOST_TIMES = 100
"""Largest ratio of unpacked to packed size; photographs do not compress that far, archive bombs do."""


def unpacked(archive: Archive) -> Path | None:
    """Return the folder of the archive's images if the cache holds all of them."""
    return _complete(_folder(archive), archive)


def archive_needs_network(archive: Archive) -> bool:
    """Return whether `fetch_archive` would download the archive: it is neither unpacked nor in a mirror folder."""
    return unpacked(archive) is None and mirrored(archive.path) is None


def _complete(folder: Path, archive: Archive) -> Path | None:
    """Return the folder if it holds the whole unpacked archive."""
    record = read_record(folder)
    pinned = archive.hash.removeprefix("sha256:") if archive.hash.startswith("sha256:") else ""
    if not record or (pinned and record.get("sha256") != pinned):
        return None
    with os.scandir(folder) as entries:
        count = sum(1 for _ in entries) - 1
    return folder if count == record.get("images") else None


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of an unpacked archive; empty for any other folder."""
    try:
        record: dict[str, Any] = parse(read_text(folder / RECORD), NOTE)
    except (OSError, ValueError):
        return {}
    return record


def fetch_archive(archive: Archive, ui: UI) -> Path:
    """Return the folder of the archive's images; if needed, fetch and unpack it.

    Raises:
        AssetError: no source has the archive with its hash, or the disk is full; names each fault.
    """
    with _alone(archive, ui):
        if folder := unpacked(archive):
            return folder
        faults = []
        for source in sources(archive.path, archive.url):
            try:
                folder = _take(source, archive, ui)
            except (OSError, *BROKEN) as error:
                if isinstance(error, OSError) and is_our_disk(error, home()):
                    raise AssetError(f"{_folder(archive)}: cannot be written ({reason_of(error)})") from error
                faults.append(f"{source} ({_fault(error)})")
            else:
                forget_part(home() / archive.path)
                return folder
    tried = "; ".join(faults) or "no source, as none is known"
    part = home() / f"{archive.path}.part"
    resume = "The same command resumes the download. " if part.exists() and part.stat().st_size else ""
    raise AssetError(
        f"cannot get {archive.path}: tried {tried}. {resume}"
        "Put it under a folder and set SRBENCH_MIRROR to that folder, "
        + ("or try again with a network" if archive.url else "or name the folder of its images: NAME=FOLDER")
    )


def _folder(archive: Archive) -> Path:
    return home() / PurePosixPath(archive.path).parent / archive.name


def _take(source: str, archive: Archive, ui: UI) -> Path:
    """Fetch the archive from one source, verify and unpack it."""
    remote = is_remote(source)
    file = home() / archive.path if remote else Path(source)
    if not remote and not file.exists() and (twin := _complete(file.parent / archive.name, archive)):
        record = {**read_record(twin), "source": str(twin)}
        _unpack(twin, archive, record, ui)
        return _folder(archive)
    if remote and not file.is_file():
        download(source, file, ui, size=archive.size, room=2.0)  # room for its images too
    try:
        record = {"archive": file.name, "source": source, **_verify(file, archive, ui)}
        record["images"] = _unpack(file, archive, record, ui)
    except BROKEN:
        if remote:
            file.unlink(missing_ok=True)
        raise
    if remote:
        file.unlink()
    return _folder(archive)


def _verify(file: Path, archive: Archive, ui: UI) -> dict[str, Any]:
    """Hash the archive and compare it with the pinned hash."""
    check_readable(file)
    size = file.stat().st_size
    if archive.size and size != archive.size:
        raise UnfitArchiveError(f"wrong content: it has {size} bytes, not {archive.size}")
    algorithm, _, pinned = archive.hash.partition(":")
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", algorithm or "sha256"}}
    with ui.track(f"checking {file.name} (MiB)", -(-size // MIB)) as advance, file.open("rb") as stream:
        while block := stream.read(MIB):
            for hashed in hashes.values():
                hashed.update(block)
            advance("")
    if pinned and hashes[algorithm].hexdigest() != pinned:
        raise UnfitArchiveError(f"wrong content: its {algorithm.upper()} is not the pinned one")
    own = "CRC-32 of each file in it" if file.name.endswith(".zip") else "size and structure"
    verified = f"pinned {algorithm.upper()}" if pinned else own
    return {"bytes": size, "sha256": hashes["sha256"].hexdigest(), "verified": verified}


def _unpack(file: Path, archive: Archive, record: dict[str, Any], ui: UI) -> int:
    """Write the images into a temporary folder, rename it when complete, and return their number.

    The file may also be a folder, unpacked by another cache; its record says what it must contain.
    """
    folder = _folder(archive)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        members = _folder_members if file.is_dir() else _zip_members if file.name.endswith(".zip") else _tar_members
        names = set()
        hashes = {}
        with ui.track(f"unpacking {file.name}", archive.images) as advance:
            for name, size, stream in members(file, archive, partial):
                if name.lower() in names:
                    raise UnfitArchiveError(f"it holds {name} twice")
                names.add(name.lower())
                with (partial / name).open("w+b") as out:
                    shutil.copyfileobj(stream, out, MIB)
                    if out.tell() != size:
                        raise ValueError("unexpected end of data")
                    out.seek(0)
                    hashes[name] = hashlib.file_digest(out, "sha256").hexdigest()
                advance(name)
        count = len(names)
        if not count or (archive.images and count != archive.images):
            expected = f"not {archive.images}" if archive.images else "not one"
            raise UnfitArchiveError(f"its folder {archive.folder or '/'} holds {count} images, {expected}")
        content = digest(hashes)
        if file.is_dir() and content != record.get("content"):
            raise UnfitArchiveError("wrong content: its images differ from its record")
        text = without_passwords(json.dumps({**record, "images": count, "content": content}, indent=2)) + "\n"
        (partial / RECORD).write_text(text, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _image_name(path: str, archive: Archive, *, regular: bool) -> str:
    """Return the bare name of a member that is one of the images, else an empty string."""
    member = PurePosixPath(path)
    if member.parent != PurePosixPath(archive.folder) or member.suffix.lower() not in SUFFIXES:
        return ""
    if not regular or set(member.name) & set("\\:\0"):
        raise UnfitArchiveError(f"its member {path!r} is a link or has an invalid name")
    return "" if member.name.startswith(".") else member.name


def _check_bomb(size: int, file: Path) -> None:
    if size > MOST_TIMES * file.stat().st_size + MIB:
        raise UnfitArchiveError(f"it would unpack to {size} bytes, more than {MOST_TIMES} times its own size")


def _zip_members(file: Path, archive: Archive, target: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(file) as opened:
        images = []
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if name := _image_name(info.filename, archive, regular=kind in (0, stat.S_IFREG)):
                images.append((name, info))
        size = sum(info.file_size for _, info in images)
        _check_bomb(size, file)
        check_room(target, size, f"unpacking {file.name}")
        for name, info in images:
            with opened.open(info) as stream:
                yield name, info.file_size, stream


def _tar_members(file: Path, archive: Archive, target: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    check_room(target, file.stat().st_size, f"unpacking {file.name}")
    with tarfile.open(file) as opened:
        for info in opened:
            _check_bomb(info.offset_data + info.size, file)
            if not info.isdir() and (name := _image_name(info.name, archive, regular=info.isreg())):
                stream = opened.extractfile(info)
                assert stream is not None  # noqa: S101  (it is a regular file)
                yield name, info.size, stream
        source: Any = opened.fileobj
        source.seek(opened.offset)  # tarfile reads a broken header as the end, which must be a block of zeros
        if source.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise UnfitArchiveError("it is truncated")


def _folder_members(folder: Path, _archive: Archive, target: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    files = [path for path in sorted(folder.iterdir()) if path.name != RECORD]
    check_room(target, sum(path.stat().st_size for path in files), f"copying {folder.name}")
    for path in files:
        check_readable(path)
        with path.open("rb") as stream:
            yield path.name, path.stat().st_size, stream


def _alone(archive: Archive, ui: UI) -> AbstractContextManager[None]:
    """Return a context in which no other process fetches the archive; others wait and find it in the cache."""
    lock = home() / PurePosixPath(archive.path).with_name(f".{archive.name}.lock")
    waiting = f"another process is fetching {archive.name}; waiting for it"
    return locked(lock, lambda: ui.note(waiting), raises=AssetError)


def _fault(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "not there"
    if isinstance(error, OSError) and error.errno == errno.EINVAL:  # a pipe or a device
        return reason_of(error)
    if reason := network_fault(error):
        return reason
    return reason_of(error) if isinstance(error, UnfitArchiveError) else f"damaged: {reason_of(error)}"
