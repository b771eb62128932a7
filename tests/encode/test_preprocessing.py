"""Pictures come to a network as the published processors make them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from whence.core.errors import ArtifactError, OptionError
from whence.encode.preprocessing import Preprocessing
from whence.encode.processors import preprocessing_of

DEFAULT = Preprocessing()


def picture(width: int, height: int) -> np.ndarray:
    """Waves, edges and noise."""
    y, x = np.mgrid[:height, :width]
    waves = 127 + 80 * np.sin(x / 7)[..., None] * np.cos(y / 11)[..., None] * [1, 0.7, -0.5]
    noise = np.random.default_rng(0).normal(size=(height, width, 3)) * 15
    return np.clip(waves + noise + 40 * ((x // 50 + y // 40) % 2)[..., None], 0, 255).astype(np.uint8)


def test_by_hand():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 1] = (255, 51, 0)
    found = Preprocessing(crop_px=2, resize_px=2, resize="none", mean_g=0.2, deviation_b=0.25).apply(pixels)
    assert found.shape == (3, 2, 2)
    assert found.dtype == np.float32
    assert np.allclose(found[:, 0, 1], [1, 0, -2])
    assert np.allclose(found[:, 0, 0], [-1, -0.4, -2])


def test_shorter_side_and_centre():
    pixels = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 50, axis=0).repeat(3, axis=2)
    cut = Preprocessing(crop_px=30, resize_px=50).fit(pixels)
    assert np.array_equal(cut[0, :, 0], np.arange(35, 65))
    squashed = Preprocessing(crop_px=50, resize_px=50, resize="squash", filter="box").fit(pixels)
    assert squashed.shape == (50, 50, 3)
    assert squashed[0, 0, 0] == 1  # mean of 0 and 1, rounded up by Pillow


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match="Did you mean 'squash'"):
        Preprocessing(resize="squash_")
    with pytest.raises(OptionError, match="64 × 64 pixels, received 80 × 60"):
        Preprocessing(crop_px=64, resize="none").fit(np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(OptionError, match="resize_px ≥ crop_px"):
        Preprocessing(crop_px=300)
    with pytest.raises(OptionError, match="Did you mean 'crop_px'"):
        Preprocessing.from_dict({"crop_pc": 3})


def test_headers_hold_it():
    made = Preprocessing(crop_px=32, resize_px=40, filter="box", mean_r=0.1)
    assert Preprocessing.from_dict(made.to_dict()) == made


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (224, 224), (97, 61), (1023, 257)])
@pytest.mark.parametrize("family", ["CLIP", "Siglip", "Bit"])
def test_equal_to_the_published_processors(family, size):
    transformers = pytest.importorskip("transformers", reason="transformers comes with the extra towers")
    values = {} if family != "Bit" else {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406]}
    processor = getattr(transformers, f"{family}ImageProcessorPil")(**values)
    ours = preprocessing_of(processor.to_dict(), default=DEFAULT)
    pixels = picture(*size)
    theirs = processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    made = ours.apply(pixels)
    assert made.shape == theirs.shape
    assert np.abs(made - theirs).max() < 1e-5


def test_equal_to_resizing_in_torch():
    """DINOv3's processor resizes in floating point by the same filter; ours rounds to 8 bits in between."""
    torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
    values = {"size": {"height": 224, "width": 224}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    ours = preprocessing_of(values, default=DEFAULT)
    pixels = picture(640, 480)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    theirs = torch.nn.functional.interpolate(planes, (224, 224), mode="bilinear", antialias=True)[0].numpy() * 2 - 1
    assert np.abs(ours.apply(pixels) - theirs).max() < 2 / 255 + 1e-6  # one level of 8 bits


def test_older_configurations():
    old = {"do_resize": True, "size": 256, "resample": 3, "do_center_crop": True, "crop_size": 224}
    found = preprocessing_of(old, default=DEFAULT)
    assert (found.resize, found.resize_px, found.crop_px, found.filter) == ("shortest", 256, 224, "bicubic")
    assert preprocessing_of({}, default=DEFAULT) == DEFAULT
    assert preprocessing_of({"do_resize": False, "do_normalize": False}, default=DEFAULT).resize == "none"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"height": 224, "width": 200}}, "height that equals the width"),
        ({"size": {"shortest_edge": 224, "longest_edge": 300}}, "size = "),
        ({"size": {"shortest_edge": 224}, "do_center_crop": False}, "do_center_crop"),
        ({"size": {"shortest_edge": 224}, "crop_size": 256}, "at most 224"),
        ({"resample": 0}, "bilinear"),
        ({"rescale_factor": 1 / 127.5}, "1/255"),
        ({"image_mean": [0.5]}, "three channels"),
    ],
)
def test_processors_beyond_ours_are_refused(values, message):
    with pytest.raises(ArtifactError, match=message):
        preprocessing_of(values, default=DEFAULT)
