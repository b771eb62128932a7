"""What every model out of a bundle reads of it in the same way: settings, kinds of views, preprocessing, graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from whence.core.bundle import Bundle, BundleHeader
from whence.core.config import build
from whence.core.errors import ArtifactError, OptionError, unknown_name
from whence.encode.preprocessing import Preprocessing
from whence.samples.view import ViewKind

S = TypeVar("S")


def view_kinds_of(text: str) -> frozenset[ViewKind]:
    """Kinds of views out of a text, separated by commas.

    Raises:
        OptionError: a kind that is none.
    """
    for kind in text.split(","):
        if kind not in (known := [item.value for item in ViewKind]):
            raise unknown_name("kind of view", kind, known)
    return frozenset(ViewKind(kind) for kind in text.split(","))


def settings_of(
    header: BundleHeader,
    kind: str,
    settings: type[S],
    *,
    needed: Sequence[str] = (),
    free: Sequence[str] = ("recipe",),
) -> S:
    """Read what a bundle says of its numbers under ``config`` in its header.

    Args:
        header: of the bundle.
        kind: that it must be of.
        settings: class of the settings.
        needed: keys that may not be left to their defaults.
        free: keys that are no settings.

    Raises:
        ArtifactError: another kind of bundle, an unknown key, a missing one or a value that is none.
    """
    where = f"The bundle {header.name!r}"
    if header.kind != kind:
        raise ArtifactError(f"{where} is of kind {header.kind!r}, needed is {kind!r}. Give another bundle.")
    values = {key: _text(value) for key, value in header.config.items() if key not in free}
    for key in needed:
        if key not in values:
            raise ArtifactError(f"{where}: config in its header lacks {key}. Export it again.")
    try:
        return build(settings, values, owner=f"the bundle {header.name!r}")
    except OptionError as error:
        raise ArtifactError(f"{where}: {error}") from error


def preprocessing_of_bundle(bundle: Bundle) -> Preprocessing:
    """How pictures become the input of a bundle's image graph.

    Raises:
        ArtifactError: the header says something else.
    """
    try:
        return Preprocessing.from_dict(dict(bundle.header.preprocessing))
    except OptionError as error:
        raise ArtifactError(f"The bundle {bundle.folder}: {error}") from error


def run_graph(
    bundle: Bundle, graph: str, given: Mapping[str, np.ndarray], output: str, dim: int, threads: int = 0
) -> Float[np.ndarray, "n dim"]:
    """Run a graph of a bundle and check what it gives.

    Args:
        bundle: that has it.
        graph: its name.
        given: its inputs by name, one row a picture or place.
        output: the name of what it gives.
        dim: length of a row.
        threads: of ONNX Runtime; 0 for the usual number.

    Raises:
        ArtifactError: the graph fails, or gives another shape or numbers that are not finite.
    """
    session = bundle.session(graph, threads)
    try:
        found: Any = session.run([output], dict(given))[0]
    except Exception as error:  # the runtime has its own tree of errors, without a common root
        raise ArtifactError(f"The graph {graph} of the bundle {bundle.folder} failed: {error}") from error
    rows = len(next(iter(given.values())))
    if found.shape != (rows, dim) or not np.isfinite(found).all():
        raise ArtifactError(
            f"The graph {graph} of the bundle {bundle.folder} gave shape {found.shape} or numbers that are not finite; "
            f"expected {rows} rows of {dim} finite numbers. Export it again."
        )
    return np.asarray(found)


def _text(value: object) -> object:
    """A list of texts as one, separated by commas."""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value
