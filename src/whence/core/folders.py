"""Where *whence* keeps what it can make again, and where models are looked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

CACHE_VARIABLE = "WHENCE_CACHE"
"""Environment variable that names the cache folder."""

MODELS_VARIABLE = "WHENCE_MODELS"
"""Environment variable that names folders with bundles, separated as in ``PATH``."""


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Folder for what can be made again; it may not exist yet, and may be deleted at any time.

    ``$WHENCE_CACHE`` if set, else ``whence`` in the user's cache folder: ``$XDG_CACHE_HOME`` or ``~/.cache``,
    ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows.

    Args:
        environment: where variables are looked up; the process's own if not given.
    """
    known = os.environ if environment is None else environment
    if known.get(CACHE_VARIABLE):
        return Path(known[CACHE_VARIABLE]).expanduser()
    usual = {
        "darwin": Path("~/Library/Caches"),
        "win32": Path(known.get("LOCALAPPDATA") or "~/AppData/Local"),
    }.get(sys.platform, Path(known.get("XDG_CACHE_HOME") or "~/.cache"))
    return usual.expanduser() / "whence"


def model_folders(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Folders in which bundles are looked for by name, the first first; they need not exist.

    Those of ``$WHENCE_MODELS``, then ``models`` in the cache folder, then ``models`` in this package.
    """
    known = os.environ if environment is None else environment
    own = [Path(part).expanduser() for part in known.get(MODELS_VARIABLE, "").split(os.pathsep) if part]
    return (*own, cache_folder(environment) / "models", Path(str(files("whence"))) / "models")
