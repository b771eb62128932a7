"""`smoothed`: a track looked back over, every frame in the light of the later ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whence.core.errors import InputError
from whence.crossview.track.config import Config
from whence.crossview.track.filter import Snapshot, TrackFilter, told
from whence.crossview.track.mixture import HEADING_UNKNOWN_VAR, SCALE_UNKNOWN_VAR, Mixture, wrap_deg
from whence.crossview.track.motion import noise_of, transition
from whence.crossview.track.summary import summarised
from whence.crossview.track.types import TrackEstimate, TrackStatus


def smoothed(track: TrackFilter) -> tuple[TrackEstimate, ...]:
    """Estimates of all frames, each in the light of the whole track (fixed-interval smoothing).

    Every part of the last belief is followed back along the parts that it came from, by the recursion of Rauch, Tung &
    Striebel (1965). A part that began at a match is followed back over the time before, in which nothing but the
    area is known, so that frames before the first match are placed too. Where the camera was moved, the two stretches
    are smoothed apart.

    Args:
        track: filter that kept its history.

    Raises:
        InputError: it kept none.
    """
    if track.history is None:
        raise InputError("The filter kept no history to look back over. Make it with keep_history=True.")
    history, config = track.history, track.config
    if not history:
        return ()
    later = history[-1].belief
    out = [later]
    for i in range(len(history) - 1, 0, -1):
        later = _stepped_back(history[i], history[i - 1].belief, later, track, config)
        out.append(later)
    return tuple(_estimate(snap, belief, track) for snap, belief in zip(history, reversed(out), strict=True))


def _stepped_back(snap: Snapshot, before: Mixture, later: Mixture, track: TrackFilter, config: Config) -> Mixture:
    """Parts at the frame before, one for each smoothed part at this frame.

    ``later.parent`` are indices of parts of ``before``; the result's are those of the frame before that.
    """
    f, _ = transition(config, snap.elapsed_s)
    own = _origins(before, later, track)
    ahead = f @ own.cov @ f.T + noise_of(later.agile, config, snap.elapsed_s)
    gain = np.einsum("nij,njk->nik", own.cov @ f.T, np.linalg.inv(ahead))
    jumped = (later.parent < 0) & (own.parent != _NOWHERE)
    gain[jumped] = 0.0
    mean = own.mean + np.einsum("nij,nj->ni", gain, later.mean - own.mean @ f.T)
    cov = own.cov + gain @ (later.cov - ahead) @ gain.transpose(0, 2, 1)
    heading, heading_var = _back(
        (own.heading, own.heading_var, later.heading, later.heading_var),
        config.heading_rate_deg**2 * snap.elapsed_s,
        HEADING_UNKNOWN_VAR,
        jumped,
    )
    scale, scale_var = _back(
        (own.scale, own.scale_var, later.scale, later.scale_var),
        config.scale_rate**2 * snap.elapsed_s,
        SCALE_UNKNOWN_VAR,
        jumped,
    )
    return replace(
        own,
        weight=later.weight,
        lost=later.lost,
        mean=mean,
        cov=(cov + cov.transpose(0, 2, 1)) / 2.0,
        heading=np.mod(heading, 360.0),
        heading_var=heading_var,
        scale=scale,
        scale_var=scale_var,
    )


_NOWHERE = -2
"""Parent of a part that stands for the time before the first match."""


def _origins(before: Mixture, later: Mixture, track: TrackFilter) -> Mixture:
    """The part at the frame before that each smoothed part came from.

    One that began here came from nowhere in particular if the camera had not been placed yet, else from the heaviest.
    """
    nowhere = _anywhere(track)
    every = before.joined(nowhere)
    from_nowhere = len(before)
    best = int(np.argmax(before.weight)) if len(before) else from_nowhere
    fresh = best if before.unplaced < 0.5 and len(before) else from_nowhere
    if len(before) and before.weight.sum() > before.lost:
        fresh = best
    index = np.where(later.parent >= 0, later.parent, np.where(later.parent == _NOWHERE, from_nowhere, fresh))
    return every.take(index)


def _anywhere(track: TrackFilter) -> Mixture:
    speed, radius = track.config.speed_mps, track.area.radius_m
    one = Mixture.around(np.zeros(4), np.diag([radius**2 / 4, radius**2 / 4, speed**2, speed**2]), 0.0)
    return replace(one, parent=np.array([_NOWHERE]))


def _back(
    values: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], noise: float, unknown: float, jumped: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same recursion for one number that walks at random; angles are told by the variance of an unknown one."""
    own, own_var, later, later_var = values
    ahead = own_var + noise
    gap = later - own
    gap = wrap_deg(gap) if unknown == HEADING_UNKNOWN_VAR else gap
    vague = own_var >= unknown
    gain = np.where(jumped, 0.0, np.where(vague, 1.0, own_var / ahead))
    var = np.where(vague, np.minimum(later_var + noise, unknown), own_var + gain**2 * (later_var - ahead))
    return own + gain * gap, np.where(jumped, own_var, np.maximum(var, 1e-12))


def _estimate(snap: Snapshot, belief: Mixture, track: TrackFilter) -> TrackEstimate:
    now = summarised(belief, track.area.radius_m, track.config)
    given = snap.estimate
    if now.status is not TrackStatus.LOST and given.status is TrackStatus.TRACKING:
        now = replace(now, status=TrackStatus.TRACKING)
    estimate = told(given.time_s, given.name, now, belief.lost, given.log_evidence, track.plane)
    return replace(
        estimate, decisions=given.decisions, reasons=given.reasons, elapsed_ms=given.elapsed_ms, smoothed=True
    )
