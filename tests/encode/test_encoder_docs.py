"""Every image and text encoder, and every setting of theirs, is in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from whence.core.config import settings
from whence.encode.cache import Config as CacheConfig
from whence.encode.image import image_encoders
from whence.encode.text import text_encoders

pytest.importorskip("torch", reason="PyTorch comes with the extra train")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "image-encoders.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("registry", [image_encoders, text_encoders])
def test_every_encoder_and_setting_is_documented(registry):
    for name in registry().names():
        assert f"| `{name}` |" in PAGE, name
        for item in settings(registry().load(name).CONFIG):
            assert f"`{item.name}`" in PAGE, f"{name}.{item.name}"


def test_every_setting_of_the_cache_is_documented():
    for item in settings(CacheConfig):
        assert item.help
        assert f"| `{item.name}` |" in PAGE
