"""Networks in TensorFlow Lite files, run by LiteRT (extra ``scenery``)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from whence.core.errors import ArtifactError
from whence.core.optional import is_installed, optional_import

EXTRA = "scenery"
_MODULE = "ai_edge_litert.interpreter"


def missing_runtime() -> str | None:
    """Return what is missing to run such networks and how to get it, ``None`` if nothing is."""
    if is_installed("ai_edge_litert"):
        return None
    return f"the package ai-edge-litert is not installed: pip install 'whence[{EXTRA}]'"


@final
class TfliteModel:
    """A network that takes one 8-bit RGB picture of a fixed size and gives one array.

    It may be asked from several threads; they take turns.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load the file.

        Args:
            path: of the ``.tflite`` file.
            threads: that LiteRT may use.

        Raises:
            MissingExtraError: LiteRT is not installed.
            ArtifactError: the file is damaged, or its input is no 8-bit RGB picture.
        """
        module: Any = optional_import(_MODULE, extra=EXTRA, purpose="run the small networks of scenery")
        # The default delegate writes a line to the error stream for every process; without it results are the same.
        plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = module.Interpreter(
                model_path=str(path), num_threads=threads, experimental_op_resolver_type=plain
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(f"The file {path} is no network that LiteRT can load ({error}).") from error
        self._input, self._output = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        shape = tuple(int(length) for length in self._input["shape"])
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or self._input["dtype"] is not np.uint8:
            raise ArtifactError(
                f"The network {path} takes {np.dtype(self._input['dtype'])} of shape {shape}; needed is one 8-bit RGB "
                "picture."
            )
        self._size = (shape[2], shape[1])
        self._lock = threading.Lock()

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the pictures that it takes."""
        return self._size

    def run(self, pixels: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
        """Run on one picture, which is squeezed to the network's size.

        Returns:
            Its output without the axis of pictures; quantised 8-bit outputs as the numbers that they stand for.
        """
        picture = Image.fromarray(pixels)
        if picture.size != self._size:
            picture = picture.resize(self._size, Image.Resampling.BILINEAR)
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], np.asarray(picture)[None])
            self._interpreter.invoke()
            found: np.ndarray = self._interpreter.get_tensor(self._output["index"])[0]
        if found.dtype == np.uint8:
            scale, zero = self._output["quantization"]
            return (found.astype(np.float64) - zero) * scale
        return found
