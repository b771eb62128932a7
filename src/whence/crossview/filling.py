"""`fill_features`: features of a set's windows found ahead, as views of one height will ask for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from whence.core.errors import OptionError
from whence.core.threads import usual_threads
from whence.crossview.candidates import fits
from whence.crossview.match import Matcher
from whence.crossview.references.features import held

Report = Callable[[int, int, str], None]
"""Told how many windows are done, of how many, and of what."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Filled:
    """What `fill_features` did.

    Attributes:
        windows: whose features are kept now.
        files: that the set holds, of all views.
        bytes: their size.
        full: whether more was found than may be kept, so that the oldest are gone, or the set cannot be written.
        finished: false if it was stopped; what was done is kept.
    """

    windows: int
    files: int
    bytes: int
    full: bool
    finished: bool


def fill_features(
    matcher: Matcher,
    gsd_m_per_px: float,
    long_px: int,
    *,
    near: tuple[float, float, float] | None = None,
    report: Report | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Filled:
    """Find the features of windows and keep them beside the set; what is kept already is not found anew.

    Args:
        matcher: over a reference set, with the settings that views will be matched with.
        gsd_m_per_px: ground sample distance of the views.
        long_px: their long side, as large as the pictures are.
        near: only windows that touch a circle: latitude, longitude, metres.
        report: is told of the progress.
        stopped: tells whether to stop after the windows in hand.

    Raises:
        OptionError: no set that is searched by likeness, nothing may be kept, no window is of the views' size, or
            numbers out of range.
    """
    config, references = matcher.options.match, matcher.ground.references
    if not gsd_m_per_px > 0.0 or long_px < 1:
        raise OptionError(
            f"Views have a ground sample distance and a side above 0, received {gsd_m_per_px}, {long_px}."
        )
    store = matcher.store
    if references is None or references.header.encoder is None or store is None or not config.features_mb:
        raise OptionError(
            "Features are kept beside reference sets that are searched by likeness, up to match.features_mb: make one "
            f"with whence tiles add SET PATH --model vlad; received a ground without, or {config.features_mb} MB."
        )
    scale = min(1.0, config.query_px / long_px)
    gsd, side_px = gsd_m_per_px / scale, round(long_px * scale)
    sides, shown = references.windows.side_m, gsd * side_px
    rows = [int(row) for row in references.rows(near=near) if fits(float(sides[row]), shown)]
    if not rows:
        raise OptionError(
            f"No window of {references.folder} {'' if near is None else 'near there '}is about as large as what such "
            f"views show, {shown:.0f} m; its windows have sides of {sides.min():.0f} to {sides.max():.0f} m."
        )
    done = 0
    with ThreadPoolExecutor(config.threads or usual_threads()) as pool:
        for start in range(0, len(rows), _BATCH):
            if stopped is not None and stopped():
                break
            part = rows[start : start + _BATCH]
            list(pool.map(lambda row: matcher.keep_features(row, gsd, side_px), part))
            done += len(part)
            if report is not None:
                report(done, len(rows), references.folder.name)
    there = held(references.folder)
    return Filled(done, there.files, there.bytes, store.lost, done == len(rows))
