"""Folders of models whose configuration says one thing twice."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whence.core.errors import ArtifactError

_CONFIG, _KEY = "config.json", "projection_dim"


@contextmanager
def consistent(folder: Path) -> Iterator[Path]:
    """Give the folder of a CLIP whose halves know the length of its embedding.

    Many saved CLIPs state it for the whole alone; their halves, loaded by themselves, would then take the usual 512.

    Args:
        folder: as ``transformers`` saves a model; never written to.

    Yields:
        The folder itself, or a temporary one of links with a configuration that fits.

    Raises:
        ArtifactError: the configuration cannot be read.
    """
    try:
        values = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        halves = {half: values[half] for half in ("text_config", "vision_config") if isinstance(values.get(half), dict)}
    except (OSError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{folder / _CONFIG} cannot be read ({error}). Fetch it again.") from error
    length = values.get(_KEY)
    if length is None or all(half.get(_KEY) == length for half in halves.values()):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="whence-") as made:
        for item in folder.iterdir():
            if item.is_file() and item.name != _CONFIG:
                (Path(made) / item.name).symlink_to(item.resolve())
        changed = {name: {**half, _KEY: length} for name, half in halves.items()}
        (Path(made) / _CONFIG).write_text(json.dumps({**values, **changed}), encoding="utf-8")
        yield Path(made)
