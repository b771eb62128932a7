"""The header of a bundle: its card and the hashes of its parts, read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from whence.core.errors import ArtifactError, unknown_name

BUNDLE_SCHEMA = "whence.bundle/1"
"""Version of the layout that this code writes and reads."""

HEADER = "bundle.json"
"""Name of the header's file."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""How a bundle and its parts may be called."""

_SUFFIXES = (".npy", ".onnx", ".safetensors")
_MUST_SAY = ("name", "kind", "title", "licence", "training_data")


@dataclass(frozen=True)
class BundleHeader:
    """What is said of a bundle.

    Attributes:
        name: how it is called; letters, digits, dots, dashes and underscores.
        kind: what it is used as, for example ``alignment``.
        title: what it is, one line.
        licence: of its weights.
        training_data: what it was trained on, and under which licence that was.
        paper: whose idea it is: authors, title, year and identifier; "none" if nobody's.
        known_overlap: what is known of pictures that training data and benchmarks share.
        preprocessing: how pictures become its input (`whence.encode.preprocessing`).
        concepts: ``bank`` (hash of the concept bank) and ``ids`` (in the order of its arrays); empty without any.
        calibration: how its numbers were made probabilities, with the figures.
        config: what its kind needs to know.
        created: when it was written, UTC, ISO 8601; set by writing.
        whence: version that wrote it; set by writing.
        parts: for each file its ``sha256`` and ``bytes``; set by writing.
        schema: version of the layout.
    """

    name: str
    kind: str
    title: str
    licence: str
    training_data: str
    paper: str = "none"
    known_overlap: str = "not known"
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    concepts: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    whence: str = ""
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schema: str = BUNDLE_SCHEMA

    @property
    def concept_ids(self) -> tuple[str, ...]:
        """Ids of its concepts in the order of its arrays."""
        return tuple(self.concepts.get("ids", ()))

    @property
    def bank_hash(self) -> str:
        """Hash of the concept bank that it was made with, empty without one."""
        return str(self.concepts.get("bank", ""))

    def to_json(self) -> str:
        """As JSON text, keys sorted.

        Raises:
            ArtifactError: a value that JSON does not know, such as NaN.
        """
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        try:
            return json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ArtifactError(
                f"The header of bundle {self.name!r} holds a value that JSON does not know ({error}). "
                "Use texts, finite numbers, lists and tables."
            ) from error

    @staticmethod
    def from_json(text: str | bytes, where: str = "the bundle") -> BundleHeader:
        """Read from JSON, strictly.

        Args:
            text: what `to_json` wrote.
            where: what to call the bundle in messages.

        Raises:
            ArtifactError: not JSON, another schema, an unknown or missing key, or a value of the wrong type.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ArtifactError(f"{where}: {HEADER} is no JSON ({error}). Export or fetch the bundle again.") from error
        if not isinstance(values, dict) or values.get("schema") != BUNDLE_SCHEMA:
            found = values.get("schema") if isinstance(values, dict) else None
            raise ArtifactError(
                f"{where} is of schema {found!r}, this version of whence reads {BUNDLE_SCHEMA!r}. "
                "Export it again, or install the version of whence that it was made for."
            )
        known = {item.name: item for item in fields(BundleHeader)}
        for key in values:
            if key not in known:
                raise ArtifactError(f"{where}: {unknown_name(f'key of {HEADER}', key, known)}")
        if missing := sorted(set(known) - set(values)):
            raise ArtifactError(f"{where}: {HEADER} lacks {', '.join(missing)}. Export or fetch the bundle again.")
        for key, item in known.items():
            wanted = dict if str(item.type).startswith("Mapping") else str
            if not isinstance(values[key], wanted):
                raise ArtifactError(
                    f"{where}: {key} in {HEADER} is a {type(values[key]).__name__}, expected {wanted.__name__}."
                )
        header = BundleHeader(**values)
        header.check(where)
        return header

    def check(self, where: str) -> None:
        """Refuse a header that is incomplete or holds names that are none.

        Args:
            where: what to call the bundle in messages.

        Raises:
            ArtifactError: says which key, and what is allowed.
        """
        for key in _MUST_SAY:
            if not getattr(self, key).strip():
                raise ArtifactError(f"{where}: the header says nothing under {key}. Fill it in.")
        if not NAME.fullmatch(self.name):
            raise ArtifactError(f"{where}: {self.name!r} is no name; use letters, digits, dots, dashes, underscores.")
        for name, entry in self.parts.items():
            if not name.endswith(_SUFFIXES) or not NAME.fullmatch(name):
                raise ArtifactError(
                    f"{where}: {name!r} is no name of a part; allowed are NAME with {', '.join(_SUFFIXES)}."
                )
            if not isinstance(entry, Mapping) or set(entry) != {"sha256", "bytes"}:
                raise ArtifactError(f"{where}: the part {name} needs sha256 and bytes in {HEADER}, received {entry!r}.")
        ids = self.concepts.get("ids")
        if self.concepts and not (
            set(self.concepts) == {"bank", "ids"}
            and isinstance(ids, (list, tuple))
            and all(isinstance(item, str) for item in ids)
            and len(set(ids)) == len(ids)
        ):
            raise ArtifactError(f"{where}: concepts in {HEADER} needs 'bank' and 'ids', a list of different texts.")
