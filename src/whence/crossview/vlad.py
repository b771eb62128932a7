"""`VladEncoder`: pictures from above as vectors without a trained network, so that retrieval works out of the box.

Local descriptors (SIFT with square roots: Arandjelović and Zisserman, Three things everyone should know to improve
object retrieval, CVPR 2012) that all point up are shortened by principal components, and their differences to the
nearest of a few centres are summed (VLAD: Jégou et al., Aggregating local image descriptors into compact codes, TPAMI
2012). Descriptors that point up tell more than those turned to their gradient, as tiles have north up; a query whose
heading is not known is asked in several directions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from io import BytesIO
from typing import final

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.errors import unknown_name
from whence.core.threads import usual_threads
from whence.crossview.encoder import CrossViewEncoder
from whence.encode.local.sift import Config as SiftConfig
from whence.encode.local.sift import Sift
from whence.samples.view import ViewKind

KINDS = frozenset({ViewKind.SATELLITE, ViewKind.DRONE, ViewKind.MAP})
"""Views that look down; those from the ground share no local patterns with tiles."""

BLACK = 8
"""Areas that are at most this bright in every channel hold no data."""


@dataclass(frozen=True, eq=False)
class VladTable:
    """What is learned: once, from pictures from above.

    Attributes:
        mean: of the descriptors.
        axes: principal components of the descriptors.
        centres: to which shortened descriptors are compared.
        middle: mean of the vectors, taken off each.
    """

    mean: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "p d"]
    centres: Float[np.ndarray, "k p"]
    middle: Float[np.ndarray, " dim"]

    def to_bytes(self) -> bytes:
        """As the content of an ``npz`` file."""
        out = BytesIO()
        np.savez(
            out, **{name: getattr(self, name).astype(np.float32) for name in ("mean", "axes", "centres", "middle")}
        )
        return out.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> VladTable:
        """Read what `to_bytes` wrote."""
        with np.load(BytesIO(content), allow_pickle=False) as parts:
            return VladTable(*(parts[name] for name in ("mean", "axes", "centres", "middle")))

    def summed(self, descriptors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " dim"]:
        """Sum the differences to the centres, each centre and then the whole scaled to length 1, with square roots."""
        short = (descriptors - self.mean) @ self.axes.T
        nearest = np.argmin(np.square(self.centres).sum(1) - 2.0 * short @ self.centres.T, axis=1)
        sums = np.zeros_like(self.centres)
        np.add.at(sums, nearest, short - self.centres[nearest])
        sums /= np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9
        flat = np.sign(sums).ravel() * np.sqrt(np.abs(sums).ravel())
        return np.asarray(flat / (np.linalg.norm(flat) + 1e-9), np.float32)


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    side_px: int = 256
    "Long side to which pictures are brought before descriptors are taken."
    descriptors: int = 800
    "Most descriptors of a picture."
    contrast: float = 0.02
    "Least contrast of a point that is described."
    turns: int = 12
    "In how many directions queries of unknown heading are asked."


@final
class VladEncoder(CrossViewEncoder):
    """Embeds pictures from above by their local descriptors.

    Args:
        config: settings.
        table: what was learned; that of the package if not given.
    """

    def __init__(self, config: Config | None = None, table: VladTable | None = None) -> None:
        self.config = config or Config()
        content = table.to_bytes() if table is not None else _shipped()
        self.table = VladTable.from_bytes(content)
        self.name = "vlad"
        made = repr((self.config.side_px, self.config.descriptors, self.config.contrast)).encode()
        self.version = hashlib.sha256(content + made).hexdigest()[:16]
        self.dim = len(self.table.middle)
        self.kinds = KINDS
        self.turns = self.config.turns
        self.logit_scale = 0.0

    def embed(self, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], kind: ViewKind) -> Float[np.ndarray, "n dim"]:
        """Embed pictures; see the class it implements. A picture without any structure becomes a vector of zeros."""
        if kind not in self.kinds:
            raise unknown_name("kind of view that vlad reads", kind.value, [item.value for item in self.kinds])
        out = np.zeros((len(pictures), self.dim), np.float32)
        with ThreadPoolExecutor(usual_threads()) as pool:
            for row, described in enumerate(pool.map(self.descriptors, pictures)):
                if len(described):
                    vector = self.table.summed(described) - self.table.middle
                    out[row] = vector / (np.linalg.norm(vector) + 1e-9)
        return out

    def descriptors(self, picture: UInt8[np.ndarray, "height width 3"]) -> Float[np.ndarray, "n d"]:
        """Descriptors of a picture, all pointing up, each of length 1."""
        height, width = picture.shape[:2]
        scale = self.config.side_px / max(height, width)
        if scale != 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR)
        return self._sift.extract(picture, with_data(picture)).descriptors

    @cached_property
    def _sift(self) -> Sift:
        c = self.config
        return Sift(SiftConfig(points=c.descriptors, contrast=c.contrast, upright=True, equalise=False))


def with_data(picture: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    """Which pixels hold data: all but areas of black."""
    shown = np.asarray(picture.max(axis=2) > BLACK, np.uint8)
    # Lone dark pixels are shadows; only areas are missing.
    return np.asarray(cv2.morphologyEx(shown, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))) > 0


def _shipped() -> bytes:
    return (files("whence.crossview") / "tables" / "vlad.npz").read_bytes()
