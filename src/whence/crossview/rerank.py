"""`ordered_inside`: places that retrieval found, in the order that positions inside of them give, and moved there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from whence.crossview.ground import Ground
from whence.crossview.inside import InsideReader
from whence.crossview.spread import radius_holding

if TYPE_CHECKING:
    from whence.crossview.candidates import Place
    from whence.samples.view import ViewKind

_TILE_PX = 256


def ordered_inside(
    turned: dict[float | None, UInt8[np.ndarray, "_ _ 3"]],
    kind: ViewKind,
    places: Sequence[Place],
    ground: Ground,
    reader: InsideReader,
    shown_m: float | None,
) -> list[Place]:
    """Re-rank places by what a map of positions says of each, and move them to where it sees the view.

    A moved place is as large as it must be to hold the view with 95 %, never larger than the tile it comes from.

    Args:
        turned: the view north up, by the heading that it was turned by.
        kind: of the view.
        places: windows of the references, with their likeness and the heading that it was found in.
        ground: where their pictures are cut.
        reader: finds the view in them.
        shown_m: how much ground the view shows, if that is known.
    """
    scores = np.zeros(len(places))
    moved = list(places)
    factor = ground.encoder().logit_scale or 1.0
    for heading, picture in turned.items():
        rows = [row for row, place in enumerate(places) if place.heading_deg == heading]
        patches = [
            ground.mosaic.patch_at(places[row].lat_deg, places[row].lon_deg, places[row].side_m, _TILE_PX)
            for row in rows
        ]
        found = reader.inside(picture, kind, [patch.pixels for patch in patches])
        for i, row in enumerate(rows):
            place = places[row]
            scores[row] = factor * place.score + reader.weight * float(found.score[i])
            lat, lon = patches[i].georeference.to_lat_lon(*(float(share) * _TILE_PX for share in found.xy[i]))
            if not (math.isfinite(float(lat)) and math.isfinite(float(lon))):
                continue
            shown = shown_m or (reader.shown_share * place.side_m if reader.shown_share else place.shown_m)
            sigma_m = float(found.sigma[i]) * place.side_m
            side = min(place.side_m, shown + 2.0 * radius_holding(0.95) * sigma_m)
            moved[row] = replace(
                place, lat_deg=float(lat), lon_deg=float(lon), side_m=side, shown_m=shown, sigma_m=sigma_m, row=None
            )
    return [moved[row] for row in np.argsort(-scores, kind="stable")]
