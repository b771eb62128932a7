"""The page that lists the reports of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whence.batch.jobs import Job
from whence.batch.products import Products


def write_batch_index(products: Products, rows: Sequence[tuple[Job, Mapping[str, Any]]]) -> None:
    """Write ``index.html`` into the folder of reports, if reports go into a folder."""
    if not products.is_folder("report"):
        return
