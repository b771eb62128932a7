"""Two ideas for scenery, each judged on photographers held out: parts of ``benchmarks/pocket.py``.

``chips``: squares of the Earth from above as an auxiliary task. They are cut from a world raster where pictures are
taken, go through the same network, and the same weights must tell the concepts of their places, with a mean of the
features and a general term of their own. ``harmonics``: the picture is also aligned with spherical harmonics of the
place, smoothed over a length, beside the concepts; the truth may be spread over places near it.

Every setting is fitted without each photographer. ``chosen`` takes, for each photographer, the setting and the
temperature that gain most bits on the others, each of whom is held out in turn: nothing of the photographer who is
measured is used.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import pocket_checks as checks
from pocket_photos import interval

CHIPS = 1_500
SIDE_PX = 45
EARTH_KM = 6371.0
AS_IT_IS = "as it is"
TEMPERATURES = (0.7, 0.85, 1.0, 1.2, 1.45, 1.75, 2.1)


@dataclass(frozen=True)
class Idea:
    """One setting."""

    chips: float = 0.0
    "Weight of all chips, in photographers."
    harmonics: float = 0.0
    "Variance of the harmonics over pictures, in that of the concepts."
    length_km: float = 2000.0
    "Over which they are smooth."
    near_km: float = 0.0
    "Radius within which the truth is spread when it is learned, if larger than the photograph's own."
    general: bool = False
    "Whether harmonics also say where pictures are taken in general."


IDEAS = {AS_IT_IS: Idea()}
CHIP_IDEAS = {f"chips, weight {weight:g}": Idea(chips=weight) for weight in (0.1, 0.3, 1.0)}
HARMONIC_IDEAS = {
    "harmonics 0.3, 2,000 km": Idea(harmonics=0.3),
    "harmonics 1, 2,000 km": Idea(harmonics=1.0),
    "harmonics 0.3, 1,000 km": Idea(harmonics=0.3, length_km=1000.0),
    "harmonics 0.3, 2,000 km, truth within 500 km": Idea(harmonics=0.3, near_km=500.0),
    "harmonics 0.3, 2,000 km, in general too": Idea(harmonics=0.3, general=True),
}


class Joined:
    """Concepts of places, and harmonics beside them."""

    def __init__(self, concepts: Any, idea: Idea) -> None:
        """Scale the harmonics to their share of the variance where pictures are taken."""
        from whence.evidence.prior import prior_field

        self._concepts, self._idea = concepts, idea
        self._shift, self._scale = np.zeros(0, np.float32), 1.0
        if idea.harmonics:
            lat, lon = prior_field().draw(5_000, np.random.default_rng(4))
            raw, own = self._smooth(lat, lon), concepts.at(lat, lon)
            self._shift = raw.mean(axis=0)
            self._scale = math.sqrt(idea.harmonics * own.var(axis=0).sum() / raw.var(axis=0).sum())

    @property
    def extra(self) -> int:
        """How many numbers stand beside the concepts."""
        return self._shift.size

    def at(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """Vectors of places."""
        own = self._concepts.at(lat, lon)
        if not self.extra:
            return own
        flat = (self._smooth(np.ravel(lat), np.ravel(lon)) - self._shift) * self._scale
        return np.concatenate([own, flat.reshape(*np.shape(lat), -1)], axis=-1).astype(np.float32)

    def _smooth(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """Harmonics under a heat kernel: those of degree l shrink by exp(−l (l + 1) s² / 4), s in radians."""
        import torch

        from whence.encode.location.layers import SphericalHarmonics

        spread = self._idea.length_km / EARTH_KM
        degrees = int(np.ceil(2.5 / spread)) + 1
        places = torch.from_numpy(np.stack([lat, lon], axis=1).astype(np.float32))
        with torch.no_grad():
            found = SphericalHarmonics(degrees)(places).numpy()[:, 1:]
        degree = np.sqrt(np.arange(1, degrees**2)).astype(np.int64)
        return found * np.exp(-degree * (degree + 1) * spread**2 / 4.0)


def chips_of(given: argparse.Namespace, recipe: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of unit length of chips where pictures are taken, and their places."""
    from whence.evidence.prior import prior_field
    from whence.samples.chips import ChipCutter
    from whence.train.scenery.run import tower_of
    from whence.train.tower import TowerModel

    lat, lon = prior_field().draw(CHIPS, np.random.default_rng(6))
    kept = Path(given.out) / f"chips-{CHIPS}.npy"
    if kept.exists():
        return np.load(kept), lat, lon
    model = TowerModel(tower_of(recipe.image))
    pixels = ChipCutter.open(given.raster, side_px=SIDE_PX).cut(lat, lon)
    rows = []
    for start in range(0, CHIPS, 16):
        fitted = [model.tower.preprocessing.fit(chip) for chip in pixels[start : start + 16]]
        rows.append(model.embed_pixels(model.tower.preprocessing.normalise(np.stack(fitted))))
    found = np.concatenate(rows).astype(np.float64)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.save(kept, found)
    return found, lat, lon


def learned(photographs: Any, vectors: Joined, settings: Any, idea: Idea, chips: Any, steps: int = 40) -> Any:
    """The model of `whence.train.scenery.fit.fit`, with chips and harmonics as the idea has them."""
    import torch

    from whence.train.scenery.fit import SceneryFit, contrast_places, equal_shares, places_around, solve, unit_features

    rng = np.random.default_rng(8)
    contrast = contrast_places(vectors, settings.draws, rng)
    spread = replace(photographs, accuracy_km=np.maximum(photographs.accuracy_km, idea.near_km))
    around = places_around(spread, vectors, settings.around, rng)
    unit = unit_features(photographs)
    mean = unit.mean(axis=0)
    axes = np.linalg.svd(unit - mean, full_matrices=False)[2][: settings.components].T
    inputs = (unit - mean) @ axes
    length = float(np.sqrt(np.square(inputs).sum(axis=1).mean()) / 8.0)
    x = np.column_stack([inputs / length, np.ones(len(unit))])
    share = equal_shares(photographs)
    if idea.chips:
        features, lat, lon = chips
        own = (features - features.mean(axis=0)) @ axes
        own /= np.sqrt(np.square(own).sum(axis=1).mean()) / 8.0
        x = np.block([[x, np.zeros((len(x), 1))], [own, np.zeros((len(own), 1)), np.ones((len(own), 1))]])
        around = np.concatenate([around, np.repeat(vectors.at(lat, lon)[:, None], around.shape[1], axis=1)])
        share = np.concatenate([share, np.full(len(own), idea.chips / len(set(photographs.group)) / len(own))])
        share /= share.sum()
    penalty = torch.full((x.shape[1], around.shape[2]), settings.penalty)
    penalty[inputs.shape[1] :] = settings.general_penalty
    if vectors.extra and not idea.general:
        penalty[inputs.shape[1] :, -vectors.extra :] = 1e4
    found = solve(
        torch.from_numpy(x).float(), torch.from_numpy(around), contrast, torch.from_numpy(share).float(), penalty, steps
    )
    count = inputs.shape[1]
    return SceneryFit(mean, axes @ found[:count] / length, found[count])


def try_out(given: argparse.Namespace, prepared: checks.Prepared, ideas: dict[str, Idea]) -> dict[str, Any]:
    """Fit every idea without each photographer, and without each pair of them; measure, and choose by the others."""
    recipe, photographs, concepts = prepared
    groups = sorted(set(photographs.group))
    chips = chips_of(given, recipe) if any(idea.chips for idea in ideas.values()) else None
    tested = {}
    for name, idea in ({**IDEAS, **ideas}).items():
        vectors = Joined(concepts, idea)
        scored = _Scored(vectors, recipe.fit, photographs)
        for left_out in [(a,) for a in groups] + [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]:
            rest = photographs.take(np.flatnonzero([g not in left_out for g in photographs.group]).tolist())
            scored.add(left_out, learned(rest, vectors, recipe.fit, idea, chips))
        tested[name] = scored
        print(name, {g: round(float(scored.inner(g).max()), 3) for g in groups}, scored.figures(), flush=True)
    base = tested[AS_IT_IS]
    out = {name: scored.figures(base) for name, scored in tested.items()}
    picked = {g: max(tested, key=lambda name: float(tested[name].inner(g).max())) for g in groups}
    rows = {g: tested[picked[g]].held[g] for g in groups}
    out["chosen for each by the others"] = {"which": picked, **_figures(rows, {g: base.held[g] for g in groups})}
    return out


class _Scored:
    """What models say of photographers that they were not shown."""

    def __init__(self, vectors: Joined, settings: Any, photographs: Any) -> None:
        from whence.train.scenery.fit import contrast_places, places_around

        self.contrast = contrast_places(vectors, settings.draws, np.random.default_rng(9))
        self.around = places_around(photographs, vectors, settings.around, np.random.default_rng(7))
        self.photographs = photographs
        self.group = np.array(photographs.group)
        self.bits: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
        self.models: dict[tuple[str, ...], Any] = {}
        self._rows: dict[str, Any] = {}

    def add(self, left_out: tuple[str, ...], model: Any) -> None:
        """Bits on those left out, one row a temperature."""
        self.models[left_out] = model
        self.bits[left_out] = {}
        for group in left_out:
            rows = np.flatnonzero(self.group == group)
            strengths = model.strengths(self.photographs.take(rows.tolist())) + model.general
            true = np.einsum("nk,nmk->nm", strengths, self.around[rows])
            every = strengths.astype(np.float32) @ self.contrast.vectors.T
            shares = self.contrast.log_share.astype(np.float32)
            found = [_log_mean(true / t) - _log_mean(every / t + shares, 1) for t in TEMPERATURES]
            self.bits[left_out][group] = np.stack(found) / math.log(2)

    def inner(self, group: str) -> np.ndarray:
        """Mean bits by temperature on the others, each judged by a model that saw neither it nor the group."""
        pairs = [pair for pair in self.bits if len(pair) == 2 and group in pair]
        others = [self.bits[pair][other] for pair in pairs for other in pair if other != group]
        return np.concatenate(others, axis=1).mean(axis=1)

    @property
    def held(self) -> dict[str, dict[str, np.ndarray]]:
        """Of each photographer's pictures, at the temperature that the others choose."""
        for group in sorted(set(self.group.tolist())):
            if group in self._rows:
                continue
            best = int(self.inner(group).argmax())
            own = self.photographs.take(np.flatnonzero(self.group == group).tolist())
            model = self.models[group,]
            strengths = (model.strengths(own) + model.general) / TEMPERATURES[best]
            self._rows[group] = {"bits": self.bits[group,][group][best], **told(strengths, self.contrast, own)}
        return self._rows

    def figures(self, base: _Scored | None = None) -> dict[str, Any]:
        """Means over pictures, and by photographer."""
        return _figures(self.held, None if base is None else base.held)


def _log_mean(scores: np.ndarray, count: int | None = None) -> np.ndarray:
    """Logarithm of the sum of exponentials of each row, over ``count``; over its length if that is not given."""
    top = scores.max(axis=1)
    total = np.exp(scores - top[:, None]).sum(axis=1)
    return np.asarray(top + np.log(total / (count or scores.shape[1])), np.float64)


def told(strengths: np.ndarray, contrast: Any, photographs: Any) -> dict[str, np.ndarray]:
    """Of each picture: likeliest continent right, belief in it, country among five, and the place, for clusters."""
    from whence.earth.regions import RegionLevel, regions

    table = regions(RegionLevel.COUNTRY)
    where = checks.continents_of(contrast.lat_deg, contrast.lon_deg)
    true = checks.continents_of(photographs.lat_deg, photographs.lon_deg)
    belief = checks.judged(strengths, 1.0, contrast, where)
    score = strengths @ contrast.vectors.T + contrast.log_share
    mass = np.exp(score - score.max(axis=1, keepdims=True))
    country = table.cell_indices_at(contrast.lat_deg, contrast.lon_deg) + 1
    own = table.cell_indices_at(photographs.lat_deg, photographs.lon_deg) + 1
    held = np.stack([np.bincount(country, weights=row, minlength=len(table) + 1) for row in mass])
    held[:, 0] = 0.0
    rows = np.arange(len(true))
    return {
        "continent": (belief.argmax(axis=1) == true).astype(np.float64),
        "belief in it": belief[rows, true],
        "country among five": ((held > held[rows, own][:, None]).sum(axis=1) < 5).astype(np.float64),
        "place": np.round(photographs.lat_deg, 1) * 10_000 + np.round(photographs.lon_deg, 1),
    }


def _figures(held: dict[str, dict[str, np.ndarray]], base: dict[str, dict[str, np.ndarray]] | None) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key in ("bits", "continent", "belief in it", "country among five"):
        out[key] = round(float(np.concatenate([rows[key] for rows in held.values()]).mean()), 4)
    out["bits by photographer"] = {group: round(float(rows["bits"].mean()), 3) for group, rows in held.items()}
    if base is not None:
        place = np.concatenate([rows["place"] for rows in held.values()])
        for key in ("bits", "continent"):
            apart = np.concatenate([held[group][key] - base[group][key] for group in held])
            out[f"{key}, more than as it is"] = interval(apart, place, np.random.default_rng(0))
    return out
