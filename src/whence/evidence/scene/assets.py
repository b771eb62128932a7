"""The folder with small networks that users bring: which files, and that they are those that the tables belong to.

Nothing of it is shipped. A table of ours was fitted to what one exact file says, so another file of the same name is
refused instead of being read with a table that is not its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from whence.core.errors import ArtifactError, OptionError
from whence.encode.user_files import ASSETS_VARIABLE as ASSETS_VARIABLE
from whence.encode.user_files import Asset as Asset

SEGMENTATION = Asset(
    "deeplab_mobilenet_edgetpu_slim_cityscapes_quant.tflite",
    "322fe29945cb1693f426952f2a330ab67ea5678545ddee6f2548e0cfd0ca03e5",
)
IMAGENET = Asset(
    "tf2_mobilenet_v2_1.0_224_ptq.tflite", "5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c"
)
BIRDS = Asset(
    "mobilenet_v2_1.0_224_inat_bird_quant.tflite", "350fcd8cf1df1560060d464595dfed8b174b05792788052896004848d9ad04f9"
)
INSECTS = Asset(
    "mobilenet_v2_1.0_224_inat_insect_quant.tflite", "0ebaeb474dccf56b8b818b014f0d6a8e22b35a45b491a659f0b5405c9c838282"
)
SCENES = Asset(
    "squeezenet1_1_places365.safetensors", "1f546b86d0d0533614f4e9f5b282f7e3e57006eb36a4c879171f28d3af2d89ae"
)
BIRD_LABELS = Asset("labels_inat_bird.txt", "a16108dfe3f8daff015b87a97ab6a17e717b9b1bccd719f6d8f747746d7b9277")
INSECT_LABELS = Asset("labels_inat_insect.txt", "e5e03664a8a70eafc3308268eb8cd6aa28652912735bfdd45e436ae9617155bc")
SCENE_LABELS = Asset("labels_places365.csv", "b976223667e2de26ac7a2de9d1472546ba2175a7bec39187b9bdc95de664ca18")


def find_folder(setting: str, needed: Iterable[Asset], owner: str) -> Path | None:
    """The folder with some files: that of the setting, else that of ``$WHENCE_ASSETS``.

    Args:
        setting: a folder, or empty.
        needed: what must be in it.
        owner: whose setting it is, for the message.

    Returns:
        ``None`` if neither names a folder, or the variable names one that lacks a file.

    Raises:
        OptionError: the setting names a folder that lacks a file.
    """
    given = setting or os.environ.get(ASSETS_VARIABLE, "")
    if not given:
        return None
    folder = Path(given).expanduser()
    lacking = [asset.name for asset in needed if not (folder / asset.name).is_file()]
    if lacking and setting:
        raise OptionError(f"{owner}.models is a folder with the files of {owner}; {folder} lacks {', '.join(lacking)}.")
    return None if lacking else folder


def not_set_up(owner: str) -> str:
    """What to do when no folder is known."""
    return f"no networks: --set {owner}.models=FOLDER or ${ASSETS_VARIABLE} names the folder that has them"


def checked(folder: Path, asset: Asset) -> Path:
    """The path of a file whose hash is right.

    Raises:
        ArtifactError: the file cannot be read, or is another one.
    """
    path = folder / asset.name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"The file {path} cannot be read ({error}).") from error
    if found != asset.sha256:
        raise ArtifactError(
            f"The file {path} has the hash {found[:12]}…; the tables of this version belong to {asset.sha256[:12]}…. "
            "Put that file there, or leave the source out."
        )
    return path


def read_labels(path: Path) -> tuple[str, ...]:
    """The lines of a checked file of labels."""
    return tuple(line.strip() for line in path.read_text(encoding="latin-1").splitlines())
