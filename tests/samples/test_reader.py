"""`read_view`: sources, limits, errors, working size."""

import contextlib
import csv
import io
import os
import struct
import tempfile
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from whence.core.errors import ImageError, ImageTooLargeError, WhenceError
from whence.samples.corpus import make_corpus
from whence.samples.corpus_bytes import encode, png_chunk, quartered_picture, with_exif
from whence.samples.metadata import read_metadata
from whence.samples.reader import ReadLimits, read_view

SHARED = Path(os.environ.get("WHENCE_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
DEMO = SHARED / "data" / "photos" / "demo"


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(quartered_picture(300, 200, np.random.default_rng(1)))


def test_every_source_gives_the_same_pixels(picture, tmp_path):
    data = encode(picture, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    views = [
        read_view(path),
        read_view(str(path)),
        read_view(data),
        read_view(bytearray(data)),
        read_view(io.BytesIO(data)),
        read_view(Image.open(path)),
        read_view(np.asarray(picture)),
    ]
    for view in views:
        assert np.array_equal(view.pixels, np.asarray(picture))
        assert view.size_px == (300, 200)
    assert [view.name for view in views] == [str(path)] * 2 + ["<bytes>"] * 2 + ["<file>", "<image>", "<array>"]
    assert len({view.sha256 for view in views[:5]}) == 1
    assert read_view(data, name="mine").name == "mine"


def test_file_object_name_is_used(picture, tmp_path):
    path = tmp_path / "b.png"
    picture.save(path)
    with path.open("rb") as file:
        assert read_view(file).name == str(path)


def test_text_file_object_is_refused():
    with pytest.raises(ImageError, match="binary mode"):
        read_view(io.StringIO("text"))


def test_other_types_are_refused():
    with pytest.raises(ImageError, match="from int"):
        read_view(7)


@pytest.mark.parametrize(
    ("array", "mean"),
    [
        (np.full((20, 30), 77, np.uint8), 77),
        (np.full((20, 30, 1), 77, np.uint8), 77),
        (np.full((20, 30, 3), 257 * 77, np.uint16), 77),
    ],
)
def test_arrays(array, mean):
    view = read_view(array)
    assert view.pixels.shape == (20, 30, 3)
    assert (view.pixels == mean).all()


@pytest.mark.parametrize("array", [np.zeros((20, 30)), np.zeros((4, 20, 30, 3), np.uint8), np.zeros((0, 5), np.uint8)])
def test_bad_arrays(array):
    with pytest.raises(ImageError, match="is no picture"):
        read_view(array)


def test_working_size_keeps_the_shape_and_the_full_size(picture):
    view = read_view(encode(picture, "JPEG"), working_px=100)
    assert view.pixels.shape == (67, 100, 3)
    assert view.size_px == (300, 200)


def test_orientation_of_pillow_images(picture):
    turned = Image.open(io.BytesIO(with_exif(encode(picture, "JPEG"), {0x0112: (3, [6])})))
    assert read_view(turned).size_px == (200, 300)


def test_16_bit_grey_is_scaled_not_cut():
    values = (np.arange(64 * 64, dtype=np.uint32).reshape(64, 64) * 16).astype(np.uint16)
    view = read_view(encode(Image.fromarray(values), "PNG"))
    assert np.array_equal(view.pixels[..., 0], np.rint(values / 257.0).astype(np.uint8))


def test_transparent_parts_are_white():
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    clear.paste((0, 0, 255, 0), (0, 0, 20, 40))
    pixels = read_view(encode(clear, "PNG")).pixels
    assert (pixels[:, :20] == 255).all()
    assert (pixels[:, 20:] == (255, 0, 0)).all()


def test_missing_file_names_the_nearest(picture, tmp_path):
    picture.save(tmp_path / "IMG_1234.jpg")
    with pytest.raises(ImageError, match=r"no such file.*IMG_1234\.jpg"):
        read_view(tmp_path / "IMG_1243.jpg")


def test_folder_device_and_nul_byte(tmp_path):
    with pytest.raises(ImageError, match="folder"):
        read_view(tmp_path)
    with pytest.raises(ImageError, match="device"):
        read_view("/dev/zero")
    with pytest.raises(ImageError, match="cannot be read"):
        read_view("a\0b.jpg")


def test_byte_limit_is_checked_before_reading(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(201_000_000)
    with pytest.raises(ImageTooLargeError, match="201,000,000 bytes"):
        read_view(path)
    with pytest.raises(ImageTooLargeError, match="at most 10"):
        read_view(bytes(11), limits=ReadLimits(max_bytes=10))
    with pytest.raises(ImageTooLargeError, match="at most 10"):
        read_view(io.BytesIO(bytes(11)), limits=ReadLimits(max_bytes=10))


def test_pixel_limit_depends_on_the_format(picture):
    limits = ReadLimits(max_pixels=60_000, max_pixels_whole=59_999)
    assert read_view(encode(picture, "JPEG"), limits=limits).size_px == (300, 200)
    for data in (encode(picture, "PNG"), encode(picture, "JPEG", progressive=True)):
        with pytest.raises(ImageTooLargeError, match="max_pixels_whole"):
            read_view(data, limits=limits)


def test_large_picture_above_pillows_own_limit_is_read_without_warning():
    """92 Mpx is above Pillow's warning threshold; warnings are errors in this suite."""
    row = b"\0" + bytes(11_500 // 8 + 1)
    header = struct.pack(">IIBBBBB", 11_500, 8_000, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * 8_000)), (b"IEND", b""))
    view = read_view(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks), working_px=64)
    assert view.size_px == (11_500, 8_000)
    assert view.pixels.shape == (45, 64, 3)


def test_truncated_jpeg_keeps_its_upper_part(picture):
    large = picture.resize((960, 640), Image.Resampling.NEAREST)
    data = encode(large, "JPEG", quality=95)
    view = read_view(data[: len(data) // 2])
    difference = np.abs(view.pixels[:200].astype(int) - np.asarray(large)[:200]).mean()
    assert difference < 6
    assert (view.pixels[-50:] == 128).all()
    assert "cut off" in view.warnings[0]


def test_truncated_png_keeps_its_upper_part(picture):
    data = encode(picture, "PNG", compress_level=1)
    view = read_view(data[: len(data) * 2 // 3])
    assert np.array_equal(view.pixels[:100], np.asarray(picture)[:100])
    assert (view.pixels[-20:] == 0).all()


def test_global_state_of_pillow_is_left_alone(tmp_path):
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, ".heic" in Image.registered_extensions())
    for case in make_corpus(tmp_path):
        if case.error is None:
            read_view(case.path)
    after = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, ".heic" in Image.registered_extensions())
    assert after == before


def test_threads_read_the_same(tmp_path):
    cases = [case for case in make_corpus(tmp_path) if case.error is None]
    alone = [read_view(case.path).pixels for case in cases]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda case: read_view(case.path).pixels, cases))
    assert threading.active_count() < 20
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a, b)


@lru_cache(maxsize=1)
def seeds():
    with tempfile.TemporaryDirectory() as folder:
        files = [case.path.read_bytes() for case in make_corpus(Path(folder))]
    return sorted(data for data in files if 40 < len(data) < 20_000)


@settings(max_examples=300, deadline=None)
@given(
    which=st.integers(0, 10_000),
    damage=st.lists(st.tuples(st.integers(0, 1_000_000), st.binary(max_size=8), st.integers(0, 12)), max_size=6),
    cut=st.none() | st.integers(8, 20_000),
)
def test_damaged_files_raise_nothing_but_our_errors(which, damage, cut):
    data = bytearray(seeds()[which % len(seeds())])
    for at, insert, drop in damage:
        at %= len(data) + 1
        data[at : at + drop] = insert
    data = bytes(data[:cut])
    for reader in (read_view, read_metadata):
        with contextlib.suppress(WhenceError):
            reader(data)


@pytest.mark.skipif(not DEMO.is_dir(), reason="the shared pictures are not here")
def test_real_photographs():
    rows = list(csv.DictReader((DEMO / "demo.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 39
    for row in rows:
        metadata = read_metadata(DEMO.parent / row["file"])
        assert (metadata.position is not None) == (row["has_gps"] == "yes"), row["file"]
        if metadata.position is not None:
            assert metadata.position.value.lat_deg == pytest.approx(float(row["lat_deg"]), abs=2e-6)
            assert metadata.position.value.lon_deg == pytest.approx(float(row["lon_deg"]), abs=2e-6)
        if row["exif_time"]:
            assert metadata.local_time.value.strftime("%Y:%m:%d %H:%M:%S") == row["exif_time"]


@pytest.mark.skipif(not DEMO.is_dir(), reason="the shared pictures are not here")
def test_exif_agrees_with_pillow_on_real_photographs():
    """Our reader of the directory structure against Pillow's, tag by tag."""
    checked = 0
    for path in sorted(DEMO.glob("*.jpg")):
        with Image.open(path) as image:
            exif = image.getexif()
        ours, gps = read_metadata(path), exif.get_ifd(0x8825)
        if 6 in gps and ours.altitude_m is not None and "GPSAltitude" in ours.altitude_m.origin:
            assert abs(ours.altitude_m.value) == pytest.approx(float(gps[6]), abs=1e-6)
            checked += 1
        if ours.camera is not None and 272 in exif:
            assert str(exif[272]).strip("\0 ") in ours.camera.value
            checked += 1
    assert checked > 15
