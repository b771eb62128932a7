"""From whatever a decoder gives (CMYK, 16 bits, palettes, alpha, profiles) to 8-bit sRGB."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

MAX_PROFILE_BYTES = 8 << 20
"""ICC profiles above this size are not used."""

_WIDE_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_BITS_PER_SAMPLE = 258


def to_srgb(image: Image.Image, size_px: tuple[int, int]) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert to mode RGB in the sRGB space, shrunk to ``size_px``, transparent parts on white.

    Returns:
        The picture, and readable sentences on what could not be done as the file asks.
    """
    said: list[str] = []
    profile = image.info.get("icc_profile")
    image = _simple_mode(image, said)
    if image.size != size_px:
        image = image.resize(size_px, Image.Resampling.BICUBIC, reducing_gap=3.0)
    alpha = image.getchannel("A") if image.mode in {"RGBA", "LA"} else None
    if alpha is not None:
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    image = _by_profile(image, profile, said)
    if alpha is not None:
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=alpha)
        image = white
    return image, tuple(said)


def _simple_mode(image: Image.Image, said: list[str]) -> Image.Image:
    """Bring rare modes to L, LA, RGB, RGBA, CMYK or LAB."""
    if image.mode in _WIDE_MODES:
        return _eight_bits(image, said)
    if image.mode in {"P", "PA"} or (image.mode in {"L", "RGB", "1"} and "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK", "LAB"}:
        return image
    return image.convert("RGBA" if image.mode in {"La", "RGBa"} else "RGB")


def _eight_bits(image: Image.Image, said: list[str]) -> Image.Image:
    """Scale integers by the range that their depth has, and floats by the range that they take."""
    values = np.asarray(image).astype(np.float32)
    top = 65_535.0
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = tags.get(_BITS_PER_SAMPLE, (16,))
        depth = int(bits[0] if isinstance(bits, tuple) else bits)
        top = float(2 ** min(max(depth, 1), 32) - 1)
    low = 0.0
    if image.mode == "F" or top > 65_535.0:
        finite = values[np.isfinite(values)]
        low, top = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        said.append(f"Its brightness values ({low:g} to {top:g}) have no fixed range: stretched to 0..255.")
    scaled = (np.nan_to_num(values, nan=low, posinf=top, neginf=low) - low) * (255.0 / max(top - low, 1e-30))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _by_profile(image: Image.Image, profile: object, said: list[str]) -> Image.Image:
    """Apply an ICC profile, or Pillow's plain conversion if there is none or it is of no use."""
    from PIL import ImageCms

    if image.mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
    elif not isinstance(profile, bytes) or not profile:
        return image.convert("RGB")
    elif len(profile) > MAX_PROFILE_BYTES:
        said.append(f"Its colour profile ({len(profile):,} bytes) is too large: colours are taken as sRGB.")
        return image.convert("RGB")
    else:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
                return image
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            said.append("Its colour profile is damaged: colours are taken as sRGB.")
            return image.convert("RGB")
    try:
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        said.append(f"Its colour profile does not fit its {image.mode} pixels: colours are taken as sRGB.")
        converted = None
    return converted if converted is not None else image.convert("RGB")
