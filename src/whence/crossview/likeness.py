"""`likeness_claim`: what retrieval alone says of the whole Earth, for views that cannot be laid onto a tile.

Towers trained by the symmetric contrastive loss score a view and a tile by ``s = scale · ⟨x, y⟩``, which is the
pointwise mutual information of the two up to a constant (van den Oord, Li and Vinyals 2018, arXiv:1807.03748). Over
windows that cover an area A evenly, ``wᵢ = exp(sᵢ/T) / Σ exp(sⱼ/T)`` is therefore where the view was taken if it was
taken there, and the likelihood of place x against one without windows is ``m + (1 − m) A Σ wᵢ Nᵢ(x)``, with a kernel as
wide as each window. The temperature T and the share m allow for towers that are too sure, and for views of ground that
the windows do not show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError
from whence.crossview.candidates import Within, upright
from whence.crossview.ground import Ground
from whence.crossview.references.reference_set import Hits
from whence.earth import grid
from whence.earth.field import Field
from whence.evidence.types import Claim
from whence.samples.view import View, ViewKind

KERNEL = 0.4
"""Spread of the kernel over a window, as a share of its side."""

_ASKED = 20_000
_DRAWN = 300


@dataclass(frozen=True)
class Config:
    """How far likeness is believed."""

    temperature: float = 1.5
    "Scores are divided by it: towers are surer of tiles that they have not seen than they should be."
    wrong_share: float = 0.1
    "How often a view has nothing to do with any window that was compared."

    def __post_init__(self) -> None:
        if not self.temperature > 0.0 or not 0.0 < self.wrong_share < 1.0:
            raise OptionError(f"likeness needs temperature > 0 and 0 < wrong_share < 1, received {self}.")


def likeness_claim(
    view: View, ground: Ground, within: Within | None, config: Config | None = None, *, index: int = 0
) -> Claim | None:
    """The claim that a view is like some windows and unlike others.

    Args:
        view: of any kind that the set's encoder reads.
        ground: embedded reference pictures.
        within: where to compare only.
        config: settings.
        index: of the view in the query.

    Returns:
        ``None`` where the encoder does not read this kind, does not say how its scores are to be weighed, or no window
        lies inside.
    """
    config = config or Config()
    if not ground.can_search(view.kind) or ground.encoder().logit_scale <= 0.0:
        return None
    encoder = ground.encoder()
    turns = 1 if view.kind in (ViewKind.SATELLITE, ViewKind.MAP) else encoder.turns
    pictures = [upright(view.pixels, 360.0 * turn / turns) for turn in range(turns)]
    hits = ground.search(encoder.embed(pictures, view.kind), _ASKED, within=within)
    if not hits.rows.size:
        return None
    rows, scores = _best_turns(hits, encoder.logit_scale / config.temperature)
    field, share = _field(ground, rows, scores, config)
    side = float(np.median(ground.windows.side_m[rows]))
    return Claim(
        "likeness from above",
        f"compared with {len(rows):,} windows by {encoder.name}",
        f"the {_DRAWN if len(rows) > _DRAWN else len(rows)} most alike windows of {_length(side)} hold {share:.0%} of "
        "what likeness says",
        f"nothing to do with any window in {config.wrong_share:.0%} of views; scores divided by {config.temperature:g}",
        field,
        index,
    )


def _best_turns(hits: Hits, factor: float) -> tuple[np.ndarray, Float[np.ndarray, " n"]]:
    """Each window once, with the mean over the turns of what its scores say, as logarithm; the most alike first."""
    turns = len(hits.rows)
    rows, place = np.unique(hits.rows, return_inverse=True)
    found = np.full((turns, len(rows)), hits.scores.min() * factor)
    found[np.repeat(np.arange(turns), hits.rows.shape[1]), place.ravel()] = hits.scores.ravel() * factor
    scores = np.logaddexp.reduce(found, axis=0) - math.log(turns)
    order = np.argsort(-scores, kind="stable")
    return rows[order], scores[order]


def _field(ground: Ground, rows: np.ndarray, scores: Float[np.ndarray, " n"], config: Config) -> tuple[Field, float]:
    """Log-likelihood, and the share of the weight that the windows drawn singly have."""
    w = ground.windows
    lat, lon, side_km = w.lat_deg[rows], w.lon_deg[rows], w.side_m[rows] / 1e3
    weights = np.exp(scores - scores[0])
    weights /= weights.sum()
    order = grid.order_for_size_km(float(np.median(side_km)))
    area_km2 = len(np.unique(grid.cells_at(lat, lon, order))) * float(grid.cell_area_km2(order))
    drawn = slice(None, _DRAWN)
    share = float(weights[drawn].sum())
    peaks = Field.from_points(lat[drawn], lon[drawn], weights[drawn], sigma_km=KERNEL * side_km[drawn])
    # The rest is spread evenly over the area, as the windows that hold it are many and alike.
    over_area = math.log(area_km2 / grid.EARTH_AREA_KM2)
    with np.errstate(divide="ignore"):
        singly = np.log(share) + peaks.values + over_area
    floor = config.wrong_share + (1.0 - config.wrong_share) * (1.0 - share)
    values = np.logaddexp(math.log(floor), math.log1p(-config.wrong_share) + singly)
    near = _near(peaks, lat, lon, order)
    return Field(peaks.partition, np.where(near, values, 0.0)), share


def _near(field: Field, lat: np.ndarray, lon: np.ndarray, order: int) -> np.ndarray:
    """Cells that the windows show; nothing is said of others."""
    shown = np.unique(grid.cells_at(lat, lon, order))
    around = grid.neighbours(shown, order).ravel()
    shown = np.unique(np.concatenate([shown, around[around >= 0]]))
    cells = grid.cells_at(field.partition.lat_deg, field.partition.lon_deg, order)
    return np.asarray(np.isin(cells, shown)) | (field.values > math.log(1.0))


def _length(metres: float) -> str:
    return f"{metres / 1e3:,.0f} km" if metres >= 10_000 else f"{metres:,.0f} m"
