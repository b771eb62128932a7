"""Files of weights that users bring: named by a setting, or lying in the folder of ``$WHENCE_ASSETS``."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from whence.core.errors import ArtifactError, OptionError

ASSETS_VARIABLE = "WHENCE_ASSETS"
"""Environment variable that names the folder, where no setting does."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the folder.

    Attributes:
        name: of the file.
        sha256: hash of its bytes, hexadecimal.
    """

    name: str
    sha256: str


def user_file(setting: str, asset: Asset, owner: str) -> Path:
    """The file of a setting, which may be a folder that has it; that of ``$WHENCE_ASSETS`` if the setting is empty.

    Args:
        setting: a file, a folder, or empty.
        asset: the file that is meant.
        owner: whose setting it is, for the message.

    Raises:
        OptionError: there is no such file.
    """
    given = setting or os.environ.get(ASSETS_VARIABLE, "")
    remedy = f"Give the file as {owner}.weights, or name its folder in ${ASSETS_VARIABLE}."
    if not given:
        raise OptionError(f"{owner} needs the file {asset.name}, which is not shipped. {remedy}")
    path = Path(given).expanduser()
    path = path / asset.name if path.is_dir() else path
    if not path.is_file():
        raise OptionError(f"{owner} needs the file {asset.name}; there is no file {path}. {remedy}")
    return path


def check_hash(path: Path, sha256: str) -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        sha256: what they must hash to; empty for any.

    Raises:
        ArtifactError: the file cannot be read, or is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"The file {path} cannot be read ({error.strerror}). Give a file that can.") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256:
        raise ArtifactError(
            f"The file {path} hashes to {found[:12]}…, expected {sha256[:12]}…. Copy it again from its source, or set "
            "sha256 to the empty text if another file is meant."
        )
    return content
