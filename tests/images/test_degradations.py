"""Degradations: bicubic unchanged, the others seeded by content, as they are described, and never in one ranking."""

from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pandas as pd
import pytest
import scipy
import skimage
import torch
from PIL import Image, ImageDraw, ImageFont

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.images.degradations import BLUR, DEGRADATIONS, NOISE, PATTERNS, QUALITY, degrade_file, get_degradation
from srbench.images.resizers import RESIZERS
from srbench.resize import degrade

MISSING = {name for name, resizer in RESIZERS.items() if resizer.library is not None and resizer.library.missing}
INSTALLED = [name for name in DEGRADATIONS if name not in MISSING]
"""Those whose library is here."""
OTHERS = ["crappify", "crappify-text", "blur+noise"]


@pytest.fixture(scope="module")
def photo():
    return torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[:, :192, 96:336].contiguous()


def test_bicubic_is_the_benchmarks_and_keeps_its_name(photo):
    bicubic = get_degradation("bicubic")
    assert bicubic.identity == "bicubic-uint8/1"
    assert torch.equal(bicubic(photo, 4), degrade(photo, 4))


def drawn_for(image, seed):
    """The numbers that an image's degradation draws: of a seed, the shape and the pixels alone."""
    content = hashlib.blake2b(image.numpy().tobytes(), digest_size=8).digest()
    return np.random.default_rng((seed, 3, *image.shape[1:], int.from_bytes(content, "big")))


def test_what_is_drawn_lies_between_the_documented_ends():
    assert (QUALITY, BLUR, NOISE) == ((10, 70), 0.2, 15.0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("label", [False, True])
def test_crappify_is_pillows_bilinear_and_jpeg_at_the_quality_drawn(photo, seed, label):
    numbers = drawn_for(photo, seed)
    image = Image.fromarray(photo.permute(1, 2, 0).numpy()).resize((60, 48), Image.Resampling.BILINEAR)
    quality = int(numbers.integers(10, 71))
    if label:
        place = int(numbers.integers(31)), int(numbers.integers(25))
        font = ImageFont.load_default_imagefont()
        ImageDraw.Draw(image).text(place, str(quality), fill=(255, 255, 255), font=font)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    expected = np.asarray(Image.open(file)).transpose(2, 0, 1)
    lr = get_degradation("crappify-text" if label else "crappify")(photo, 4, seed)
    np.testing.assert_array_equal(lr.numpy(), expected)
    assert lr.is_contiguous()


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("scale", [2, 3])
def test_blur_and_noise_are_scipys_and_numpys_of_the_strength_drawn(photo, scale, grey):
    image = photo[:1].expand(3, -1, -1).contiguous() if grey else photo
    numbers = drawn_for(image, 0)
    sigma, strength = numbers.uniform(0.2, scale), numbers.uniform(0, 15)
    blurred = np.stack([scipy.ndimage.gaussian_filter(p.astype(float), sigma, mode="nearest") for p in image.numpy()])
    small = degrade(torch.from_numpy(np.floor(blurred + 0.5).astype(np.uint8)), scale).numpy().astype(float)
    noise = numbers.standard_normal((1 if grey else 3, *small.shape[1:]))
    expected = np.clip(np.floor(small + strength * noise + 0.5), 0, 255)
    np.testing.assert_array_equal(get_degradation("blur+noise")(image, scale).numpy(), expected)


@pytest.mark.parametrize("equal", [(0, 1), (0, 2), (1, 2)])
def test_an_image_is_grey_where_all_three_channels_are_equal(photo, equal):
    image = photo.clone()
    image[equal[1]] = image[equal[0]]
    lr = get_degradation("blur+noise")(image, 4)
    assert not torch.equal(lr[equal[0]], lr[equal[1]])


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (0, 8), (8, 0)])
@pytest.mark.parametrize("name", INSTALLED)
def test_both_sides_must_be_multiples_and_not_nothing(name, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[0]} is not a multiple of 4"):
        get_degradation(name)(torch.zeros(3, *shape, dtype=torch.uint8), 4)


@pytest.mark.parametrize(("mode", "size"), [("RGB", (41, 38)), ("L", (40, 36))])
def test_the_lr_of_a_file_is_that_of_its_pixels_cropped(tmp_path, save_image, mode, size):
    path = save_image(tmp_path / "a.png", *size, mode=mode)
    hr = np.asarray(Image.open(path).convert("RGB"))[:36, :40]
    expected = degrade(torch.from_numpy(hr.copy()).permute(2, 0, 1), 4).permute(1, 2, 0).numpy()
    made = degrade_file(path, 4)
    assert made.grey == (mode == "L")
    np.testing.assert_array_equal(made.pixels, expected)
    crappified = degrade_file(path, 4, get_degradation("crappify"))
    whole = get_degradation("crappify")(torch.from_numpy(hr.copy()).permute(2, 0, 1).contiguous(), 4, 0)
    np.testing.assert_array_equal(crappified.interleaved[..., :1], whole.permute(1, 2, 0)[..., :1].numpy())


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_same_image_and_seed_same_lr(name, scale, photo):
    make = get_degradation(name)
    first = make(photo, scale)
    assert first.shape == (3, 192 // scale, 240 // scale)
    assert first.dtype == torch.uint8
    assert torch.equal(first, make(photo.flip(0).flip(0), scale))  # content counts, not the tensor
    assert not torch.equal(first, make(photo, scale, seed=1))
    assert not torch.equal(first, degrade(photo, scale))


@pytest.mark.parametrize("name", OTHERS)
def test_refuses_what_cannot_be_shrunk(name, photo):
    with pytest.raises(ValueError, match="not a multiple of 7"):
        get_degradation(name)(photo, 7)
    with pytest.raises(ValueError, match="uint8"):
        get_degradation(name)(photo.float(), 4)


def test_crappify_is_bilinear_and_jpeg_of_a_quality_that_varies(photo):
    """Every LR must be what Pillow makes at exactly one of the qualities that fastai draws from."""
    small = Image.fromarray(photo.permute(1, 2, 0).numpy()).resize((60, 48), Image.Resampling.BILINEAR)

    def compressed(quality):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality)
        return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)

    by_quality = {quality: compressed(quality) for quality in range(QUALITY[0], QUALITY[1] + 1)}
    drawn = []
    for seed in range(12):
        lr = get_degradation("crappify")(photo, 4, seed)
        drawn += [next(q for q, image in by_quality.items() if torch.equal(image, lr))]
    assert len(set(drawn)) > 6
    assert min(drawn) < 30
    assert max(drawn) > 50


def test_the_label_is_white_text_in_the_upper_left_half(photo):
    dark = torch.zeros_like(photo)
    plain, labelled = (get_degradation(name)(dark, 4) for name in ("crappify", "crappify-text"))
    assert int(plain.max()) < 16
    rows, columns = (labelled.float().mean(0) > 128).nonzero().unbind(1)
    assert 8 < len(rows) < 120
    assert int(rows.min()) <= 48 // 2 + 10
    assert int(columns.min()) <= 60 // 2 + 2


def test_noise_has_a_deviation_in_its_range_and_no_bias():
    flat = torch.full((3, 400, 400), 128, dtype=torch.uint8)
    spread = []
    for seed in range(12):
        noise = get_degradation("blur+noise")(flat, 4, seed).double()[0] - 128
        assert abs(float(noise.mean())) < 1
        spread.append(float(noise.std()))
    assert max(spread) < NOISE * 1.05
    assert max(spread) - min(spread) > NOISE / 3


def test_blur_lies_between_its_ends(photo, monkeypatch):
    monkeypatch.setattr("srbench.images.degradations.NOISE", 0.0)
    lr = get_degradation("blur+noise")(photo, 4).double()
    errors = {}
    for sigma in np.arange(BLUR, 4.1, 0.1):
        blurred = scipy.ndimage.gaussian_filter(photo.double().numpy(), (0, sigma, sigma), mode="nearest")
        errors[sigma] = float((degrade(torch.from_numpy((blurred + 0.5).astype(np.uint8)), 4) - lr).abs().mean())
    assert min(errors.values()) < 0.5
    assert max(errors.values()) > 2


def test_an_image_without_colour_stays_so(photo):
    grey = photo[:1].expand(3, -1, -1).contiguous()
    for name in OTHERS:
        lr = get_degradation(name)(grey, 4)
        assert torch.equal(lr[0], lr[1])
        assert torch.equal(lr[0], lr[2])


def test_an_unknown_one_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'crappify'"):
        get_degradation("crapify")


def test_runs_keep_degradations_apart(here, tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "set" / f"p{i}.png", 60, 56, seed=i)
    common = [
        "run",
        "--methods",
        "nearest,bicubic",
        "--dataset",
        "set",
        "--metrics",
        "psnr",
        "--no-speed",
        "--scale",
        2,
    ]
    assert here(*common, "--out", "both").returncode == 0
    keys = [row["key"] for row in rows(tmp_path / "both")]
    done = here(*common, "--out", "both", "--degradation", "crappify", "--save-images")
    assert done.returncode == 0, done.stderr
    assert "set+crappify: LR by crappify/1" in done.stdout
    board = pd.read_csv(tmp_path / "both" / "leaderboard.csv")
    assert sorted(board.dataset.unique()) == ["set", "set+crappify"]
    assert set(zip(board.dataset, board.degradation, strict=True)) == {
        ("set", "bicubic-uint8/1"),
        ("set+crappify", "crappify/1"),
    }
    scores = board.set_index(["dataset", "method"]).psnr
    assert scores["set", "bicubic"] > scores["set+crappify", "bicubic"]
    assert [row["key"] for row in rows(tmp_path / "both")][: len(keys)] == keys
    # the LR that was scored is the one that 'srbench degrade' makes
    made = here("degrade", "set", "lr", "--scale", 2, "--degradation", "crappify")
    assert made.returncode == 0, made.stderr
    for i in range(3):
        ours = np.asarray(Image.open(tmp_path / "lr" / f"p{i}.png"))
        kept = np.asarray(Image.open(tmp_path / "both" / "images" / "set+crappify_x2" / "LR" / f"p{i}.png"))
        np.testing.assert_array_equal(ours, kept)
    again = here(*common, "--out", "both", "--degradation", "crappify", "--save-images")
    assert "nothing to do" in again.stderr


def test_a_degradation_takes_the_place_of_lr_that_a_set_has(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "HR" / "a.png", 40, 40)
    save_image(tmp_path / "set" / "LR" / "a.png", 20, 20, seed=5)
    common = ["run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--no-speed", "--scale", 2]
    assert here(*common, "--out", "given").returncode == 0
    assert here(*common, "--out", "made", "--degradation", "crappify").returncode == 0
    (given,), (made,) = rows(tmp_path / "given"), rows(tmp_path / "made")
    assert (given["degradation"], made["degradation"]) == ("as-given", "crappify/1")
    assert made["value"] > given["value"] + 3


def test_the_key_of_a_bicubic_result_is_what_it_always_was(here, tmp_path, save_image):
    from srbench.store.hashes import digest

    save_image(tmp_path / "set" / "a.png")
    common = ["run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--no-speed", "--scale", 2]
    assert here(*common, "--out", "out").returncode == 0
    (row,) = rows(tmp_path / "out")
    names = ["method", "scale", "plugin", "weights", "device", "precision", "dataset", "image", "image_sha256"]
    names += ["degradation", "protocol", "metric", "srbench"]
    assert row["key"] == digest({name: row[name] for name in names})
    assert row["degradation"] == "bicubic-uint8/1"
    assert row["dataset"] == "set"
    assert len(row["image_sha256"]) == 64


def test_every_degradation_is_listed(here):
    listed = json.loads(here("list", "degradations", "--json").stdout)["degradations"]
    fixed = {degradation.name: degradation.identity for degradation in DEGRADATIONS.values()}
    patterns = {name: identity for name, (identity, _) in PATTERNS.items()}
    assert {row["name"]: row["version"] for row in listed} == fixed | patterns
    assert Catalog.load().models["bicubic"]


def rows(folder):
    found = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == "score"]
