"""A table of pairs of one's own: a row a pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.earth.coordinates import Bounds
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference, Window
from whence.samples.datasets.tables import Row, read_rows
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_INDEX = "pairs.csv"
_REQUIRED = ("query_file", "query_kind", "reference_file")
_WINDOW = ("q_x", "q_y", "q_w", "q_h")
_REFERENCE_WINDOW = ("ref_x0", "ref_y0", "ref_w", "ref_h")
_BOUNDS = ("ref_south", "ref_north", "ref_west", "ref_east")
_USED = frozenset(
    {*_REQUIRED, *_WINDOW, *_REFERENCE_WINDOW, *_BOUNDS, "lat_deg", "lon_deg", "gsd_m_per_px", "heading_deg",
     "altitude_m", "place", "overlap", "ref_x", "ref_y"}
)  # fmt: skip
_KINDS = {
    **{str(kind): kind for kind in ViewKind},
    "aerial": ViewKind.SATELLITE,
    "ortho": ViewKind.SATELLITE,
    "satellite-nir": ViewKind.SATELLITE,
}
"""What a table may call a kind; what is flown high and looks straight down counts as from above."""


@final
class PairsCsv(PairSet):
    """Reads a table of pairs; its parts are those rows that the column ``split_hint`` gives to one."""

    PARTS = ("all", "train", "measure")
    KINDS = tuple(ViewKind)
    CARD = DatasetCard(
        title="table of pairs",
        paper="none",
        licence="the user's own; the column licence, if there is one, goes with every pair",
        home="this machine",
        size="as many as the table has rows",
        layout="pairs.csv with query_file, query_kind (ground, panorama, drone, satellite, map, aerial, ortho) and "
        "reference_file, relative to the table; if known reference_kind, lat_deg, lon_deg (of the query's middle), "
        "gsd_m_per_px, heading_deg, altitude_m, q_x, q_y, q_w, q_h (window of the query in pixels), ref_north, "
        "ref_south, ref_west, ref_east (edges of the reference), ref_x, ref_y (pixel of the query's middle in the "
        "reference), overlap, place, split_hint (train, measure, skip) and licence.",
        flaws=("Nothing is known of it but what the table says.",),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield the rows of the part; ``train`` and ``measure`` leave out rows that are to be skipped."""
        for row in read_rows(self.root / _INDEX, _REQUIRED, self._expected()):
            split = row.text("split_hint") or row.text("split") or ""
            if self.part != "all" and split != self.part:
                continue
            yield self._pair(row, split)

    def _pair(self, row: Row, split: str) -> Pair:
        lat = lon = None
        if row.text("lat_deg") is not None:
            spot = row.place("lat_deg", "lon_deg")
            lat, lon = spot.lat_deg, spot.lon_deg
        window = _window(row, _WINDOW)
        at = (row.number("ref_x"), row.number("ref_y"))
        reference = Reference(
            self.root / row.values["reference_file"].strip(),
            overlap=row.number("overlap"),
            at_px=None if at[0] is None or at[1] is None else (at[0], at[1]),
            bounds=_bounds(row),
            window=_window(row, _REFERENCE_WINDOW),
        )
        query = row.values["query_file"].strip()
        own = query if window is None else f"{query} {window[0]:g} {window[1]:g}"
        return Pair(
            self.root / query,
            _kind(row, "query_kind"),
            (reference,),
            row.text("place") or own,
            split,
            lat,
            lon,
            row.number("heading_deg"),
            row.number("altitude_m"),
            row.number("gsd_m_per_px"),
            window,
            _kind(row, "reference_kind") if row.text("reference_kind") else ViewKind.SATELLITE,
            row.rest(_USED),
        )

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of six pairs, four to train with and two to measure on."""
        header = ("query_file", "query_kind", "reference_file", "lat_deg", "lon_deg", "heading_deg", "ref_north",
                  "ref_south", "ref_west", "ref_east", "split_hint", "licence")  # fmt: skip
        rows = []
        for i, (lat, lon) in enumerate(miniature.places(6, seed)):
            miniature.write_jpeg(folder / "drone" / f"{i}.jpg", seed + i)
            miniature.write_jpeg(folder / "tiles" / f"{i}.jpg", seed + i + 10)
            edges = (lat + 0.001, lat - 0.001, lon - 0.001, lon + 0.001)
            split = "train" if i < 4 else "measure"
            rows.append((f"drone/{i}.jpg", "drone", f"tiles/{i}.jpg", lat, lon, 15 * i, *edges, split, "CC0"))
        miniature.write_table(folder / _INDEX, header, rows)
        return folder


def _kind(row: Row, column: str) -> ViewKind:
    text = (row.text(column) or "").lower()
    if text not in _KINDS:
        raise InputError(f"{row.where}: the column {column!r} holds {text!r}; allowed are {', '.join(sorted(_KINDS))}.")
    return _KINDS[text]


def _window(row: Row, columns: tuple[str, str, str, str]) -> Window | None:
    found = [row.number(column) for column in columns]
    if all(value is None for value in found):
        return None
    x, y, width, height = found
    if x is None or y is None or not width or not height or width < 0 or height < 0:
        raise InputError(f"{row.where}: the columns {', '.join(columns)} must all be given, with a positive size.")
    return x, y, width, height


def _bounds(row: Row) -> Bounds | None:
    if row.text("ref_north") is None:
        return None
    low, high = row.place("ref_south", "ref_west"), row.place("ref_north", "ref_east")
    if not high.lat_deg > low.lat_deg:
        raise InputError(f"{row.where}: ref_north must lie above ref_south.")
    return Bounds(south=low.lat_deg, north=high.lat_deg, west=low.lon_deg, east=high.lon_deg)
