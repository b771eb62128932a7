"""From the processor configuration that published models carry to our `Preprocessing`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whence.core.errors import ArtifactError
from whence.encode.preprocessing import Preprocessing

_FILTERS = {2: "bilinear", 3: "bicubic", 4: "box"}


def preprocessing_of(values: Mapping[str, Any], *, default: Preprocessing) -> Preprocessing:
    """Read what ``preprocessor_config.json`` says of size, crop, interpolation and normalisation.

    Args:
        values: its content, also that of older files, where sizes are numbers.
        default: what the family of models does where the file says nothing.

    Raises:
        ArtifactError: the file asks for something that `Preprocessing` cannot do, such as sides that differ.
    """
    resize, resize_px = _resize(values, default)
    crop_px = _crop(values, default, resize, resize_px)
    factor = values.get("rescale_factor", 1 / 255)
    if not values.get("do_rescale", True) or not math.isclose(factor, 1 / 255, rel_tol=1e-6):
        raise _refused("rescale_factor", factor, "1/255")
    number = int(values.get("resample", {name: i for i, name in _FILTERS.items()}[default.filter]))
    if number not in _FILTERS:
        raise _refused("resample", number, "2 (bilinear), 3 (bicubic) or 4 (box)")
    mean, deviation = _channels(values, default)
    return Preprocessing(
        crop_px=crop_px,
        resize_px=max(resize_px, crop_px),
        resize=resize,
        filter=_FILTERS[number],
        mean_r=mean[0],
        mean_g=mean[1],
        mean_b=mean[2],
        deviation_r=deviation[0],
        deviation_g=deviation[1],
        deviation_b=deviation[2],
    )


def _resize(values: Mapping[str, Any], default: Preprocessing) -> tuple[str, int]:
    """How the picture is brought to size, and to which."""
    size = values.get("size")
    if not values.get("do_resize", True):
        return "none", default.crop_px
    if size is None:
        return default.resize, default.resize_px
    if isinstance(size, int):
        return default.resize, size
    if isinstance(size, Mapping) and set(size) == {"shortest_edge"}:
        return "shortest", int(size["shortest_edge"])
    if isinstance(size, Mapping) and set(size) == {"height", "width"} and size["height"] == size["width"]:
        return "squash", int(size["height"])
    raise _refused("size", size, "one number, shortest_edge, or a height that equals the width")


def _crop(values: Mapping[str, Any], default: Preprocessing, resize: str, resize_px: int) -> int:
    """Side of the square that is cut, which must lie inside the picture as resized."""
    if not values.get("do_center_crop", default.resize == "shortest"):
        if resize == "shortest":
            raise _refused("do_center_crop", False, "true where only the shorter side is set")
        return resize_px
    crop = values.get("crop_size", default.crop_px)
    if isinstance(crop, Mapping):
        if set(crop) != {"height", "width"} or crop["height"] != crop["width"]:
            raise _refused("crop_size", crop, "a height that equals the width")
        crop = crop["height"]
    if resize == "squash" and crop != resize_px:
        raise _refused("crop_size", crop, f"{resize_px}, the size of the picture")
    if resize == "shortest" and crop > resize_px:
        raise _refused("crop_size", crop, f"at most {resize_px}, the shorter side")
    return int(crop)


def _channels(values: Mapping[str, Any], default: Preprocessing) -> tuple[list[float], list[float]]:
    if not values.get("do_normalize", True):
        return [0.0] * 3, [1.0] * 3
    mean = values.get("image_mean") or [default.mean_r, default.mean_g, default.mean_b]
    deviation = values.get("image_std") or [default.deviation_r, default.deviation_g, default.deviation_b]
    if len(mean) != 3 or len(deviation) != 3:
        raise _refused("image_mean and image_std", [mean, deviation], "three channels each")
    return [float(value) for value in mean], [float(value) for value in deviation]


def _refused(key: str, value: object, allowed: str) -> ArtifactError:
    return ArtifactError(
        f"The model's processor has {key} = {value!r}; allowed is {allowed}. Its pictures cannot be made here."
    )
