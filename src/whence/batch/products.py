"""The files that a batch writes for each picture: report, GeoJSON, KML; and the index of the reports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whence.core.errors import OptionError

if TYPE_CHECKING:
    from whence.batch.jobs import Job
    from whence.estimate.types import Estimate
    from whence.samples.view import Query

_ENDINGS = {"report": (".html", ".htm"), "geojson": (".geojson", ".json"), "kml": (".kml",)}


@dataclass(frozen=True, slots=True)
class Products:
    """Where a batch writes what. Each is a file, for one picture, or a folder.

    Attributes:
        report: HTML reports; a folder gets an ``index.html`` as well.
        geojson: answers as GeoJSON.
        kml: answers as KML.
    """

    report: Path | None = None
    geojson: Path | None = None
    kml: Path | None = None

    def check(self, pictures: int) -> None:
        """Refuse targets that cannot be written, and make the folders.

        Args:
            pictures: how many pictures there are.

        Raises:
            OptionError: a file for several pictures, a folder that cannot be made, or a file of another kind.
        """
        for kind, target in self._wanted():
            if _is_file(kind, target):
                if pictures > 1:
                    raise OptionError(
                        f"--{kind} {target} is one file, but there are {pictures} pictures. Give a folder."
                    )
                folder = target.parent
            elif target.suffix and target.is_file():
                raise OptionError(f"--{kind} {target} is a file already. Give a folder, or a new {_ENDINGS[kind][0]}.")
            else:
                folder = target
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OptionError(f"--{kind}: the folder {folder} cannot be made ({error.strerror}).") from error
            if not os.access(folder, os.W_OK):
                raise OptionError(f"--{kind}: the folder {folder} cannot be written to. Choose another.")

    def target(self, kind: str, job: Job) -> Path | None:
        """Where a product of a picture goes, ``None`` if it is not wanted."""
        place: Path | None = getattr(self, kind)
        if place is None or _is_file(kind, place):
            return place
        return place / f"{job.slug}{_ENDINGS[kind][0]}"

    def is_folder(self, kind: str) -> bool:
        """Tell whether a product is wanted, and goes into a folder."""
        place: Path | None = getattr(self, kind)
        return place is not None and not _is_file(kind, place)

    def complete(self, job: Job) -> bool:
        """Tell whether every product of a picture is there."""
        targets = (self.target(kind, job) for kind, _ in self._wanted())
        return all(target is not None and target.is_file() for target in targets)

    def write(self, job: Job, query: Query, estimate: Estimate) -> None:
        """Write the products of one picture, each whole or not at all."""
        for kind, _ in self._wanted():
            target = self.target(kind, job)
            assert target is not None
            part = target.with_name(f".{target.name}.{os.getpid()}.part")
            try:
                _WRITERS[kind](part, query, estimate)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

    def _wanted(self) -> list[tuple[str, Path]]:
        named = (("report", self.report), ("geojson", self.geojson), ("kml", self.kml))
        return [(kind, target) for kind, target in named if target is not None]


def _write_report(path: Path, query: Query, estimate: Estimate) -> None:
    from whence.explain.report import write_report

    write_report(estimate, query, path)


def _write_geojson(path: Path, _query: Query, estimate: Estimate) -> None:
    from whence.explain.export import estimate_to_geojson

    content = json.dumps(estimate_to_geojson(estimate), ensure_ascii=False, allow_nan=False)
    path.write_text(content, encoding="utf-8")


def _write_kml(path: Path, _query: Query, estimate: Estimate) -> None:
    from whence.explain.export import estimate_to_kml

    path.write_text(estimate_to_kml(estimate), encoding="utf-8")


_WRITERS: dict[str, Callable[[Path, Query, Estimate], None]] = {
    "report": _write_report,
    "geojson": _write_geojson,
    "kml": _write_kml,
}


def _is_file(kind: str, target: Path) -> bool:
    return target.suffix.lower() in _ENDINGS[kind] and not target.is_dir()
