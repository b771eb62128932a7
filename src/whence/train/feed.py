"""From a part of the data to batches: drawn, augmented and preprocessed, equally at every resume."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.encode.preprocessing import Preprocessing
from whence.train.data.types import Part
from whence.train.recipe import Augment

_STREAMS = 1_000_003
"""Seeds of one step lie this far from those of the next seed's."""


def generator_of(seed: int, step: int, stream: int = 0) -> torch.Generator:
    """Return the generator of one step: the same after a resume as without it."""
    return torch.Generator().manual_seed((seed * _STREAMS + step) * 8 + stream)


@final
class PixelFeed:
    """Makes 8-bit pictures a network's input, changed at random while training.

    Args:
        preprocessing: of the network; pictures come in its size.
        augment: how they are changed; ``None`` leaves them.
    """

    def __init__(self, preprocessing: Preprocessing, augment: Augment | None = None) -> None:
        self.augment = augment
        p = preprocessing
        self._mean = torch.tensor([p.mean_r, p.mean_g, p.mean_b])[:, None, None] * 255
        self._factor = 1 / (torch.tensor([p.deviation_r, p.deviation_g, p.deviation_b])[:, None, None] * 255)

    def __call__(self, inputs: Tensor, generator: torch.Generator | None = None) -> Float[Tensor, "n 3 h w"]:
        """Preprocess ``n × h × w × 3`` pictures; augmented if a generator is given."""
        x = inputs.permute(0, 3, 1, 2).contiguous().float()  # plane by plane: much the quicker for what follows
        if self.augment is not None and generator is not None:
            if self.augment.turn:
                x = turned(x, int(torch.randint(0, 8, (1,), generator=generator)), (2, 3))
            x = _shifted(x, self.augment.shift_px, generator)
            x = _recoloured(x, self.augment, generator)
        x = (x - self._mean) * self._factor
        if self.augment is not None and generator is not None and self.augment.noise:
            x = x + self.augment.noise * torch.randn(x.shape, generator=generator)
        return x


@final
class Feed:
    """Serves batches of a part.

    Args:
        part: pictures or features.
        preprocessing: of the image encoder; unused for features.
        augment: how pictures are changed; ``None`` leaves them.
    """

    def __init__(self, part: Part, preprocessing: Preprocessing | None, augment: Augment | None = None) -> None:
        self.inputs = torch.from_numpy(part.inputs)
        self.lat_lon_deg = torch.from_numpy(part.lat_lon_deg).float()
        self._pixels = PixelFeed(preprocessing, augment) if preprocessing is not None else None

    def __len__(self) -> int:
        return len(self.inputs)

    def rows(self, seed: int, step: int, batch: int) -> Tensor:
        """Rows of a step: no picture twice an epoch, in an order of its own each epoch.

        The few that fill no batch are left to another epoch; only a part smaller than a batch makes a short one.
        """
        per_epoch = max(1, len(self) // batch)
        epoch, place = divmod(step, per_epoch)
        order = torch.randperm(len(self), generator=generator_of(seed, epoch, 1))
        return order[place * batch : (place + 1) * batch]

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Float[Tensor, " n *rest"]:
        """Inputs of some rows; augmented if a generator is given."""
        inputs = self.inputs[rows]
        if inputs.dtype != torch.uint8 or self._pixels is None:
            return inputs.float()
        return self._pixels(inputs, generator)


def turned(x: Tensor, way: int, sides: tuple[int, int]) -> Tensor:
    """Pictures as one of the eight turns and mirrorings of a square has them.

    Args:
        x: any shape.
        way: 0 to 7; 0 leaves them, from 4 on they are mirrored.
        sides: the axes of height and width.
    """
    mirrored = x.flip(sides[1]) if way >= 4 else x
    return torch.rot90(mirrored, way % 4, sides)


def _shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Shift the whole batch by one offset: as good over many steps as one each, and free."""
    if not most:
        return x
    down, right = (int(v) for v in torch.randint(0, 2 * most + 1, (2,), generator=generator))
    padded = torch.nn.functional.pad(x, (most, most, most, most), mode="replicate")
    return padded[:, :, down : down + x.shape[2], right : right + x.shape[3]]


def _recoloured(x: Tensor, augment: Augment, generator: torch.Generator) -> Tensor:
    def factors(*shape: int, most: float) -> Tensor:
        return 1 + most * (2 * torch.rand(*shape, 1, 1, generator=generator) - 1)

    n = len(x)
    if augment.contrast:
        mean = x.mean(dim=(2, 3), keepdim=True)
        x = mean + (x - mean) * factors(n, 1, most=augment.contrast)
    if augment.brightness or augment.colour:
        x = x * (factors(n, 1, most=augment.brightness) * factors(n, 3, most=augment.colour))
    return x
