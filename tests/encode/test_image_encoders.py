# ruff: noqa: E402
"""Every image encoder is held to the same contract; then each to its own publication."""

from __future__ import annotations

import dataclasses
import io
import json
import warnings

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
pytest.importorskip("transformers", reason="transformers comes with the extra towers")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="safetensors comes with the extra train")

from whence.core.config import build, settings
from whence.core.errors import ArtifactError, OptionError
from whence.encode.image import image_encoders
from whence.encode.image.clip import Clip, clip_preprocessing
from whence.encode.image.clip import Config as ClipConfig
from whence.encode.image.dinov2 import Config as Dinov2Config
from whence.encode.image.dinov2 import Dinov2
from whence.encode.image.dinov3 import Config as Dinov3Config
from whence.encode.image.dinov3 import Dinov3
from whence.encode.image.mobilenet_v2 import Config as MobilenetConfig
from whence.encode.image.mobilenet_v2 import MobilenetV2, SameConv
from whence.encode.image.siglip import Config as SiglipConfig
from whence.encode.image.siglip import Siglip

TOWERS = {"clip": (Clip, ClipConfig), "siglip": (Siglip, SiglipConfig), "dinov2": (Dinov2, Dinov2Config)}
TOWERS["dinov3"] = (Dinov3, Dinov3Config)
NAMES = image_encoders().names()


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return image_encoders().load(request.param).tiny(seed=1).eval()


def views(model, count: int = 5) -> torch.Tensor:
    """Preprocessed pictures of the model's size."""
    side = model.preprocessing.crop_px
    pixels = np.random.default_rng(3).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return torch.from_numpy(model.preprocessing.normalise(pixels))


# ------------------------------------------------------------------------------------------------ contract


def test_shapes_and_types(model):
    with torch.no_grad():
        found = model(views(model))
    assert found.shape == (5, model.dim)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert found.std(dim=0).max() > 0  # different pictures differ


def test_a_batch_is_its_pictures_one_by_one(model):
    pixels = views(model)
    with torch.no_grad():
        together = model(pixels)
        single = torch.cat([model(pixels[i : i + 1]) for i in range(len(pixels))])
    assert torch.allclose(together, single, atol=1e-5 * float(together.abs().max()))


def test_what_is_saved_is_loaded(model):
    other = type(model).tiny(seed=2).eval()
    pixels = views(model)
    with torch.no_grad():
        assert not torch.allclose(other(pixels), model(pixels))
        saved = safetensors_torch.save({name: value.contiguous() for name, value in model.state_dict().items()})
        other.load_state_dict(safetensors_torch.load(saved), strict=True)
        assert torch.equal(other(pixels), model(pixels))


def test_a_seed_decides_the_weights(model):
    torch.manual_seed(5)
    again = type(model).tiny(seed=1)
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_unknown_keys_are_refused(model):
    field = dataclasses.fields(model.CONFIG)[0].name
    with pytest.raises(OptionError, match=f"Did you mean {field!r}"):
        build(model.CONFIG, {field + "_": "x"}, owner="image encoder")


def test_every_setting_has_help(model):
    assert dataclasses.is_dataclass(model.CONFIG)
    for item in settings(model.CONFIG):
        assert item.help, item.name
        assert item.type in {"bool", "int", "float", "str"}


def test_the_card_is_complete(model):
    for field in ("title", "paper", "licence", "weights"):
        assert getattr(model.CARD, field).strip(), field


def test_the_exported_graph_gives_the_same(model):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript", reason="onnxscript comes with the extra train")
    pixels = views(model, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        batch = torch.export.Dim("n", min=1, max=4096)
        program = torch.onnx.export(
            model, (pixels,), dynamo=True, dynamic_shapes=({0: batch},), verbose=False, input_names=["pixels"]
        )
    content = io.BytesIO()
    program.save(content)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        pixels = views(model, count)
        with torch.no_grad():
            expected = model(pixels).numpy()
        (found,) = session.run(None, {"pixels": pixels.numpy()})
        assert np.abs(found - expected).max() <= 1e-4


# ------------------------------------------------------------------------------------------------ towers


@pytest.fixture(scope="module", params=sorted(TOWERS))
def saved(request, tmp_path_factory):
    """A tower in a folder, as published models lie on the hub."""
    folder = tmp_path_factory.mktemp(request.param)
    kind, config = TOWERS[request.param]
    model = kind.tiny(seed=4)
    model.tower.save_pretrained(folder)
    processor = {"size": {"height": 40, "width": 40}, "resample": 2, "do_center_crop": False}
    if request.param in {"clip", "dinov2"}:
        processor = {"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 40}, "image_std": [0.2] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder, kind, config, model


def test_towers_load_from_a_folder(saved):
    folder, kind, config, model = saved
    loaded = kind(config(weights=str(folder)))
    assert (loaded.preprocessing.crop_px, loaded.dim) == (40, model.dim)
    assert loaded.preprocessing.resize == ("shortest" if kind in {Clip, Dinov2} else "squash")
    pixels = views(model)
    with torch.no_grad():
        assert torch.equal(loaded(pixels), model(pixels))


def test_a_folder_without_a_part_is_refused(saved, tmp_path):
    folder, kind, config, _ = saved
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ArtifactError, match="processor"):
        kind(config(weights=str(tmp_path)))
    weights = safetensors_torch.load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    metadata = {"format": "pt"}
    safetensors_torch.save_file(
        {k: v for k, v in weights.items() if k != name}, tmp_path / "model.safetensors", metadata
    )
    with pytest.raises(ArtifactError, match="lacks 1 weights"):
        kind(config(weights=str(tmp_path)))
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="safetensors"):
        kind(config(weights=str(tmp_path)))


@pytest.mark.parametrize("name", sorted(TOWERS))
def test_nothing_is_fetched_unasked(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    kind, config = TOWERS[name]
    with pytest.raises(ArtifactError, match="download=true, or give a folder"):
        kind(config(weights="nobody/has-this-model"))
    with pytest.raises(OptionError, match="No weights"):
        kind(config(weights=""))


def test_poolings():
    small = {"weights": "random", "pooling": "class_and_mean", "image_px": 32, "patch_px": 8, "width": 32, "heads": 2}
    both = Dinov2(Dinov2Config(**small, layers=1))
    assert both.dim == 64
    pixels = views(both, 2)
    with torch.no_grad():
        tokens = both.tower(pixel_values=pixels).last_hidden_state
        assert torch.allclose(both(pixels)[:, 32:], tokens[:, 1:].mean(1))
    third = Dinov3(Dinov3Config(**small, layers=1))
    with torch.no_grad():
        tokens = third.tower(pixel_values=pixels).last_hidden_state
        assert tokens.shape[1] == 1 + 4 + 16
        assert torch.allclose(third(pixels)[:, 32:], tokens[:, 5:].mean(1))
    with pytest.raises(OptionError, match="Did you mean 'class_and_mean'"):
        Dinov2Config(pooling="class_and_means")


def test_clip_is_the_projection_that_geoclip_reads():
    """GeoCLIP takes `get_image_features` of a whole CLIP model; ours is the same half."""
    import transformers

    model = Clip.tiny(seed=0)
    vision = model.tower.config.to_dict()
    whole = transformers.CLIPModel(
        transformers.CLIPConfig(
            vision_config=vision,
            text_config={
                "vocab_size": 9,
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "bos_token_id": 0,
                "eos_token_id": 1,
            },
            projection_dim=16,
        )
    ).eval()
    whole.vision_model.load_state_dict(model.tower.vision_model.state_dict())
    whole.visual_projection.load_state_dict(model.tower.visual_projection.state_dict())
    pixels = views(model)
    with torch.no_grad():
        theirs = whole.get_image_features(pixel_values=pixels)
        theirs = theirs if isinstance(theirs, torch.Tensor) else theirs.pooler_output
        assert torch.allclose(model(pixels), theirs, atol=1e-6)
    assert model.preprocessing == clip_preprocessing(32)


# ------------------------------------------------------------------------------------------------ MobileNetV2


def test_same_padding_is_that_of_tensorflow():
    # An even side at stride 2: one pixel at the end only, so output i sees inputs 2i, 2i+1, 2i+2.
    layer = SameConv(1, 1, 3, stride=2)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    row = torch.arange(1.0, 7.0)
    found = layer(row.repeat(6, 1)[None, None])[0, 0, 0]
    assert found.tolist() == [3 * 6.0, 3 * 12.0, 3 * 11.0]
    odd = layer(torch.ones(1, 1, 5, 5))[0, 0]
    assert odd.tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_the_published_layout():
    names = {name: tuple(value.shape) for name, value in MobilenetV2(MobilenetConfig()).state_dict().items()}
    assert names["blocks.0.depthwise.weight"] == (32, 1, 3, 3)
    assert "blocks.0.expand.weight" not in names
    assert names["blocks.13.depthwise.weight"] == (576, 1, 3, 3)
    assert names["blocks.16.project.weight"] == (320, 960, 1, 1)
    assert names["classifier.weight"] == (1001, 1280)
    # 3,504,872 at 1,000 classes with batch norm; its 17,056 scales are folded in; one class more.
    assert sum(int(np.prod(shape)) for shape in names.values()) == 3_504_872 - 17_056 + 1_281


SEEN = {
    "landmark_01.jpg": "megalith",  # Stonehenge
    "landmark_02.jpg": "suspension bridge",  # Tower Bridge
    "landmark_03.jpg": "alp",  # Eiger, Mönch and Jungfrau
    "exif_03.jpg": "street sign",
    "nature_02.webp": "valley",
}


def test_published_weights_name_what_is_seen(shared):
    path = shared / "assets" / "mobilenet_v2_1.0_224_dequant.safetensors"
    model = MobilenetV2(MobilenetConfig(weights=str(path))).eval()
    labels = (shared / "assets" / "labels_imagenet.txt").read_text().splitlines()
    for name, label in SEEN.items():
        pixels = np.asarray(Image.open(shared / "data/photos/demo" / name).convert("RGB"))
        with torch.no_grad():
            chance = model.classify(torch.from_numpy(model.preprocessing.apply(pixels))[None]).softmax(dim=1)[0]
        assert labels[int(chance.argmax())].startswith(label), name
        assert chance.max() > 0.5, name


def test_other_weights_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    safetensors_torch.save_file({"stem.weight": torch.zeros(2)}, file)
    with pytest.raises(ArtifactError, match="expected 1428b7bc"):
        MobilenetV2(MobilenetConfig(weights=str(file)))
    with pytest.raises(ArtifactError, match="do not fit the network"):
        MobilenetV2(MobilenetConfig(weights=str(file), sha256=""))
    with pytest.raises(ArtifactError, match="cannot be read"):
        MobilenetV2(MobilenetConfig(weights=str(tmp_path / "none")))
    with pytest.raises(OptionError, match="image_px ≥ 32"):
        MobilenetConfig(image_px=8)
