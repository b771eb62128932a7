"""Near duplicates: copies are found, other pictures are not, the index finds what comparing all with all finds."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from whence.core.errors import ImageError, InputError
from whence.samples.datasets import miniature
from whence.samples.near_duplicates import (
    Nearness,
    hash_file,
    hash_files,
    leaks,
    near_pairs,
    picture_hash,
    without_leaks,
)
from whence.samples.splits import Split


def recompressed(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def trimmed(picture, share):
    width, height = picture.size
    return picture.crop((int(width * share), int(height * share), int(width * (1 - share)), int(height * (1 - share))))


COPIES = {
    "recompressed": lambda picture: recompressed(picture, 30),
    "half": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "thumbnail": lambda picture: recompressed(picture.resize((picture.width // 4, picture.height // 4)), 60),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "grey": lambda picture: picture.convert("L"),
    "trimmed": lambda picture: trimmed(picture, 0.01),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(40):
        draw = np.random.default_rng(seed)
        coarse = Image.fromarray(draw.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((320, 240), Image.Resampling.BICUBIC).save(folder / f"{seed:02d}.jpg", quality=92)
    return sorted(folder.iterdir())


def test_other_pictures_are_not_near(pictures):
    assert near_pairs(hash_files(pictures)).shape == (0, 2)


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_near(pictures, name, tmp_path):
    for path in pictures:
        with Image.open(path) as picture:
            COPIES[name](picture.convert("RGB")).convert("RGB").save(tmp_path / f"{path.stem}.jpg", quality=90)
    copies = sorted(tmp_path.iterdir())
    pairs = near_pairs(hash_files([*pictures, *copies]))
    expected = {(i, i + len(pictures)) for i in range(len(pictures))}
    found = set(map(tuple, pairs.tolist()))
    assert found <= expected
    assert len(found) >= 0.95 * len(expected)


def test_orientation_tags_are_applied(pictures, tmp_path):
    with Image.open(pictures[0]) as picture:
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert near_pairs(np.stack([hash_file(pictures[0]), hash_file(tmp_path / "turned.jpg")])).tolist() == [[0, 1]]


def test_pixels_and_file_hash_alike(tmp_path):
    miniature.write_jpeg(tmp_path / "a.jpg", 5)
    pixels = np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))
    apart = np.bitwise_count(picture_hash(pixels) ^ hash_file(tmp_path / "a.jpg"))
    assert apart.max() <= 1


def test_hand_computed_difference_hash():
    rising = np.repeat(np.tile(np.arange(0, 90, 10, np.uint8), (8, 1))[:, :, None], 3, axis=2)
    assert int(picture_hash(rising)[0]) == 2**64 - 1
    assert int(picture_hash(rising[:, ::-1])[0]) == 0


@given(
    seed=st.integers(0, 10_000),
    bits=st.integers(0, 11),
    other=st.sampled_from([0, 6, 12, 64]),
)
def test_the_index_finds_what_comparing_all_with_all_finds(seed, bits, other):
    draw = np.random.default_rng(seed)
    hashes = draw.integers(0, 2**64, (60, 2), dtype=np.uint64)
    for row in range(30, 60):  # near copies of the first half
        hashes[row] = hashes[row - 30]
        for column, flips in ((0, draw.integers(0, 14)), (1, draw.integers(0, 14))):
            for bit in draw.choice(64, flips, replace=False):
                hashes[row, column] ^= np.uint64(1) << np.uint64(bit)
    near = Nearness(bits, other)
    left, right = np.triu_indices(60, 1)
    apart = np.bitwise_count(hashes[left] ^ hashes[right])
    wanted = np.stack([left, right], axis=1)[(apart[:, 0] <= bits) & (apart[:, 1] <= other)]
    assert near_pairs(hashes, near).tolist() == wanted.tolist()


def test_leaks_are_pairs_of_training_and_held_out():
    value = np.uint64(0xDEADBEEF12345678)
    hashes = np.asarray([[value, value], [value, value], [value ^ np.uint64(3), value], [0, 0], [1, 0]], np.uint64)
    split = Split(np.asarray([1, 3]), np.asarray([0]), np.asarray([2, 4]), 5)
    pairs = leaks(split, hashes)
    assert pairs.tolist() == [[1, 0], [1, 2], [3, 4]]
    clean = without_leaks(split, pairs)
    assert clean.train.size == 0
    assert clean.dropped.tolist() == [1, 3]
    assert leaks(clean, hashes).shape == (0, 2)
    with pytest.raises(InputError, match="5 samples"):
        leaks(split, hashes[:4])


def test_nothing_and_one(pictures):
    assert hash_files([]).shape == (0, 2)
    assert near_pairs(hash_files([])).shape == (0, 2)
    assert near_pairs(hash_files(pictures[:1])).shape == (0, 2)


def test_what_is_refused(tmp_path):
    (tmp_path / "no.jpg").write_text("no picture")
    with pytest.raises(ImageError, match=r"no\.jpg"):
        hash_file(tmp_path / "no.jpg")
    with pytest.raises(ImageError, match=r"gone\.jpg"):
        hash_file(tmp_path / "gone.jpg")
    with pytest.raises(InputError, match=r"0\.\.11 bits"):
        Nearness(12)
    with pytest.raises(InputError, match=r"0\.\.64"):
        Nearness(3, 65)


def test_the_real_photographs_hold_at_most_a_few(shared):
    folder = shared / "data" / "photos" / "train"
    paths = [path for path in sorted(folder.iterdir()) if path.name.startswith(("atq", "wonders"))]
    names = [{paths[i].stem for i in pair} for pair in near_pairs(hash_files(paths)).tolist()]
    assert {"wonders_0004", "atq_0073"} in names  # the same view of one pyramid, in two of the sources
    assert len(names) <= 3
