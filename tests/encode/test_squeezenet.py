"""The network of scenes gives what the same layers give elsewhere."""

import json

import numpy as np
import pytest

from whence.core.errors import ArtifactError
from whence.encode.squeezenet import SqueezeNet

SIZES = {  # squeeze, each expand, and what comes in
    "fire2": (16, 64, 64), "fire3": (16, 64, 128), "fire4": (32, 128, 128), "fire5": (32, 128, 256),
    "fire6": (48, 192, 256), "fire7": (48, 192, 384), "fire8": (64, 256, 384), "fire9": (64, 256, 512),
}  # fmt: skip


def weights(classes=7, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"conv1": (64, 3, 3, 3), "conv10": (classes, 512, 1, 1)}
    for fire, (narrow, wide, given) in SIZES.items():
        shapes |= {
            f"{fire}.squeeze": (narrow, given, 1, 1),
            f"{fire}.expand1x1": (wide, narrow, 1, 1),
            f"{fire}.expand3x3": (wide, narrow, 3, 3),
        }
    out = {}
    for layer, shape in shapes.items():
        out[f"{layer}.weight"] = (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
        out[f"{layer}.bias"] = rng.normal(size=shape[0]).astype(np.float32) * np.float32(0.1)
    return out


def save(path, tensors):
    header, body = {}, b""
    for name, value in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [len(body), len(body) + value.nbytes],
        }
        body += value.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def picture(height=260, width=300):
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


def test_same_as_torch(tmp_path):
    torch = pytest.importorskip("torch", reason="the extra train is not installed")
    torch.set_num_threads(1)
    layer = torch.nn.functional
    given = weights()
    tensors = {name: torch.from_numpy(value) for name, value in given.items()}

    def conv(name, x, **how):
        return layer.leaky_relu(layer.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], **how), 0.55)

    from whence.encode.squeezenet import _prepared

    x = conv("conv1", torch.from_numpy(_prepared(picture()))[None], stride=2, padding=1)
    for group in (("fire2", "fire3"), ("fire4", "fire5"), ("fire6", "fire7", "fire8", "fire9")):
        x = layer.max_pool2d(x, 3, 2)
        for fire in group:
            s = conv(f"{fire}.squeeze", x)
            x = torch.cat([conv(f"{fire}.expand1x1", s), conv(f"{fire}.expand3x3", s, padding=1)], dim=1)
    wanted = torch.softmax(conv("conv10", x).mean(dim=(2, 3))[0].double(), 0).numpy()
    network = SqueezeNet(save(tmp_path / "n.safetensors", given))
    assert network.classes == 7
    np.testing.assert_allclose(network.probabilities(picture()), wanted, rtol=1e-4)


@pytest.mark.parametrize("size", [(20, 30), (30, 900), (700, 400)])
def test_any_size_of_picture(tmp_path, size):
    found = SqueezeNet(save(tmp_path / "n.safetensors", weights())).probabilities(picture(*size))
    assert found.shape == (7,)
    assert found.sum() == pytest.approx(1.0)


def test_another_network_is_refused(tmp_path):
    given = weights()
    del given["fire7.squeeze.bias"]
    with pytest.raises(ArtifactError, match=r"fire7\.squeeze"):
        SqueezeNet(save(tmp_path / "n.safetensors", given))
