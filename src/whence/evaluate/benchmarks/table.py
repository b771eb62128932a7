"""The benchmarks, read from ``benchmarks.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from whence.core.errors import ArtifactError, unknown_name
from whence.evaluate.benchmarks.types import Benchmark, Protocol

_FILE = "benchmarks.toml"


def benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        OptionError: there is none; the nearest name is suggested.
    """
    found = benchmarks()
    if name not in found:
        raise unknown_name("benchmark", name, found)
    return found[name]


@lru_cache(maxsize=1)
def benchmarks() -> Mapping[str, Benchmark]:
    """All benchmarks by name, in the order of the table.

    Raises:
        ArtifactError: the table is damaged.
    """
    return parse_benchmarks((files(__package__) / _FILE).read_text(encoding="utf-8"), _FILE)


def parse_benchmarks(text: str, where: str) -> Mapping[str, Benchmark]:
    """Read a table of benchmarks: one TOML table each, with the fields of `Benchmark` and, in ``protocol``, its own.

    Raises:
        ArtifactError: it is no TOML, or a field is missing, unknown or of an unknown name.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArtifactError(f"{where}: this is no TOML ({error}).") from error
    return MappingProxyType({name: _one(name, values, f"{where}: {name}") for name, values in content.items()})


def _one(name: str, values: Mapping[str, Any], where: str) -> Benchmark:
    given = {"name": name, **values}
    protocol = _made(Protocol, dict(given.get("protocol", {})), f"{where}: protocol")
    made = _made(Benchmark, {**given, "protocol": protocol}, where)
    if made.part not in made.reader.PARTS:
        raise ArtifactError(f"{where}: there is no part {made.part!r}; there are {', '.join(made.reader.PARTS)}.")
    return made


def _made(kind: type[Any], given: Mapping[str, Any], where: str) -> Any:
    names = {field.name for field in fields(kind)}
    if given.keys() != names:
        off = sorted(given.keys() ^ names)
        raise ArtifactError(
            f"{where}: fields are missing or unknown: {', '.join(off)}. Needed: {', '.join(sorted(names))}."
        )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
