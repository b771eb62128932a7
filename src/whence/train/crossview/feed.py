"""From places to what the network takes: gathered, shifted together, recoloured each for itself, preprocessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.core.arrays import IntArray
from whence.core.errors import OptionError
from whence.encode.preprocessing import Preprocessing
from whence.train.crossview.data.types import Part
from whence.train.feed import PixelFeed, turned
from whence.train.recipe import Augment


@final
class KindFeed:
    """Serves pictures of all variants of a part.

    Args:
        part: its pictures may be larger than the network takes: the rest is room for shifts.
        preprocessing: of the network.
        augment: how pictures are changed while training.
        registered: whether all pictures of a place are shifted together, each by itself otherwise. Turned they are
            together in any case.

    Raises:
        OptionError: pictures smaller than the network takes.
    """

    def __init__(self, part: Part, preprocessing: Preprocessing, augment: Augment, registered: bool) -> None:
        self.part, self.augment, self.registered = part, augment, registered
        self.side = preprocessing.crop_px
        self._pixels = PixelFeed(preprocessing, replace(augment, turn=False))
        for name, pictures in part.pictures.items():
            if min(pictures.pixels.shape[1:3]) < self.side:
                raise OptionError(
                    f"The tower takes pictures of {self.side} × {self.side} pixels, those of {name} have "
                    f"{pictures.pixels.shape[2]} × {pictures.pixels.shape[1]}: set the same side in [data] and [tower]."
                )

    def pictures(
        self, rows: Mapping[str, IntArray], generator: torch.Generator | None = None
    ) -> dict[str, Float[Tensor, "_ 3 side side"]]:
        """Network inputs of some pictures by variant; augmented if a generator is given."""
        out, corner, way = {}, (0.5, 0.5), 0
        if generator is not None and self.augment.turn:
            way = int(torch.randint(0, 8, (1,), generator=generator))
        for i, (name, chosen) in enumerate(rows.items()):
            held = self.part.pictures[name].pixels[chosen]
            if generator is not None and (i == 0 or not self.registered):
                corner = tuple(torch.rand(2, generator=generator).tolist())
            top, left = (int(c * (size - self.side + 1)) for c, size in zip(corner, held.shape[1:3], strict=True))
            cut = held[:, top : top + self.side, left : left + self.side]
            out[name] = self._pixels(turned(torch.from_numpy(cut), way, (1, 2)), generator)
        return out
