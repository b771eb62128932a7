"""The shipped tables of the Earth: lazy, hash-checked reading of the files in ``tables/``.

``scripts/build_tables.py`` writes them together with ``manifest.json``, which holds the schema version and the
SHA-256 of each. ``tables/CARD.md`` says what they were made from and under which licences.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from whence.core.errors import ArtifactError

if TYPE_CHECKING:
    from whence.earth.field import Field

TABLE_SCHEMA = 1
"""Version of the tables' layout that this code reads."""

_REMEDY = "Reinstall whence, or rebuild the tables with: python scripts/build_tables.py"


@lru_cache(maxsize=1)
def manifest() -> Mapping[str, Any]:
    """Return the manifest: ``schema``, ``built`` (date) and ``files`` (name → ``sha256``, ``bytes``).

    Raises:
        ArtifactError: the manifest is missing, damaged or of another schema.
    """
    try:
        content = json.loads((files("whence.earth") / "tables" / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"The manifest of the tables cannot be read ({error}). {_REMEDY}") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != TABLE_SCHEMA:
        raise ArtifactError(f"The tables are of schema {schema}, this code reads {TABLE_SCHEMA}. {_REMEDY}")
    return MappingProxyType(content)


def read_bytes(name: str) -> bytes:
    """Return the content of one table, its hash checked.

    Raises:
        ArtifactError: the table is missing or is not the one that the manifest names.
    """
    entry = manifest()["files"].get(name)
    if entry is None:
        known = ", ".join(sorted(manifest()["files"]))
        raise ArtifactError(f"There is no table named {name!r}. Known: {known}. {_REMEDY}")
    try:
        content = (files("whence.earth") / "tables" / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"The table {name!r} cannot be read ({error}). {_REMEDY}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise ArtifactError(
            f"The table {name!r} has the hash {found[:12]}…, the manifest says {entry['sha256'][:12]}…: it is "
            f"damaged or of another version. {_REMEDY}"
        )
    return content


def read_json(name: str) -> Any:
    """Return a JSON table."""
    return json.loads(read_bytes(name))


def read_arrays(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` table (never pickled objects)."""
    with np.load(io.BytesIO(read_bytes(name)), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@lru_cache(maxsize=1)
def land_share() -> Float[np.ndarray, " n"]:
    """Return the share of land in each cell of order 7, 0..1, to 0.4 %; lakes count as land, ice shelves do not."""
    share: Float[np.ndarray, " n"] = read_arrays("land_share.npz")["share"] / 255.0
    share.setflags(write=False)
    return share


@lru_cache(maxsize=1)
def population_field() -> Field:
    """Return the normalised log-density of people, on cells of order 7 to 10; ``-inf`` where no one lives.

    Each place of the gazetteer is spread over a Gaussian disc that grows with it, what countries have beyond
    their places is spread more widely around them.
    """
    from whence.earth.fieldfile import from_bytes

    return from_bytes(read_bytes("population.field"), "the table population.field").normalise()


def table_hashes() -> dict[str, str]:
    """Return the first twelve hexadecimal digits of each table's SHA-256, for the provenance of results."""
    return {name: entry["sha256"][:12] for name, entry in sorted(manifest()["files"].items())}
