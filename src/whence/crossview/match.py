"""`Matcher`: a view against reference pictures, from where to look to a verified match or "no match"."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import final

import numpy as np
from jaxtyping import UInt8

from whence.core.errors import OptionError
from whence.core.threads import usual_threads
from whence.crossview.candidates import Place, Within, find_places
from whence.crossview.ground import Ground
from whence.crossview.known import Known, known_of_file
from whence.crossview.options import Options, matching_options, matching_parts
from whence.crossview.patches import Patches, Square
from whence.crossview.register.config import PosePrior
from whence.crossview.register.correlate import Correlator
from whence.crossview.register.method import RegistrationMethod
from whence.crossview.register.registrar import Registrar
from whence.crossview.screening import LEAST_VALID, Screen
from whence.crossview.spread import radius_holding
from whence.crossview.types import Match
from whence.crossview.verify import MatchPriors, Verifier, unbounded_log_odds
from whence.earth.coordinates import distance_km
from whence.earth.tiles.types import Patch
from whence.samples.view import View, ViewKind

__all__ = ["FROM_ABOVE", "Matcher", "Options", "matching_options", "matching_parts"]

FROM_ABOVE = frozenset({ViewKind.DRONE, ViewKind.SATELLITE, ViewKind.MAP})
"""Views that one transform can lay onto a tile."""

_TURN_RANGE_DEG = 40.0
_CORRELATED_DEG, _CORRELATED_SCALE = 12.0, 1.2
_APART_SHARE = 0.75


@final
class Matcher:
    """Matches views with reference pictures; loads what it needs once.

    Args:
        ground: where places are looked for.
        options: settings.

    Raises:
        OptionError: a setting out of range, or a file that the user must bring is missing.
        ArtifactError: the references were embedded by another model than is here.
    """

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.ground = ground
        self.options = options or Options()
        self.registrar = Registrar(self.options.register)
        turning = all(encoder.TURNS_WITH_PICTURE for encoder in self.registrar.encoders)
        self._turns_with_picture = turning and not self.options.register.dense
        self.store = ground.features(self.options.match.features_mb)
        self._screen = Screen(ground.mosaic, self.options, self.registrar.encoders, self.store)
        self._correlator = Correlator()
        self._patches = Patches(ground.mosaic, self.options.register.cached)
        self._threads = self.options.match.threads or usual_threads()

    def match(
        self,
        view: View,
        *,
        near: tuple[float, float, float] | None = None,
        heading_deg: float | None = None,
        gsd_m_per_px: float | None = None,
        within: Within | None = None,
        use_file: bool = True,
        k: int = 1,
    ) -> tuple[Match, ...]:
        """Look for a view.

        Args:
            view: what is looked for; drone, satellite and map views are registered.
            near: latitude, longitude and a radius in metres that its middle lies within.
            heading_deg: bearing of its upward direction.
            gsd_m_per_px: metres on the ground a pixel of the full picture.
            within: a region or belief to look inside of.
            use_file: whether heading and height that the file tells are used where nothing is given.
            k: at most so many matches, accepted or not, the most probable first.

        Returns:
            What the view was compared with; empty where there are no references.

        Raises:
            OptionError: a kind of view that cannot be registered, or numbers out of range.
        """
        if view.kind not in FROM_ABOVE:
            raise OptionError(
                f"{view.name} is a {view.kind.value} view; those registered on tiles look down: "
                f"{', '.join(sorted(kind.value for kind in FROM_ABOVE))}. If it does look down, say so by --kind."
            )
        lat, lon, radius = near or (None, None, math.inf)
        given = Known(lat, lon, radius, heading_deg, gsd_m_per_px=gsd_m_per_px)
        known = given | known_of_file(view) if use_file else given
        query, known = self._brought_down(view, known)
        started = time.perf_counter()
        places = find_places(query, self.ground, known, within, self.options.candidates)
        found_ms = (time.perf_counter() - started) * 1e3
        if not places:
            return ()
        prior = self.options.match.within / _count_apart(places)
        verifier = Verifier(replace(self.options.verify, prior=prior))
        chosen, screen_ms = self._screened(query, places, known)
        before_ms = {"retrieve": found_ms, "screen": screen_ms}
        tried = self._tried_in_turn(query, chosen, known, verifier, before_ms)
        return tuple(sorted(tried, key=lambda item: item.standing, reverse=True)[:k])

    def keep_features(self, row: int, gsd_m_per_px: float, long_px: int) -> None:
        """Find the features of a window of the set as views of a kind will ask for them, and keep them beside the set.

        Args:
            row: of the window.
            gsd_m_per_px: of the views, at the size at which they are matched.
            long_px: their long side at that size.
        """
        w, small_px = self.ground.windows, max(1, round(long_px * self._screen_scale(long_px)))
        side_m = float(w.side_m[row])
        place = Place(float(w.lat_deg[row]), float(w.lon_deg[row]), side_m, side_m, row=row)
        square = self._square(place, gsd_m_per_px, long_px, self.options.match.screen_px)
        self._screen.reference(square, PosePrior(gsd_m_per_px * long_px / small_px), lasting=True)
        self._prepared(place, gsd_m_per_px, long_px, PosePrior(gsd_m_per_px))

    def scorer(self, match: Match) -> Callable[[UInt8[np.ndarray, "height width 3"]], float]:
        """What gives the log-odds of a match for other pixels of its query, matched and verified anew.

        Look-alikes are left out: they bound what likeness may say, and would hide what pixels add.
        """
        verifier = Verifier(self.options.verify)

        def score(pixels: UInt8[np.ndarray, "height width 3"]) -> float:
            registration = self.registrar.register(pixels, match.reference, prior=_prior_of(match))
            found = verifier.verify(replace(match.query, pixels=pixels), match.reference, registration)
            return unbounded_log_odds(found)

        return score

    def _brought_down(self, view: View, known: Known) -> tuple[View, Known]:
        """The view at no more than its working size, and what is known in its pixels."""
        height, width = view.pixels.shape[:2]
        scale = min(1.0, self.options.match.query_px / max(height, width))
        pixels = view.pixels if scale == 1.0 else _resized(view.pixels, scale)
        if known.gsd_m_per_px is not None:
            known = replace(known, gsd_m_per_px=known.gsd_m_per_px * max(view.size_px) / max(pixels.shape[:2]))
        return replace(view, pixels=pixels), known

    def _tried_in_turn(
        self, query: View, places: Sequence[Place], known: Known, verifier: Verifier, before_ms: Mapping[str, float]
    ) -> list[Match]:
        """Matches of places up to the first that is sure enough; the same with any number of threads."""
        enough, tried, sure = self.options.match.enough, list[Match](), list[int]()

        def found(rank: int) -> Match | None:
            match = self._tried(
                query, places[rank], known, verifier, before_ms, lambda: any(other < rank for other in sure)
            )
            if match is not None and match.probability >= enough:
                sure.append(rank)
            return match

        with ThreadPoolExecutor(self._threads) as pool:
            for match in pool.map(found, range(len(places))):
                if match is not None:
                    tried.append(match)
                    if match.probability >= enough:
                        break
        return tried

    def _tried(
        self,
        query: View,
        place: Place,
        known: Known,
        verifier: Verifier,
        before_ms: Mapping[str, float],
        needless: Callable[[], bool],
    ) -> Match | None:
        """The better of the headings that are possible at a place, or of correlation; less if it becomes needless."""
        if needless():
            return None
        long_px = max(query.pixels.shape[:2])
        gsd = _gsd(place, known.gsd_m_per_px, long_px)
        priors = [self._pose_prior(known, gsd, heading) for heading in self._headings(place, known)]
        patch = self._prepared(place, known.gsd_m_per_px, long_px, priors[0])
        if patch is None:
            return None
        best: Match | None = None
        for prior in priors:
            match = self._verified(self.registrar, query, patch, prior, place, known, verifier, before_ms)
            best = match if best is None or match.standing > best.standing else best
            if best.accepted or needless():
                return best
        assert best is not None
        if self.options.match.correlate and known.gsd_m_per_px is not None:
            heading = known.heading_deg if known.heading_deg is not None else place.heading_deg
            if heading is not None or query.kind is not ViewKind.DRONE:
                prior = PosePrior(gsd, _CORRELATED_SCALE, heading or 0.0, _CORRELATED_DEG)
                match = self._verified(self._correlator, query, patch, prior, place, known, verifier, before_ms)
                best = match if match.standing > best.standing else best
        return best

    def _pose_prior(self, known: Known, gsd: float, heading: float | None) -> PosePrior:
        wider = 1.0 if known.gsd_m_per_px is not None else 2.0
        return PosePrior(gsd, self.options.match.scale_range * wider, heading, _TURN_RANGE_DEG)

    def _verified(
        self,
        method: RegistrationMethod,
        query: View,
        patch: Patch,
        prior: PosePrior,
        place: Place,
        known: Known,
        verifier: Verifier,
        before_ms: Mapping[str, float],
    ) -> Match:
        started = time.perf_counter()
        registration = method.register(query.pixels, patch, prior=prior)
        register_ms = (time.perf_counter() - started) * 1e3
        priors = _priors(known, retrieved=bool(place.score), turned=method is self._correlator)
        match = verifier.verify(query, patch, registration, priors=priors)
        return replace(match, timings_ms={**before_ms, "register": register_ms, **match.timings_ms})

    def _screened(self, query: View, places: Sequence[Place], known: Known) -> tuple[Sequence[Place], float]:
        """The most promising places by their points at low resolution, and the time that took."""
        config = self.options.match
        if len(places) <= config.full:
            return places, 0.0
        started = time.perf_counter()
        long_px = max(query.pixels.shape[:2])
        scale = self._screen_scale(long_px)
        pixels = query.pixels if scale == 1.0 else _resized(query.pixels, scale)

        def score(place: Place) -> float | None:
            square = self._square(place, known.gsd_m_per_px, long_px, config.screen_px)
            gsd = _gsd(place, known.gsd_m_per_px, long_px) * long_px / max(pixels.shape[:2])
            priors = [self._pose_prior(known, gsd, heading) for heading in self._headings(place, known)]
            return self._screen.score(pixels, square, priors, lasting=place.row is not None)

        with ThreadPoolExecutor(self._threads) as pool:
            scores = [-math.inf if found is None else found for found in pool.map(score, places)]
        order = sorted((rank for rank in range(len(places)) if scores[rank] > -math.inf), key=lambda i: -scores[i])
        return [places[rank] for rank in order[: config.full]], (time.perf_counter() - started) * 1e3

    def _screen_scale(self, long_px: int) -> float:
        """Factor by which queries are resized for screening."""
        config = self.options.match
        return min(1.0, config.screen_px / config.margin / long_px)

    def _headings(self, place: Place, known: Known) -> Sequence[float | None]:
        """Features that turn with the picture need no heading; for others telemetry's may be upside down."""
        if self._turns_with_picture:
            return (None,)
        heading = known.heading_deg if known.heading_deg is not None else place.heading_deg
        return (None,) if heading is None else (heading, (heading + 180.0) % 360.0)

    def _square(self, place: Place, gsd_m_per_px: float | None, long_px: int, most_px: int) -> Square:
        """The ground that is looked at for a place."""
        finest = self.ground.finest_gsd_m(place.lat_deg, place.lon_deg)
        return Square.around(place, gsd_m_per_px, long_px, most_px, finest, self.options.match)

    def _prepared(self, place: Place, gsd_m_per_px: float | None, long_px: int, prior: PosePrior) -> Patch | None:
        """The reference of a place with its features at hand; ``None`` where there is no picture."""
        patch = self._patches.at(self._square(place, gsd_m_per_px, long_px, self.options.match.patch_px))
        if patch.valid.mean() < LEAST_VALID:
            return None
        if place.row is not None:
            self.registrar.prepare(patch, prior, self.store)
        return patch


def _gsd(place: Place, known_m: float | None, long_px: int) -> float:
    """Ground sample distance that a query is thought to have at a place, which would show all of a window."""
    return place.shown_m / long_px if known_m is None else known_m


def _count_apart(places: Sequence[Place]) -> int:
    """How many of the places show other ground than those before them."""
    apart: list[Place] = []
    for place in places:
        if all(
            float(distance_km(place.lat_deg, place.lon_deg, other.lat_deg, other.lon_deg)) * 1e3
            > _APART_SHARE * min(place.side_m, other.side_m)
            for other in apart
        ):
            apart.append(place)
    return len(apart)


def _prior_of(match: Match) -> PosePrior:
    """The search around the pose that was found."""
    if match.pose is None:
        return PosePrior()
    return PosePrior(match.pose.gsd_m_per_px, 1.3, match.pose.heading_deg, _TURN_RANGE_DEG)


def _priors(known: Known, *, retrieved: bool, turned: bool) -> MatchPriors:
    """What is known, told to the verifier; what narrowed the search counts for nothing where it agrees."""
    placed = known.lat_deg is not None and math.isfinite(known.radius_m)
    return MatchPriors(
        lat_deg=known.lat_deg if placed else None,
        lon_deg=known.lon_deg if placed else None,
        position_sigma_m=known.radius_m / radius_holding(0.95) if placed else 100.0,
        heading_deg=known.heading_deg,
        heading_sigma_deg=known.heading_sigma_deg,
        gsd_m_per_px=known.gsd_m_per_px,
        searched=",".join(["position", *(["scale"] * (not retrieved)), *(["heading"] * turned)]),
    )


def _resized(pixels: UInt8[np.ndarray, "h w 3"], scale: float) -> UInt8[np.ndarray, "height width 3"]:
    import cv2

    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
