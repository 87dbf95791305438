"""Archives: fetched with resumption, verified, unpacked all or nothing, and never outside their folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from dataclasses import replace

import pytest

from srbench.errors import AssetError, SpecError
from srbench.specs import Archive
from srbench.store import assets
from srbench.store.archives import fetch_archive, read_record, unpacked
from tests.store.conftest import CONTENT, GOOD, IMAGES, PATH, Listener, archive, check, make_zip, part


def make_tar(members, mode="w"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as opened:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                opened.addfile(info)
    return stream.getvalue()


def test_fetched_once_with_progress_and_a_record(server):
    ui = Listener()
    wanted = archive(server.url)
    assert unpacked(wanted) is None
    folder = fetch_archive(wanted, ui)
    check(folder)
    assert ui.steps >= len(IMAGES)
    record = read_record(folder)
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (record["source"], record["verified"]) == (server.url, "CRC-32 of each file in it")
    assert fetch_archive(wanted, ui) == unpacked(wanted) == folder
    assert server.asked == [""]


@pytest.mark.parametrize(
    ("change", "fields", "said"),
    [
        ({"status": 404}, {}, "HTTP 404"),
        ({"status": 500}, {}, "HTTP 500"),
        ({"content": b"<html>sorry</html>"}, {}, "damaged: File is not a zip file"),
        ({}, {"hash": "sha256:" + "0" * 64}, "its SHA256 is not the pinned one"),
        ({}, {"hash": "md5:" + "0" * 32}, "its MD5 is not the pinned one"),
        ({}, {"size": 7}, "not 7"),
        ({}, {"images": 9}, "its folder Tiny_HR holds 8 images, not 9"),
        ({}, {"folder": "Elsewhere", "images": 0}, "its folder Elsewhere holds 0 images, not one"),
        ({"content": CONTENT.replace(IMAGES["0003.png"][60:90], bytes(30))}, {}, "Bad CRC-32"),
        ({"content": make_zip([*GOOD, ("Tiny_HR/a\\b.png", b"-")])}, {"images": 0}, "invalid name"),
        ({"content": make_zip([*GOOD, ("Tiny_HR/0001.PNG", b"-")])}, {"images": 0}, "holds 0001.PNG twice"),
    ],
)
def test_what_is_not_it_never_enters_the_cache(server, change, fields, said):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(AssetError) as error:
        fetch_archive(archive(server.url, **fields), Listener())
    assert said in str(error.value)
    assert server.url in str(error.value)
    assert "\n" not in str(error.value)
    left = [path.name for path in assets.home().rglob("*") if path.is_file()]
    assert left == [".Tiny_HR.lock"]


@pytest.mark.parametrize(
    "members",
    [
        [("../evil.png", b"x"), ("/tmp/evil.png", b"x"), ("Tiny_HR/../../evil.png", b"x"), ("Tiny_HR/a/b.png", b"x")],
        [("Tiny_HR/.hidden.png", b"x"), ("Tiny_HR/readme.html", b"x")],
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_only_images_of_the_one_folder_are_unpacked(tmp_path, monkeypatch, members, kind):
    pack = {"zip": make_zip, "tar": make_tar, "tgz": lambda m: make_tar(m, "w:gz")}[kind]
    path = f"datasets/tiny/Tiny_HR.{kind}"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(pack([*members, *((f"./{name}", content) for name, content in GOOD)]))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    check(fetch_archive(replace(archive(), path=path), Listener()))
    assert (tmp_path / path).exists()  # a mirror's file stays
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("link", [(tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../up.png")])
def test_a_link_among_the_images_is_refused(tmp_path, monkeypatch, link):
    path = "datasets/tiny/Tiny_HR.tar"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(make_tar([*GOOD, ("Tiny_HR/0009.png", link)]))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError, match="is a link"):
        fetch_archive(Archive(path, folder="Tiny_HR"), Listener())


def test_a_truncated_tar_is_refused(tmp_path, monkeypatch):
    path = "datasets/tiny/Tiny_HR.tar"
    whole = make_tar(GOOD)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(whole[: len(whole) // 2 + 1000])
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError, match="damaged: unexpected end of data"):
        fetch_archive(Archive(path, folder="Tiny_HR"), Listener())
    assert unpacked(Archive(path, folder="Tiny_HR")) is None


@pytest.mark.parametrize("harm", ["cut", "overwritten"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_with_a_broken_header_is_not_taken_for_a_shorter_one(tmp_path, monkeypatch, harm, mode):
    """tarfile takes what it cannot read for the end; without a pinned hash nothing else would tell."""
    whole = make_tar(GOOD)
    second = whole.index(b"Tiny_HR/", len("Tiny_HR/"))
    harmed = whole[: second + 100] if harm == "cut" else whole[:second] + b"x" * 512 + whole[second + 512 :]
    path = f"datasets/tiny/Tiny_HR.tar{'.gz' if mode == 'w:gz' else ''}"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(gzip.compress(harmed) if mode == "w:gz" else harmed)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError, match=r"damaged|is truncated|unexpected end"):
        fetch_archive(Archive(path, folder="Tiny_HR"), Listener())


def test_mirror_url_comes_first_and_the_network_is_next(server, monkeypatch, tmp_path):
    monkeypatch.setenv("SRBENCH_MIRROR", f"{server.url.rsplit('/', 1)[0]}/mirror/")
    folder = fetch_archive(archive("http://127.0.0.1:9/x"), Listener())
    assert read_record(folder)["source"].endswith(f"/mirror/{PATH}")
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("SRBENCH_HOME", str(tmp_path / "other"))
    check(fetch_archive(archive(server.url), Listener()))


def test_disk_space_is_checked_before_anything_comes(server, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": len(CONTENT)}))
    with pytest.raises(AssetError, match=r"Tiny_HR\.zip needs 0\.0 GB .* which has 0\.0 GB left; make room"):
        fetch_archive(archive(server.url), Listener())
    assert not part().exists()


def test_a_full_disk_leaves_no_half_folder(server, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(AssetError, match=r"Tiny_HR: cannot be written \(No space left on device\)"):
            fetch_archive(archive(server.url), Listener())
    assert not list(assets.home().rglob("*.png"))
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == [""]  # the archive was kept


def test_an_incomplete_folder_is_fetched_anew(server):
    folder = fetch_archive(archive(server.url), Listener())
    (folder / "0002.png").unlink()
    assert unpacked(archive(server.url)) is None
    check(fetch_archive(archive(server.url), Listener()))


def test_another_process_is_waited_for(server):
    server.slowly = 0.05
    uis = [Listener(), Listener()]
    threads = [threading.Thread(target=fetch_archive, args=(archive(server.url), ui)) for ui in uis]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == [""]
    assert ["another process is fetching Tiny_HR; waiting for it"] in [ui.said for ui in uis]
    check(assets.home() / "datasets/tiny/Tiny_HR")


@pytest.mark.parametrize(
    ("path", "hashed"), [("a.rar", ""), ("../a.zip", ""), ("a.zip", "sha256:12"), ("a.zip", "crc:" + "0" * 32)]
)
def test_specs_of_archives_are_checked(path, hashed):
    with pytest.raises(SpecError, match="must"):
        Archive(path, hash=hashed)


PLUGIN = """
from srbench import Archive, DatasetSpec, hookimpl

@hookimpl
def srbench_datasets():
    archive = Archive("datasets/tiny/Tiny_HR.zip", folder="Tiny_HR", images=8)
    return [DatasetSpec(name="tiny", summary="eight", scales={2, 4}, archive=archive, aliases=["t"],
                        excluded={"0003": "is in a test set"})]
"""


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "tiny.py").write_text(PLUGIN)
    (tmp_path / "mirror/datasets/tiny").mkdir(parents=True)
    (tmp_path / "mirror" / PATH).write_bytes(CONTENT)
    return ["--plugin", "tiny.py"]


def test_fetch_and_run_take_an_archive_as_any_dataset(here, plugin):
    assert "tiny" in here("list", "datasets", *plugin).stdout
    fetched = here("fetch", "tiny", *plugin, SRBENCH_MIRROR="mirror")
    assert (fetched.returncode, fetched.stderr) == (0, "tiny: 7 images in the cache\n")
    options = ["run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out", *plugin]
    done = here(*options, "--dataset", "t")
    assert done.returncode == 0, done.stderr
    assert "tiny x4" in done.stdout
    assert "7 images" in done.stdout


def test_run_says_what_is_missing_of_an_archive(here, plugin):
    options = ["run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out", *plugin]
    done = here(*options, "--dataset", "tiny")
    assert done.returncode == 1
    assert "cannot get datasets/tiny/Tiny_HR.zip: tried no source, as none is known" in done.stdout + done.stderr
    wrong = here(*options, "--dataset", "tiny", "--scale", "3")
    assert wrong.returncode == 2
    assert "tiny does not exist at x3: it has x2, x4" in wrong.stderr


def test_an_existing_folder_keeps_the_name_and_the_exclusions(here, plugin, tmp_path):
    for place in ("here", "there/Tiny_HR"):
        (tmp_path / place).mkdir(parents=True)
        for name, content in IMAGES.items():
            (tmp_path / place / name).write_bytes(content)
    options = ["run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", *plugin]
    for place in ("here", "there"):
        done = here(*options, "--dataset", f"tiny={place}", "--out", f"out-{place}")
        assert done.returncode == 0, done.stderr
        assert "tiny x4" in done.stdout
        assert "7 images" in done.stdout
    for given, said in [
        ("tiny=nowhere", "dataset tiny=/"),
        ("set5=here", "set5 is a dataset with files of its own; choose another name"),
    ]:
        wrong = here(*options, "--dataset", given, "--out", "none")
        assert wrong.returncode == 2
        assert said in wrong.stderr
