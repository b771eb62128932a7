"""Curves over parts of a picture: cells of a grid are painted over, and the picture is located again.

What a part contributes is the fall of the log-density at the answer when it alone is painted over (occlusion: Zeiler,
Fergus 2014, "Visualizing and understanding convolutional networks", ECCV, arXiv:1311.2901). Painting makes pictures off
the data, so these curves say what the sources react to, less surely what the answer stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from whence.earth.field import LN2, Field
from whence.estimate.types import Estimate
from whence.evaluate.faithfulness.curves import OrderCurves, Step, order_curves
from whence.evaluate.faithfulness.units import Level
from whence.evidence.types import Box
from whence.samples.view import Query, View

Ask = Callable[[Query], Estimate]
"""Locates a query that was read before."""

Believe = Callable[[Query], Field]
"""Gives the belief of a query that was read before."""

_UNMOVED = 1e-9


def grid_boxes(side: int) -> tuple[Box, ...]:
    """Cells of a grid over a picture, row by row.

    Args:
        side: how many along each side, at least 1.
    """
    edges = np.linspace(0.0, 1.0, side + 1).tolist()
    return tuple(
        Box(edges[column], edges[row], edges[column + 1], edges[row + 1])
        for row in range(side)
        for column in range(side)
    )


def occluded(view: View, boxes: Iterable[Box]) -> View:
    """The view with some boxes painted in its mean colour; its metadata stay."""
    pixels = view.pixels.copy()
    height, width = pixels.shape[:2]
    colour = np.rint(view.pixels.mean(axis=(0, 1))).astype(np.uint8)
    for box in boxes:
        top, bottom = round(box.top * height), round(box.bottom * height)
        left, right = round(box.left * width), round(box.right * width)
        pixels[top:bottom, left:right] = colour
    return replace(view, pixels=pixels)


def region_curves(
    query: Query,
    ask: Ask,
    generator: np.random.Generator,
    *,
    side: int = 3,
    orders: int = 3,
    believe: Believe | None = None,
) -> OrderCurves | None:
    """Curves over the cells of a grid on the first view.

    Args:
        query: with one view or more; only the first is painted.
        ask: locates.
        generator: draws the random orders.
        side: cells along each side of the picture.
        orders: random orders; each costs ``side² − 1`` beliefs.
        believe: gives the belief of a query as ``ask`` does, sooner; ``ask`` itself is asked if not given.

    Returns:
        ``None`` where the pixels do not move the belief, or all orders are alike.
    """
    if not query.views or side < 2:
        return None
    full = ask(query)
    boxes = grid_boxes(side)
    known: dict[tuple[int, ...], tuple[float, float]] = {}

    def step(gone: Sequence[int]) -> tuple[float, float]:
        key = tuple(gone)
        if key not in known:
            view = occluded(query.views[0], [boxes[i] for i in key])
            painted = replace(query, views=(view, *query.views[1:]))
            known[key] = change(full, ask(painted).belief if believe is None else believe(painted))
        return known[key]

    if step(range(len(boxes)))[1] < _UNMOVED:
        return None
    names = [f"row {i // side + 1}, column {i % side + 1}" for i in range(len(boxes))]
    return order_curves(step, contributions(step, len(boxes)), names, Level.REGION, generator, orders)


def contributions(step: Step, count: int) -> list[float]:
    """Bits that each of ``count`` units adds at the answer: the mean of what it adds as the last and as the first.

    The Shapley value is the mean over all orders; these are the two places of an order that need no other choice. A
    unit painted alone says what it adds to all others, left alone what it adds to nothing; where units repeat each
    other, or hide something that comes out when they go, the two differ.
    """
    everything = step(range(count))[0]
    added_last = [step([i])[0] for i in range(count)]
    added_first = [everything - step([j for j in range(count) if j != i])[0] for i in range(count)]
    return [(last + first) / 2.0 for last, first in zip(added_last, added_first, strict=True)]


def change(full: Estimate, other: Field) -> tuple[float, float]:
    """Fall of the log₂ density at the answer of ``full``, and total variation, from its belief to another."""
    at = full.point
    before, after = (float(belief.at(at.lat_deg, at.lon_deg)) for belief in (full.belief, other))
    return (before - after) / LN2, total_variation(full.belief, other)


def total_variation(first: Field, second: Field) -> float:
    """Half of the integrated difference of two normalised densities, 0..1."""
    partition = first.partition.union(second.partition)
    return 0.5 * float(np.abs(first.on(partition).mass - second.on(partition).mass).sum())
