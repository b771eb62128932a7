"""GeoCLIP as an alignment bundle: CLIP's picture tower, the published projection and location encoder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.bundle import Bundle, BundleHeader, write_bundle
from whence.core.errors import ArtifactError
from whence.encode.bundled import AlignmentSettings, check_parts
from whence.encode.image.clip import Clip
from whence.encode.image.clip import Config as ClipConfig
from whence.encode.location.checkpoints import load_strictly, read_torch_file
from whence.encode.location.geoclip import Config as LocationConfig
from whence.encode.location.geoclip import GeoClip
from whence.train.export import UnitLength, example_places, export_graph, noise_pixels
from whence.train.obtain.folders import consistent
from whence.train.obtain.steps import Steps

HEAD, LOCATION, SCALE = "image_encoder_mlp_weights.pth", "location_encoder_weights.pth", "logit_scale_weights.pth"
"""Names of the published files."""

_FINEST_ORDER = 8  # cells of 25 km: the published gallery of 100,000 places is about as fine where people live
_MOST_SCALE = 100.0
_TOLERANCE = 5e-4  # the finest waves have phases of thousands of radians, where float32 rounds by as much


@final
class ProjectedTower(nn.Module):
    """A picture tower and the network that takes its embeddings into the space of places.

    Args:
        tower: frozen.
        head: of two layers.
    """

    def __init__(self, tower: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.tower, self.head = tower, head

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures; not normalised."""
        found: Tensor = self.head(self.tower(pixels))
        return found


def load_head(path: Path) -> nn.Sequential:
    """Read the projection: linear, ReLU, linear, of the sizes in the file.

    Raises:
        ArtifactError: the file is damaged or holds something else.
    """
    weights = read_torch_file(path)
    try:
        (hidden, inputs), (outputs, _) = weights["0.weight"].shape, weights["2.weight"].shape
    except (KeyError, AttributeError, ValueError) as error:
        raise ArtifactError(
            f"{path} holds no projection of two layers (0.weight, 0.bias, 2.weight, 2.bias); its names are "
            f"{sorted(weights)[:6]}. Give GeoCLIP's {HEAD}."
        ) from error
    head = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    load_strictly(head, weights, path)
    return head.eval()


def load_location(path: Path) -> GeoClip:
    """Read the location encoder, of the sizes in the file.

    Raises:
        ArtifactError: the file is damaged or holds something else.
    """
    weights = read_torch_file(path)
    encoder = GeoClip(_location_config(weights, path), torch.Generator().manual_seed(0))
    load_strictly(encoder, weights, path)
    return encoder.eval()


def _location_config(weights: Mapping[str, Any], path: Path) -> LocationConfig:
    try:
        scales = {match[1] for name in weights if (match := re.match(r"LocEnc(\d+)\.", name))}
        linear = [name for name in weights if re.fullmatch(r"LocEnc0\.capsule\.\d+\.weight", name)]
        return LocationConfig(
            scales=",".join(["1"] * len(scales)),  # they shape random waves only, which are in the file
            waves=len(weights["LocEnc0.capsule.0.b"]),
            width=len(weights["LocEnc0.capsule.1.weight"]),
            layers=len(linear),
            dim=len(weights["LocEnc0.head.0.weight"]),
        )
    except (KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} holds no location encoder of GeoCLIP ({error} is missing); its names are {sorted(weights)[:4]}. "
            f"Give GeoCLIP's {LOCATION}."
        ) from error


def load_scale(path: Path) -> float:
    """Read the factor on cosines, at most 100 as in CLIP.

    Raises:
        ArtifactError: the file is damaged or holds no single number.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        scale = math.exp(float(found))
    except Exception as error:  # torch has errors of many kinds for files that are none
        raise ArtifactError(f"{path} holds no single number ({error}). Give GeoCLIP's {SCALE}.") from error
    if not 0.0 < scale < math.inf:
        raise ArtifactError(f"{path} holds the factor {scale}, a finite number above 0 is needed.")
    return min(scale, _MOST_SCALE)


def build_geoclip(
    tower_folder: Path, weights_folder: Path, header: BundleHeader, folder: Path, steps: Steps, *, overwrite: bool
) -> Bundle:
    """Export GeoCLIP and write its bundle.

    Args:
        tower_folder: CLIP as ``transformers`` saves it.
        weights_folder: the three published files.
        header: the card so far; ``config``, ``preprocessing`` and ``calibration`` are filled in.
        folder: of the bundle.
        steps: keeps what was finished.
        overwrite: replace a bundle that is there.

    Raises:
        ArtifactError: weights of another layout, or a graph that differs from PyTorch.
        OptionError: something lies at ``folder``.
    """
    with consistent(tower_folder) as place:
        tower = Clip(ClipConfig(weights=str(place)))
    head, location = load_head(weights_folder / HEAD), load_location(weights_folder / LOCATION)
    first: Any = head[0]
    last: Any = head[2]
    if first.in_features != tower.dim or last.out_features != location.dim:
        raise ArtifactError(
            f"The parts do not fit together: CLIP gives {tower.dim} numbers, the projection takes {first.in_features} "
            f"to {last.out_features}, places have {location.dim}. Give CLIP ViT-L/14 with GeoCLIP's published weights."
        )
    header = replace(
        header,
        preprocessing=tower.preprocessing.to_dict(),
        calibration={"temperature": 1.0, "fitted_on": "nothing: the published scale is taken as it is"},
        config={
            "logit_scale": load_scale(weights_folder / SCALE),
            "temperature": 1.0,
            "area": "land",
            "finest_order": _FINEST_ORDER,
            "views": "ground",
            **header.config,
        },
    )
    AlignmentSettings.from_header(header)
    picture, places = UnitLength(ProjectedTower(tower, head)), UnitLength(location)
    shown = torch.from_numpy(noise_pixels(tower.preprocessing))
    graphs = {
        "location": steps.graph(
            "location.onnx",
            "exporting the places",
            lambda: export_graph(places, [example_places()], ["lat_lon_deg"], ["embedding"], tolerance=_TOLERANCE),
        ),
        "image": steps.graph(
            "image.onnx",
            "exporting the picture tower",
            lambda: export_graph(picture, [shown[:2]], ["pixels"], ["embedding"]),
        ),
    }
    arrays = {"basis": np.zeros((0, location.dim), np.float32), "activation": np.zeros((0, 2), np.float32)}
    check_parts(arrays["basis"], arrays["activation"], (), f"The bundle {header.name!r}")
    return write_bundle(folder, header, arrays, graphs, overwrite=overwrite)
