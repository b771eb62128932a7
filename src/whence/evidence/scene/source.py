"""Evidence sources that ask small networks which users bring in a folder."""

from __future__ import annotations

import threading
from typing import ClassVar

from whence.evidence.scene.assets import Asset, find_folder, not_set_up
from whence.evidence.types import EvidenceSource


class NetworkSource(EvidenceSource):
    """A source that is set up where its files are.

    Class attributes:
        FILES: what the folder must hold.
        NETWORKS: those of them that shape the answers, whose hashes are the source's version.
    """

    FILES: ClassVar[tuple[Asset, ...]]
    NETWORKS: ClassVar[tuple[Asset, ...]]

    def __init__(self, folder: str) -> None:
        """Find the files.

        Args:
            folder: of the setting; that of the environment if empty.

        Raises:
            OptionError: the folder of the setting lacks one.
        """
        self._folder = find_folder(folder, self.FILES, self.NAME)
        self._lock = threading.Lock()

    @property
    def is_set_up(self) -> bool:
        """Whether the files are there."""
        return self._folder is not None

    def availability(self) -> str | None:
        """What is missing: the files."""
        return None if self.is_set_up else not_set_up(self.NAME)

    @property
    def version(self) -> str:
        """Hashes of the networks."""
        return "-".join(asset.sha256[:8] for asset in self.NETWORKS) if self.is_set_up else ""
