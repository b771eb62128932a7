"""A small alignment bundle made without training: the mean colour of a picture is a direction, which is a place.

Red, green and blue above or below the middle are the x, y and z of a unit vector, and so are places; both go through
one matrix with orthonormal columns into eight dimensions. So a picture of `colour_of` a place fits best there.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whence.core.bundle import Bundle, BundleHeader, write_bundle
from whence.encode.preprocessing import Preprocessing

DIM = 8
IDS = ("climate/hot_desert", "terrain/mountains", "water/seashore", "climate/boreal")
MIXING = np.linalg.qr(np.random.default_rng(0).normal(size=(DIM, DIM)))[0][:, :3].T.astype(np.float32)
CONCEPTS = np.array([[0.8, 0.5, 0.3], [-0.2, 0.8, 0.5], [0.3, -0.9, 0.2], [0.2, 0.1, 1.0]])
CARD = BundleHeader(
    name="colours",
    kind="alignment",
    title="Colours as directions",
    licence="Apache-2.0",
    training_data="none: made by hand",
    config={
        "logit_scale": 20.0,
        "temperature": 1.0,
        "area": "all",
        "finest_order": 4,
        "views": ["ground", "satellite"],
    },
)


def direction(lat_deg, lon_deg):
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def colour_of(lat_deg, lon_deg) -> tuple[int, int, int]:
    red, green, blue = np.rint(127.5 + 100.0 * direction(lat_deg, lon_deg)).astype(int).tolist()
    return red, green, blue


def picture_of(lat_deg, lon_deg, size=(40, 30)) -> bytes:
    """A PNG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour_of(lat_deg, lon_deg)).save(buffer, "PNG")
    return buffer.getvalue()


def _graph(name, shape, nodes, constants) -> bytes:
    pytest.importorskip("onnx", reason="the extra train is not installed")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [*nodes, helper.make_node("MatMul", ["vector", "mixing"], ["mixed"]),
         helper.make_node("LpNormalization", ["mixed"], ["embedding"], axis=-1, p=2)],
        name,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(value, key) for key, value in {**constants, "mixing": MIXING}.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    return model.SerializeToString()


def graphs() -> dict[str, bytes]:
    pytest.importorskip("onnx", reason="the extra train is not installed")
    from onnx import helper

    node = helper.make_node
    image = _graph(
        "pixels",
        ["n", 3, 16, 16],
        [node("ReduceMean", ["pixels", "axes"], ["vector"], keepdims=0)],
        {"axes": np.array([2, 3], np.int64)},
    )
    location = _graph(
        "lat_lon_deg",
        ["n", 2],
        [
            node("Mul", ["lat_lon_deg", "radian"], ["angles"]),
            node("Split", ["angles"], ["lat", "lon"], axis=1, num_outputs=2),
            node("Cos", ["lat"], ["cos_lat"]),
            node("Sin", ["lat"], ["z"]),
            node("Cos", ["lon"], ["cos_lon"]),
            node("Sin", ["lon"], ["sin_lon"]),
            node("Mul", ["cos_lat", "cos_lon"], ["x"]),
            node("Mul", ["cos_lat", "sin_lon"], ["y"]),
            node("Concat", ["x", "y", "z"], ["vector"], axis=1),
        ],
        {"radian": np.array([np.pi / 180.0], np.float32)},
    )
    return {"image": image, "location": location}


def colour_bundle(folder: Path, *, concepts: int = 4, seed: int = 0, **changes) -> Bundle:
    """Write it; ``changes`` go into its ``config``."""
    rows = CONCEPTS[:concepts] @ MIXING + 0.2 * np.random.default_rng(seed).normal(size=(concepts, DIM))
    basis = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    activation = np.full((concepts, 2), [6.0, -1.0])
    activation[1:2] = np.nan
    from whence.concepts.bank import bank

    header = replace(
        CARD,
        config={**CARD.config, **changes},
        concepts={"bank": bank().hash, "ids": list(IDS[:concepts])} if concepts else {},
        preprocessing=Preprocessing(crop_px=16, resize_px=16, resize="squash", filter="box").to_dict(),
    )
    arrays = {"basis": basis.astype(np.float32).reshape(-1, DIM), "activation": activation.astype(np.float32)}
    return write_bundle(folder, header, arrays, graphs())
