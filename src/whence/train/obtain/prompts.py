"""StreetCLIP, SigLIP and their like as bundles of prompts: a picture tower, and texts that are embedded once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from whence.core.bundle import Bundle, BundleHeader, write_bundle
from whence.core.errors import ArtifactError
from whence.core.optional import optional_import
from whence.encode.image.clip import Clip
from whence.encode.image.clip import Config as ClipConfig
from whence.encode.image.siglip import Config as SiglipConfig
from whence.encode.image.siglip import Siglip
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing
from whence.encode.published import Published
from whence.encode.text.clip_text import ClipText
from whence.encode.text.clip_text import Config as ClipTextConfig
from whence.encode.text.siglip_text import Config as SiglipTextConfig
from whence.encode.text.siglip_text import SiglipText
from whence.encode.text.types import TextEncoder
from whence.evidence.prompts.model import PromptSettings, check_prompts, write_labels
from whence.train.export import UnitLength, export_graph, noise_pixels
from whence.train.obtain.folders import consistent
from whence.train.obtain.steps import Steps
from whence.train.obtain.texts import prompt_labels

_SCALE = "logit_scale"
_AT_ONCE = 256


def towers(model: Published, folder: Path) -> tuple[ImageEncoder, TextEncoder]:
    """Load both halves of a model of pictures and texts.

    Raises:
        ArtifactError: see `whence.encode.hub.load_tower`; the halves' embeddings differ in length.
    """
    image: ImageEncoder
    text: TextEncoder
    if model.family == "siglip":
        image, text = Siglip(SiglipConfig(weights=str(folder))), SiglipText(SiglipTextConfig(weights=str(folder)))
    else:
        with consistent(folder) as place:
            image, text = Clip(ClipConfig(weights=str(place))), ClipText(ClipTextConfig(weights=str(place)))
    if image.dim != text.dim:
        raise ArtifactError(
            f"The model in {folder} embeds pictures in {image.dim} numbers and texts in {text.dim}: they cannot be "
            "compared. Give a model of pictures and texts that share a space."
        )
    return image, text


def read_scale(folder: Path) -> float:
    """Read the factor on cosines that a model learned.

    Raises:
        ArtifactError: no file of the folder holds one.
    """
    tool = optional_import("safetensors", extra="train", purpose="read weights")
    for path in sorted(folder.glob("*.safetensors")):
        with tool.safe_open(str(path), framework="np") as file:
            if _SCALE in file.keys():  # noqa: SIM118 - the file has keys(), and is no mapping
                scale = math.exp(float(np.ravel(file.get_tensor(_SCALE))[0]))
                if 0.0 < scale < math.inf:
                    return scale
    raise ArtifactError(
        f"The files *.safetensors in {folder} hold no {_SCALE}: it is no whole model of pictures and texts. Give one "
        "that was saved with save_pretrained."
    )


def nothing_pictures(preprocessing: Preprocessing) -> Float[np.ndarray, "n 3 side side"]:
    """Pictures that show nothing: black, grey, white, shades from side to side, coarse and fine noise."""
    side = preprocessing.crop_px
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, side)
    pictures = [np.full((side, side, 3), shade, np.float64) for shade in (0, 64, 128, 192, 255)]
    pictures += [
        np.broadcast_to(ramp[:, None, None], (side, side, 3)),
        np.broadcast_to(ramp[None, :, None], (side, side, 3)),
    ]
    pictures += [rng.uniform(0, 255, (side, side, 3))]
    cells = np.arange(side) * 4 // side
    pictures += [rng.uniform(0, 255, (4, 4, 3))[cells][:, cells]]
    return preprocessing.normalise(np.stack(pictures).astype(np.uint8))


def build_prompts(
    model: Published, tower_folder: Path, header: BundleHeader, folder: Path, steps: Steps, *, overwrite: bool
) -> Bundle:
    """Export a picture tower, embed the prompts, and write the bundle.

    Args:
        model: which.
        tower_folder: the model as ``transformers`` saves it, tokenizer included.
        header: the card so far; ``config``, ``preprocessing`` and ``calibration`` are filled in.
        folder: of the bundle.
        steps: keeps what was finished.
        overwrite: replace a bundle that is there.

    Raises:
        ArtifactError: another kind of model, or a graph that differs from PyTorch.
        OptionError: something lies at ``folder``.
    """
    image, text = towers(model, tower_folder)
    labels = prompt_labels(model)
    texts = [label.prompt for label in labels]
    header = replace(
        header,
        preprocessing=image.preprocessing.to_dict(),
        calibration={
            "temperature": 1.0,
            "fitted_on": "nothing: the published scale is taken as it is",
            "base_rates": "mean products of the prompts with 9 pictures that show nothing",
        },
        config={"logit_scale": read_scale(tower_folder), "temperature": 1.0, "views": "ground", **header.config},
    )
    PromptSettings.from_header(header)
    prompts = steps.array("prompts", "embedding the prompts", lambda: _embedded(text, texts))
    base = steps.array("base", "embedding pictures that show nothing", lambda: _base(image, prompts))
    check_prompts(prompts, base, labels, f"The bundle {header.name!r}")
    shown = torch.from_numpy(noise_pixels(image.preprocessing))
    export: Callable[[], bytes] = lambda: export_graph(UnitLength(image), [shown[:2]], ["pixels"], ["embedding"])  # noqa: E731
    graph = steps.graph("image.onnx", "exporting the picture tower", export)
    arrays = {"prompts": prompts, "base": base, "labels": write_labels(labels)}
    return write_bundle(folder, header, arrays, {"image": graph}, overwrite=overwrite)


def _embedded(text: TextEncoder, texts: list[str]) -> np.ndarray:
    parts = [text.encode(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
    return np.concatenate(parts).astype(np.float32)


def _base(image: ImageEncoder, prompts: np.ndarray) -> np.ndarray:
    tower: Any = UnitLength(image).eval()
    rows = []
    with torch.no_grad():
        for picture in nothing_pictures(image.preprocessing):
            rows.append(tower(torch.from_numpy(picture[None])).numpy()[0])
    found: np.ndarray = (np.stack(rows).astype(np.float64) @ prompts.T.astype(np.float64)).mean(axis=0)
    return found.astype(np.float32)
