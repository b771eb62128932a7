"""The file of predictions: Parquet, one row a picture, written whole or not at all, gone on with after interruption.

While it is being written, rows lie in ``FILE.part`` as Arrow messages, each handed to the system as soon as a picture
is done; a torn last one is dropped. At the end they become the Parquet file, in the order of the data set.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from whence.core.errors import ArtifactError, InputError, OptionError
from whence.core.optional import optional_import
from whence.earth.field import Field
from whence.earth.fieldfile import from_bytes, to_bytes
from whence.evaluate.prediction_rows import from_row, to_row
from whence.evaluate.records import Record, Run

SCHEMA = "whence.predictions/1"
"""Name of the layout, in the metadata of the file under ``whence``."""

_RUN, _PRIOR = b"whence", b"whence.prior"
_ROWS_AT_ONCE = 32

_DECIDES = ("dataset", "versions", "options", "system")
"""What must be the same for a run to be gone on with."""


def write_run(path: Path, run: Run, records: Iterable[Record]) -> None:
    """Write a file of predictions, whole or not at all.

    Args:
        path: the file; replaced if it is there.
        run: what the records have in common.
        records: one a picture; taken one by one, so that they need not fit into memory.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OptionError: the file cannot be written.
    """
    with RunWriter(path, run) as writer:
        try:
            for record in records:
                writer.write(record)
        except BaseException:
            writer.discard()
            raise
        writer.finish()


def read_run(path: Path) -> RunFile:
    """Open a file of predictions; records are decoded as they are asked for.

    Raises:
        MissingExtraError: pyarrow is not installed.
        InputError: the file is not there.
        ArtifactError: it is no such file, or damaged.
    """
    return RunFile(path)


def is_run(path: Path) -> bool:
    """Tell whether a file is Parquet, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


@final
class RunFile(Sequence[Record]):
    """Predictions in a file: `run`, and records that are decoded when they are taken.

    Taking one by its number reads the rows around it; going through all of them in order is faster.
    """

    def __init__(self, path: Path) -> None:
        parquet = _arrow("pyarrow.parquet")
        self.path = path
        if not path.is_file():
            raise InputError(f"There is no file of predictions {str(path)!r}. 'whence predict' writes one.")
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} is no Parquet file, or damaged ({error}).") from error
        self.run = _run_of(self._file.metadata.metadata or {}, str(path))
        self._group: tuple[int, list[dict[str, Any]]] = (-1, [])

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Record]:
        return self.records()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"There are {len(self)} predictions, received number {index}.")
        group, row = divmod(place, _ROWS_AT_ONCE)
        if self._group[0] != group:
            self._group = (group, self._file.read_row_group(group).to_pylist())
        return from_row(self._group[1][row], self.run.prior)

    def records(self, *, beliefs: bool = True, estimates: bool = True) -> Iterator[Record]:
        """Yield the records in order.

        Args:
            beliefs: decode beliefs and what the sources said; without, both are left out, which is far faster.
            estimates: decode the answers with their ledgers.
        """
        left_out = {*(() if beliefs else ("belief", "sources")), *(() if estimates else ("estimate",))}
        columns = [name for name in self._file.schema_arrow.names if name not in left_out]
        for batch in self._file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
            for row in batch.to_pylist():
                yield from_row(row, self.run.prior)

    def column(self, name: str) -> list[Any]:
        """Values of one column, as they stand in the file, such as ``name`` or ``p50_km``."""
        return list(self._file.read([name]).column(name).to_pylist())


@dataclass(frozen=True, slots=True)
class Held:
    """What a file being written holds of a picture.

    Attributes:
        sha256: of its bytes.
        failure: why it has no answer, or ``None``.
    """

    sha256: str
    failure: str | None


@final
class RunWriter:
    """Writes a file of predictions row by row.

    Leaving the context before `finish` keeps ``FILE.part``, with which a later writer can go on.
    """

    def __init__(self, path: Path, run: Run, *, resume: bool = False) -> None:
        """Open ``FILE.part``.

        Args:
            path: the file to be.
            run: what the rows have in common.
            resume: keep the rows that ``FILE.part`` holds; otherwise it is begun anew.

        Raises:
            MissingExtraError: pyarrow is not installed.
            OptionError: the file cannot be written, or what it holds is of other pictures, options or versions.
        """
        self._arrow = _arrow("pyarrow")
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._prior = run.prior
        self._starts: dict[str, int] = {}
        self._held: dict[str, Held] = {}
        self._schema = _schema(self._arrow).with_metadata(_metadata(run))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            goes_on = resume and self.part.is_file()
            self._file = self.part.open("r+b" if goes_on else "w+b")
        except OSError as error:
            raise OptionError(f"{path} cannot be written ({error.strerror}). Choose another FILE.") from error
        try:
            if goes_on:
                self._read(run)
            else:
                self._begin()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        """Tell whether a picture has an answer, or a failure, among the rows."""
        return name in self._starts

    def __len__(self) -> int:
        return len(self._starts)

    def held(self, name: str) -> Held | None:
        """What is held of a picture."""
        return self._held.get(name)

    def write(self, record: Record) -> None:
        """Add a record; a later one of the same name replaces it."""
        self.write_row(to_row(record, self._prior))

    def write_row(self, row: dict[str, Any]) -> None:
        """Add a row that `whence.evaluate.prediction_rows.to_row` made."""
        batch = self._arrow.RecordBatch.from_pylist([row], schema=self._schema)
        start = self._file.seek(0, 2)
        self._file.write(batch.serialize())
        self._file.flush()
        self._note(row, start)

    def finish(self, order: Sequence[str] = ()) -> None:
        """Make the Parquet file, and remove ``FILE.part``.

        Args:
            order: names in the order wanted; rows of others are left out. All, as they came, if empty.
        """
        parquet = _arrow("pyarrow.parquet")
        names = [name for name in order if name in self._starts] if order else list(self._starts)
        made = self.path.with_name(f".{self.path.name}.made")
        try:
            plain = self._schema.remove_metadata()  # else it would be written twice, with the prior
            with parquet.ParquetWriter(
                made, plain, compression="zstd", use_dictionary=["group"], write_statistics=False
            ) as out:
                out.add_key_value_metadata(self._schema.metadata)
                for first in range(0, len(names), _ROWS_AT_ONCE):
                    batches = [self._batch(name) for name in names[first : first + _ROWS_AT_ONCE]]
                    table = self._arrow.Table.from_batches(batches, self._schema)
                    out.write_table(table.replace_schema_metadata(), row_group_size=_ROWS_AT_ONCE)
            made.replace(self.path)
        finally:
            made.unlink(missing_ok=True)
        self.discard()

    def close(self) -> None:
        """Close ``FILE.part``, which stays."""
        self._file.close()

    def discard(self) -> None:
        """Remove ``FILE.part``."""
        self._file.close()
        self.part.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._file.write(self._schema.serialize())
        self._file.flush()

    def _note(self, row: Mapping[str, Any], start: int) -> None:
        self._starts[row["name"]] = start
        self._held[row["name"]] = Held(row["sha256"], row["failure"])

    def _batch(self, name: str) -> Any:
        self._file.seek(self._starts[name])
        message = self._arrow.ipc.read_message(self._file)
        return self._arrow.ipc.read_record_batch(message, self._schema)

    def _read(self, run: Run) -> None:
        """Take over the rows of an interrupted run, up to where it is torn."""
        arrow = self._arrow
        torn = (arrow.ArrowInvalid, EOFError, OSError)
        try:
            head = arrow.ipc.read_schema(self._file)
        except torn:
            self._file.truncate(0)
            self._file.seek(0)
            self._begin()
            return
        before = _run_text(head.metadata or {}, str(self.part))
        now = _run_text(_metadata(run), "")
        other = [key for key in _DECIDES if before.get(key) != now.get(key)]
        if other or not head.equals(self._schema):
            raise OptionError(
                f"{self.part} holds predictions of another run ({', '.join(other) or 'layout'} differ). Give another "
                "FILE, or leave out --resume to begin anew."
            )
        end = self._file.tell()
        with suppress(*torn):
            while True:
                batch = arrow.ipc.read_record_batch(arrow.ipc.read_message(self._file), self._schema)
                self._note(batch.select(["name", "sha256", "failure"]).to_pylist()[0], end)
                end = self._file.tell()
        self._file.truncate(end)


def _arrow(module: str) -> Any:
    return optional_import(module, extra="scale", purpose="read and write files of predictions")


def _schema(arrow: Any) -> Any:
    text, number, yes = arrow.string(), arrow.float64(), arrow.bool_()
    source = arrow.struct(
        [
            ("source", text),
            ("likelihood", arrow.binary()),
            ("temperature", number),
            ("bits", number),
            ("failure", text),
            ("elapsed_ms", number),
        ]
    )
    return arrow.schema(
        [
            ("name", text),
            ("sha256", text),
            ("truth_lat_deg", number),
            ("truth_lon_deg", number),
            ("truth_accuracy_km", number),
            ("group", text),
            ("attributes", arrow.map_(text, text)),
            ("lat_deg", number),
            ("lon_deg", number),
            ("p50_km", number),
            ("p90_km", number),
            ("abstained", yes),
            ("failure", text),
            ("elapsed_ms", number),
            ("belief_kind", text),
            ("belief", arrow.binary()),
            ("sources", arrow.list_(source)),
            ("estimate", text),
        ]
    )


def _metadata(run: Run) -> dict[bytes, bytes]:
    said = {
        "schema": SCHEMA,
        "dataset": run.dataset,
        "system": run.system,
        "versions": dict(run.versions),
        "options": dict(run.options),
        "machine": run.machine,
        "created": run.created,
    }
    return {
        _RUN: json.dumps(said, ensure_ascii=False, sort_keys=True).encode(),
        _PRIOR: base64.b64encode(to_bytes(run.prior)),
    }


def _run_text(metadata: dict[bytes, bytes], name: str) -> dict[str, Any]:
    try:
        said = json.loads(metadata[_RUN])
        schema = said["schema"]
    except (KeyError, ValueError, TypeError):
        raise ArtifactError(f"{name} is no file of predictions of whence. 'whence predict' writes one.") from None
    if schema != SCHEMA:
        raise ArtifactError(f"{name} has schema {schema!r}; this version reads {SCHEMA!r}. Make it again.")
    return dict(said)


def _run_of(metadata: dict[bytes, bytes], name: str) -> Run:
    said = _run_text(metadata, name)
    try:
        prior: Field = from_bytes(base64.b64decode(metadata[_PRIOR]), f"the prior in {name}").normalise()
        return Run(
            said["dataset"],
            prior,
            said["versions"],
            said["options"],
            said["machine"],
            said["created"],
            said["system"],
        )
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"{name} is damaged: {error}. Make it again.") from error
