"""`Registrar`: features, matching and geometry put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Bool, UInt8

from whence.core.config import build, settings
from whence.crossview.references.features import FeatureStore
from whence.crossview.register import statistics
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.dense import Peak, Search
from whence.crossview.register.geometry import (
    Allowed,
    Points,
    distinct,
    is_sane,
    mapped,
    residuals,
    robust_similarities,
)
from whence.crossview.register.guesses import LEAST_SUPPORT, SAME_PX, Guess, Pool, lead, same_place, second_support
from whence.crossview.register.guide import Guided, guided, screened
from whence.crossview.register.lighterglue import LighterGlue
from whence.crossview.register.method import Expected, RegistrationMethod
from whence.crossview.register.picture import Picture, Transform
from whence.crossview.register.points import Pairs, match_points
from whence.crossview.register.reference import QueryCache, QueryCopies, Reference, ReferenceCache
from whence.crossview.register.refine import covariance_at, fit_models
from whence.crossview.types import Correspondences, Registration
from whence.earth.tiles.types import Patch
from whence.encode.local import local_encoders
from whence.encode.local.types import LocalEncoder

_DENSE_SIDE_PX = 112
_FLOOR_PX = 0.5


@dataclass(frozen=True, eq=False)
class _Look:
    """A query and a reference with the guesses at hand.

    Attributes:
        expected: scales and turns.
        generator: of the draws.
        guesses: as first found.
        pool: all pairs.
        screened: the guesses refined by the features at hand, each after how far its pairs exceed chance.
    """

    query: Picture
    reference: Reference
    expected: Expected
    generator: np.random.Generator
    guesses: list[Guess]
    pool: Pool
    screened: list[tuple[float, Guess]]


@dataclass(frozen=True, slots=True)
class _View:
    """How a query is looked at: turned, then scaled, by some encoders."""

    turn_deg: float
    scale: float
    encoders: tuple[LocalEncoder, ...]


@final
class Registrar(RegistrationMethod):
    """Lays queries onto reference patches; keeps the features of the patches asked last."""

    def __init__(
        self,
        config: RegisterConfig | None = None,
        encoders: Sequence[LocalEncoder] | None = None,
    ) -> None:
        """Load what the settings name.

        Args:
            config: settings.
            encoders: used instead of those that the settings name.

        Raises:
            OptionError: an unknown encoder, or a file that the user must bring is not there.
            ArtifactError: such a file is another one.
        """
        self.config = config or RegisterConfig()
        self.encoders = tuple(encoders if encoders is not None else map(self._built, self.config.encoder_names))
        self._glue = LighterGlue(self.config.weights) if self.config.matching == "lighterglue" else None
        self._queries = QueryCache()
        self._references = ReferenceCache(self.encoders, self.config.cached)
        parts = [encoder.NAME for encoder in self.encoders] + ["dense"] * self.config.dense
        self.name = "+".join([*parts, *(["lighterglue"] if self._glue else [])])

    def register(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        patch: Patch,
        *,
        valid: Bool[np.ndarray, "height width"] | None = None,
        prior: PosePrior | None = None,
    ) -> Registration:
        """Lay a query onto a patch by its points; see the class it implements."""
        reference = self._reference(patch, prior or PosePrior())
        look = self._look(pixels, reference, patch.georeference.up_bearing_deg, valid, prior)
        for screening, guess in sorted(look.screened, key=lambda item: -item[0]):
            best = self._guided(guess.transform, look.query, look.reference, look.expected.allowed, look.generator)
            if best is not None:
                final = self._guess(best.transform, look.pool.near, look.pool.far, guess.peak)
                others = [other for _, other in look.screened if not same_place(other, final, look.query)]
                return self._finished(final, best, others, look, screening)
        return self._nothing(look.guesses)

    def screen(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        patch: Patch,
        *,
        valid: Bool[np.ndarray, "height width"] | None = None,
        prior: PosePrior | None = None,
    ) -> float:
        """How far the pairs of the best place on a patch exceed chance, in standard deviations.

        It takes a part of the time of `register` and orders patches, but decides nothing. Arguments and errors are
        those of `register`.
        """
        reference = self._reference(patch, prior or PosePrior())
        return self.screen_on(pixels, reference, patch.georeference.up_bearing_deg, valid=valid, prior=prior)

    def screen_on(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        reference: Reference,
        up_bearing_deg: float = 0.0,
        *,
        valid: Bool[np.ndarray, "height width"] | None = None,
        prior: PosePrior | None = None,
    ) -> float:
        """What `screen` gives on a reference whose features are at hand, with the bearing of its upward direction."""
        look = self._look(pixels, reference, up_bearing_deg, valid, prior)
        return max((excess for excess, _ in look.screened), default=0.0)

    def prepare(self, patch: Patch, prior: PosePrior, store: FeatureStore | None) -> None:
        """Have the features of a patch at hand, from a store if they are there; what is found is kept there."""
        self._reference(patch, prior, store)

    def scale_of(self, prior: PosePrior, gsd_m_per_px: float) -> float:
        """Factor by which a reference is resized: it is halved while it is more than twice as fine as the query."""
        if prior.gsd_m_per_px is None:
            return self.config.magnify
        halvings = math.floor(math.log2(max(prior.gsd_m_per_px / gsd_m_per_px, 1.0)))
        return self.config.magnify / 2.0**halvings

    def _reference(self, patch: Patch, prior: PosePrior, store: FeatureStore | None = None) -> Reference:
        Picture.of(patch.pixels, patch.valid)
        return self._references.get(patch, self.scale_of(prior, patch.georeference.gsd_m_per_px), store)

    def _look(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        reference: Reference,
        up_bearing_deg: float,
        valid: Bool[np.ndarray, "height width"] | None,
        prior: PosePrior | None,
    ) -> _Look:
        copies = self._queries.get(pixels, valid)
        expected = Expected.of(prior or PosePrior(), reference.gsd_m_per_px, up_bearing_deg)
        generator = np.random.default_rng(self.config.seed)
        views = self._views(expected)
        guesses, pool = self._guesses(copies, reference, expected, views, generator)
        screened = [self._screened(guess, copies, reference, expected, views, generator) for guess in guesses]
        return _Look(copies.picture, reference, expected, generator, guesses, pool, screened)

    # ------------------------------------------------------------------------------------------- what is looked for

    def _built(self, name: str) -> LocalEncoder:
        kind = local_encoders().load(name)
        takes_files = any(setting.name == "weights" for setting in settings(kind.CONFIG))
        values: dict[str, object] = {"weights": self.config.weights} if takes_files else {}
        made: Any = build(kind.CONFIG, values, owner=name)
        return kind(made)

    def _views(self, expected: Expected) -> list[_View]:
        """Turns and scales in which the query is looked at, and by which encoders."""
        allowed, scale = expected.allowed, expected.scale
        steady = tuple(encoder for encoder in self.encoders if not encoder.TURNS_WITH_PICTURE)
        step = self.config.turn_step_deg
        count = 0 if not steady else math.ceil(max(allowed.turn_range_deg - step / 2.0, 0.0) / step - 1e-9)
        turns = [allowed.turn_deg + i * step for i in range(-count, count + 1)]
        if allowed.turn_range_deg >= 180.0 and count:
            turns = [allowed.turn_deg + i * step for i in range(round(360.0 / step))]
        factors = [scale] if scale is not None else [factor * self.config.magnify for factor in self.config.factors]
        return [
            _View(turn, factor, self.encoders if turn == allowed.turn_deg else steady)
            for turn in turns
            for factor in factors
        ]

    # ------------------------------------------------------------------------------------------------ first guesses

    def _guesses(
        self,
        copies: QueryCopies,
        reference: Reference,
        expected: Expected,
        views: Sequence[_View],
        generator: np.random.Generator,
    ) -> tuple[list[Guess], Pool]:
        config, query, allowed = self.config, copies.picture, expected.allowed
        pools = [self._pairs(copies, reference, view) for view in views]
        if len(pools) > 1:
            near, far, score = (np.concatenate(column) for column in zip(*pools, strict=True))
            pools.append((near, far, score))
        guesses = list[Guess]()
        for near, far, score in pools:
            kept = distinct(near, far, score, 1.0)
            near, far, score = near[kept], far[kept], score[kept]
            found = robust_similarities(
                near, far, score, allowed, config.rough_px, generator, samples=config.samples, keep=config.hypotheses
            )
            transforms = [transform for _, transform in found] + self._homographies(near, far, query, allowed)
            guesses += [self._guess(transform, near, far) for transform in transforms]
        kept_guesses = self._apart(guesses, query)[: config.hypotheses + 1]
        if config.dense:
            middle = expected.scale or config.magnify
            limited = allowed if expected.scale else replace(allowed, scale=(middle / 1.6, middle * 1.6))
            peaks = Search(query, reference.picture, middle, limited, _DENSE_SIDE_PX, config.hypotheses).over_all()
            kept_guesses += [self._guess(peak.transform, near, far, peak) for peak in peaks]
        return kept_guesses, Pool(near, far)

    def _guess(self, transform: Transform, near: Points, far: Points, peak: Peak | None = None) -> Guess:
        e = residuals(transform, near, far) / self.config.rough_px
        support = float(np.maximum(1.0 - e**2, 0.0).sum())
        return Guess(transform, support, int((e < 1.0).sum()), len(near), peak)

    def _pairs(
        self,
        copies: QueryCopies,
        reference: Reference,
        view: _View,
    ) -> tuple[Points, Points, np.ndarray]:
        near, far, score = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0)]
        for encoder in view.encoders:
            a, back = copies.get(view.turn_deg, view.scale, encoder)
            b = reference.features[encoder.NAME]
            pairs: Pairs = (
                self._glue.match(a, b)
                if self._glue is not None and encoder.NAME == "xfeat"
                else match_points(a, b, ratio=self.config.ratio)
            )
            near.append(mapped(back, a.xy_px[pairs.first]))
            far.append(b.xy_px[pairs.second])
            score.append(pairs.score)
        return np.concatenate(near), np.concatenate(far), np.concatenate(score)

    def _homographies(self, near: Points, far: Points, query: Picture, allowed: Allowed) -> list[Transform]:
        """The homography that MAGSAC++ finds (Barath et al., CVPR 2020), if a camera could see it."""
        import cv2

        if "homography" not in self.config.model_names or len(near) < 8:
            return []
        found, _ = cv2.findHomography(
            near, far, cv2.USAC_MAGSAC, self.config.inlier_px, maxIters=2000, confidence=0.999
        )
        if found is None or not is_sane(found, query.outline_px, allowed):
            return []
        return [np.asarray(found, np.float64)]

    def _apart(self, guesses: Sequence[Guess], query: Picture) -> list[Guess]:
        """The best guesses that put the query at different places."""
        taken, places = list[Guess](), list[np.ndarray]()
        for guess in sorted(guesses, key=lambda item: -item.support):
            place = mapped(guess.transform, query.outline_px.mean(axis=0)[None])[0]
            if guess.support >= LEAST_SUPPORT and all(np.linalg.norm(place - p) > SAME_PX for p in places):
                taken.append(guess)
                places.append(place)
        return taken

    # ---------------------------------------------------------------------------------------------------- refinement

    def _screened(
        self,
        guess: Guess,
        copies: QueryCopies,
        reference: Reference,
        expected: Expected,
        views: Sequence[_View],
        generator: np.random.Generator,
    ) -> tuple[float, Guess]:
        """The guess refined by the features that are there already, and how far its pairs exceed chance."""
        transform, excess, outline = guess.transform, 0.0, copies.picture.outline_px
        scale, turn = statistics.scale_and_turn(transform, outline.mean(axis=0))
        features = []
        for encoder in self.encoders:
            looked = [(view.turn_deg, view.scale) for view in views if encoder in view.encoders]
            features.append((copies.nearest(looked, turn, scale, encoder), reference.features[encoder.NAME]))
        for radius in self.config.radii_px:
            excess, transform = screened(
                transform,
                outline,
                features,
                allowed=expected.allowed,
                radius_px=radius,
                inlier_px=self.config.inlier_px,
                generator=generator,
            )
        return excess, replace(guess, transform=transform)

    def _guided(
        self,
        transform: Transform,
        query: Picture,
        reference: Reference,
        allowed: Allowed,
        generator: np.random.Generator,
    ) -> Guided | None:
        return guided(
            transform,
            query,
            reference,
            self.encoders,
            allowed=allowed,
            radius_px=self.config.radii_px[-1],
            inlier_px=self.config.inlier_px,
            generator=generator,
        )

    def _finished(
        self,
        guess: Guess,
        best: Guided,
        others: Sequence[Guess],
        look: _Look,
        screening: float,
    ) -> Registration:
        query, reference, expected = look.query, look.reference, look.expected
        fits = fit_models(
            best.transform,
            best.query_px,
            best.reference_px,
            query.outline_px,
            models=self.config.model_names,
            allowed=look.expected.allowed,
            inlier_px=self.config.inlier_px,
            penalty=self.config.penalty,
        )
        if not fits:
            return self._nothing([guess, *others])
        fit = fits[0]
        covariance = covariance_at(
            fits, best.query_px, best.reference_px, query.centre_px, floor_px=_FLOOR_PX, misfit=self.config.misfit
        )
        size = reference.scale
        found = statistics.of_first(guess.matches, guess.inliers, second_support(guess, others))
        found |= {"lead": lead(guess, others)}
        found |= statistics.of_guided(best, fit, query)
        found |= statistics.of_transform(fit, query, expected_scale=expected.scale, expected_turn_deg=expected.turn_deg)
        found |= statistics.of_overlap(fit.transform, query, reference.picture, best.window)
        found |= statistics.of_dense(guess.peak) | {"screening": screening}
        found["scale"] /= size
        found["residual_px"] /= size
        found["sigma_px"] = math.sqrt((covariance[0] + covariance[2]) / 2.0) / size
        return Registration(
            np.diag([1 / size, 1 / size, 1.0]) @ fit.transform,
            fit.model,
            Correspondences(
                best.query_px,
                best.reference_px / size,
                best.score,
                residuals(fit.transform, best.query_px, best.reference_px) < self.config.inlier_px,
            ),
            self.name,
            found,
            (covariance[0] / size**2, covariance[1] / size**2, covariance[2] / size**2),
        )

    def _nothing(self, guesses: Sequence[Guess]) -> Registration:
        nothing = np.zeros(0)
        empty = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), nothing, np.zeros(0, bool))
        best = max(guesses, key=lambda guess: guess.support, default=None)
        first = statistics.of_first(0, 0, 1.0)
        if best is not None:
            others = [guess for guess in guesses if guess is not best]
            first = statistics.of_first(best.matches, best.inliers, second_support(best, others))
        return Registration(None, self.config.model_names[0], empty, self.name, statistics.failed(first))
