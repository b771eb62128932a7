"""Street scenery: how much of the picture is road, building, vegetation and sky, by a segmentation network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Int

from whence.encode.tflite import TfliteModel, missing_runtime
from whence.evidence.scene.assets import SEGMENTATION, Asset, checked
from whence.evidence.scene.model import SceneTable, check_share, claim_of
from whence.evidence.scene.source import NetworkSource
from whence.evidence.types import Claim
from whence.samples.view import Query, View, ViewKind

TABLE = "streetscene"
"""Name of the fitted table."""

GROUPS: dict[str, tuple[int, ...]] = {
    "road": (0,),
    "pavement": (1,),
    "buildings": (2,),
    "walls and fences": (3, 4),
    "poles and signs": (5, 6, 7),
    "vegetation": (8,),
    "bare ground": (9,),
    "sky": (10,),
    "people": (11, 12),
    "vehicles": (13, 14, 15, 16, 17, 18),
}
"""Groups of the 19 classes of Cityscapes (Cordts et al. 2016), numbered as the network gives them: 0 is road."""

_ROAD, _CARS = (0,), (13, 14, 15)
_LEAST_ROAD, _LEAST_CARS = 0.05, 0.01
_SPECK = 0.003
_TOLD = 4


@dataclass(frozen=True)
class Config:
    """Where the network is, and the error model."""

    models: str = ""
    "Folder with the segmentation network; $WHENCE_ASSETS if empty."
    wrong_share: float = 0.05
    "Share of pictures whose scenery says nothing of the place, 0..1."

    def __post_init__(self) -> None:
        check_share(self.wrong_share, "streetscene.wrong_share")


def shares(classes: Int[np.ndarray, "h w"]) -> Float[np.ndarray, " k"]:
    """Share of the picture in each of `GROUPS`, 0..1."""
    counts = np.bincount(classes.ravel(), minlength=19) / classes.size
    return np.array([counts[list(numbers)].sum() for numbers in GROUPS.values()])


def features(found: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """What the fitted table takes: logarithms of shares, in which a speck is little more than nothing."""
    return np.log(found + _SPECK)


def side_of_traffic(classes: Int[np.ndarray, "h w"]) -> float | None:
    """How far right of the middle of the road the vehicles stand, in widths of the picture.

    ``None`` with less than 5 % of road or 1 % of vehicles.
    """
    across = np.arange(classes.shape[1]) / (classes.shape[1] - 1)
    middles = []
    for numbers, least in ((_ROAD, _LEAST_ROAD), (_CARS, _LEAST_CARS)):
        columns = np.isin(classes, numbers).mean(axis=0)
        if columns.mean() < least:
            return None
        middles.append(float(columns @ across / columns.sum()))
    return middles[1] - middles[0]


@final
class StreetScene(NetworkSource):
    """Shares of road, building, vegetation and sky, and what they say of people, relief and climate."""

    NAME: ClassVar[str] = "streetscene"
    SUMMARY: ClassVar[str] = "shares of road, buildings, vegetation and sky in a photo, by a segmentation network"
    NEEDS: ClassVar[str] = (
        "a photo from the ground; the extra scenery and a folder with the network (streetscene.models)"
    )
    ERROR_MODEL: ClassVar[str] = (
        "The shares pull towards people, relief, coast and climate by a small fitted table; 5 % of pictures say "
        "nothing. Several views of one place count as one. The side that traffic keeps moves nothing: it was measured "
        "to be no better than chance."
    )

    FILES: ClassVar[tuple[Asset, ...]] = (SEGMENTATION,)
    NETWORKS: ClassVar[tuple[Asset, ...]] = (SEGMENTATION,)

    def __init__(self, config: Config | None = None) -> None:
        """Find the network.

        Raises:
            OptionError: the folder of the setting lacks it.
        """
        self.config = config or Config()
        super().__init__(self.config.models)
        self._loaded: tuple[TfliteModel, SceneTable] | None = None

    def availability(self) -> str | None:
        """What is missing: the networks or what runs them."""
        return missing_runtime() or super().availability()

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim a view from the ground, and a remark on the side of traffic where there is some."""
        numbers = [n for n, view in enumerate(query.views) if view.kind == ViewKind.GROUND]
        if not numbers or self._folder is None:
            return ()
        network, table = self._load()
        claims = []
        for number in numbers:
            classes = self.segment(query.views[number], network)
            found = shares(classes)
            claims.append(
                claim_of(
                    table.pulls(features(found)),
                    kind="street scenery",
                    read=_in_words(found),
                    wrong_share=self.config.wrong_share,
                    views=len(numbers),
                    view=number,
                )
            )
            side = side_of_traffic(classes)
            if side is not None:
                claims.append(_remark(side, number))
        return tuple(claims)

    @staticmethod
    def segment(view: View, network: TfliteModel) -> Int[np.ndarray, "h w"]:
        """Class of each pixel of the picture, squeezed to the network's size."""
        return np.asarray(network.run(view.pixels), np.int64)

    def _load(self) -> tuple[TfliteModel, SceneTable]:
        with self._lock:
            if self._loaded is None:
                assert self._folder is not None
                network = TfliteModel(checked(self._folder, SEGMENTATION))
                self._loaded = network, SceneTable.load(TABLE, SEGMENTATION)
            return self._loaded


def _in_words(found: Float[np.ndarray, " k"]) -> str:
    names = list(GROUPS)
    return ", ".join(f"{names[n]} {found[n]:.0%}" for n in np.argsort(-found, kind="stable")[:_TOLD] if found[n] > 0.01)


def _remark(side: float, view: int) -> Claim:
    where = "right" if side > 0.0 else "left"
    return Claim(
        kind="side of traffic",
        read=f"vehicles stand {where} of the middle of the road, by {abs(side):.0%} of the picture's width",
        implies="nothing: on photographs it told the side of the road no better than chance",
        view=view,
    )
