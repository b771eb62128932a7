"""``whence embed``: pictures and places as vectors of a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, final

import click

from whence import __version__
from whence.cli.exits import Exit
from whence.cli.interrupt import graceful_interrupt
from whence.cli.place import NumbersCommand
from whence.cli.progress import ProgressBar

if TYPE_CHECKING:
    import numpy as np

    from whence.earth.pointfile import PointTable
    from whence.encode.bundled import AlignmentModel
    from whence.encode.cache import EmbeddingCache
    from whence.encode.embedding import Outcome

_NAMED_FAILURES = 20
_TABLE = ".csv"
_PLACES_A_BATCH = 1024
_EXAMPLES = """\b
Examples:
  whence embed 48.8584 2.2945 --model my_model
  whence embed places.csv --model my_model --out places.npz
  whence embed holiday/ --model my_model --out holiday.parquet
  whence embed *.jpg --model my_model | jq -c .embedding
"""


@click.command(cls=NumbersCommand, short_help="Turn pictures or places into vectors of a model.", epilog=_EXAMPLES)
@click.argument("what", nargs=-1, required=True, metavar="LAT LON | CSV | PHOTOS...")
@click.option("--model", required=True, metavar="NAME|DIR", help="The bundle, by name or folder.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a file: .npy, .npz, .parquet, .csv or .jsonl. Without it, lines of JSON on standard output.",
)
@click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="Keep the vectors of pictures in the user's cache folder, and take them from there.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Go into folders inside folders.")
def embed(what: tuple[str, ...], model: str, out: Path | None, cache: bool, recursive: bool) -> int:
    """Turn pictures or places into vectors of a model, of unit length.

    LAT LON is one place in degrees, or text that holds them; CSV a table of places with columns such as lat
    and lon; PHOTOS are files, folders and patterns. What fails is named on standard error and left out of the
    FILE; lines of JSON have its error in place of the vector.

    Stopped with Ctrl-C, FILE holds what was done; the same command goes on from the cache.
    """
    from whence.encode.bundled import AlignmentModel
    from whence.encode.embedding_files import check_format

    if out is not None:
        check_format(out)
    point = _point(what)
    run = EmbedRun(AlignmentModel.load(model), out)
    if point is not None:
        return run.places(point, None)
    if len(what) == 1 and what[0].casefold().endswith(_TABLE):
        from whence.earth.pointfile import read_points

        return run.places(read_points(Path(what[0])), what[0])
    from whence.samples.discover import find_pictures

    pictures = list(find_pictures(what, recursive=recursive))
    if not pictures:
        raise click.UsageError("There are no pictures in what was given.")
    return run.pictures(pictures, cache=cache)


def _point(what: tuple[str, ...]) -> PointTable | None:
    """The place that the arguments stand for, ``None`` if they name files."""
    import numpy as np

    from whence.core.errors import CoordinateError
    from whence.earth.parsing import parse_point
    from whence.earth.pointfile import PointTable

    if any(Path(item).exists() for item in what) or not all(re.search(r"\d", item) for item in what):
        return None
    try:
        found = parse_point(" ".join(item.strip() for item in what))
    except CoordinateError:
        if len(what) == 2 and all(re.fullmatch(r"[\u2212+-]?[\d.]+", item) for item in what):
            raise
        return None
    return PointTable(np.array([found.lat_deg]), np.array([found.lon_deg]), np.array([1]), ())


@final
class EmbedRun:
    """One run of ``whence embed``.

    Args:
        model: what embeds.
        out: the file, ``None`` for lines of JSON on standard output.
    """

    def __init__(self, model: AlignmentModel, out: Path | None) -> None:
        self._model = model
        self._versions = {"whence": __version__, "model": model.bundle.hash}
        self._out = out
        self._total = 0
        self._done = 0
        self._interrupted = False
        self._failures: list[str] = []
        self._rows: list[np.ndarray] = []
        self._told: list[dict[str, object]] = []

    def places(self, table: PointTable, source: str | None) -> int:
        """Embed places; return the exit code.

        Args:
            table: the places, and the rows that are none.
            source: the file they come from, ``None`` for a place of the command line.
        """
        from whence.core.errors import CoordinateError

        count = len(table.lat_deg)
        self._total = count + len(table.bad)
        with ProgressBar(self._total, doing="embedding") as bar, graceful_interrupt() as stop:
            for line, text in table.bad:
                self._fail({"line": line}, CoordinateError(f"{source}, line {line}: {text}"), bar)
            for start in range(0, count, _PLACES_A_BATCH):
                some = range(start, min(start + _PLACES_A_BATCH, count))
                rows = self._model.embed_places(table.lat_deg[some], table.lon_deg[some])
                for i, row in zip(some, rows, strict=True):
                    told: dict[str, object] = {} if source is None else {"line": int(table.lines[i])}
                    place = {"lat_deg": float(table.lat_deg[i]), "lon_deg": float(table.lon_deg[i])}
                    self._take({**told, **place}, row, bar)
                if stop():
                    self._interrupted = some.stop < count
                    break
        return self._close("places")

    def pictures(self, paths: list[Path], *, cache: bool) -> int:
        """Embed pictures; return the exit code."""
        self._total = len(paths)
        with (
            ProgressBar(self._total, doing="embedding") as bar,
            graceful_interrupt() as stop,
            ExitStack() as stack,
        ):
            store = stack.enter_context(self._cache()) if cache else None
            for count, outcome in enumerate(self._outcomes(paths, store), 1):
                told: dict[str, object] = {"name": outcome.name, "sha256": outcome.sha256}
                if outcome.embedding is not None:
                    self._take(told, outcome.embedding, bar)
                else:
                    self._fail(told, outcome.error, bar)
                if stop():
                    self._interrupted = count < len(paths)
                    break
        return self._close("pictures")

    def _outcomes(self, paths: list[Path], store: EmbeddingCache | None) -> Iterator[Outcome]:
        from whence.encode.embedding import embed_one_by_one

        return embed_one_by_one(paths, self._model, cache=store)

    def _cache(self) -> EmbeddingCache:
        from whence.encode.cache import Config, EmbeddingCache

        return EmbeddingCache(Config(), self._model.bundle.hash, self._model.dim)

    def _take(self, told: dict[str, object], row: np.ndarray, bar: ProgressBar) -> None:
        self._done += 1
        if self._out is not None:
            self._rows.append(row)
            self._told.append(told)
        else:
            bar.write(self._line(told, row, None))
        bar.step(failed=False)

    def _fail(self, told: dict[str, object], error: Exception | None, bar: ProgressBar) -> None:
        name, said = str(told.get("name", "")), str(error)
        self._failures.append(said if name in said else f"{name}: {said}")
        if self._out is None:
            bar.write(self._line(told, None, error))
        bar.step(failed=True)

    def _line(self, told: dict[str, object], row: np.ndarray | None, error: Exception | None) -> str:
        from whence.encode.embedding_files import embedding_line

        return embedding_line(told, row, self._versions, error)

    def _close(self, what: str) -> int:
        """Write the file; say what failed."""
        if self._out is not None and self._rows:
            import numpy as np

            from whence.encode.embedding_files import EmbeddingTable, write_embeddings

            columns = {name: np.array([told[name] for told in self._told]) for name in self._told[0]}
            table = EmbeddingTable(np.stack(self._rows), columns, self._model.bundle.header.name, self._versions)
            write_embeddings(self._out, table)
        for said in self._failures[:_NAMED_FAILURES]:
            click.echo(f"failed: {said}", err=True)
        if len(self._failures) > _NAMED_FAILURES:
            click.echo(f"… and {len(self._failures) - _NAMED_FAILURES} more failed.", err=True)
        if self._total > 1 or self._interrupted:
            click.echo(f"{self._done} of {self._total} {what} embedded, {len(self._failures)} failed.", err=True)
        if self._interrupted:
            return Exit.INTERRUPTED
        if not self._done:
            return Exit.NONE_ANSWERED
        return Exit.SOME_FAILED if self._failures else Exit.DONE
