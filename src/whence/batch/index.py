"""The page that lists the reports of a batch, in the order of the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from whence.batch.jobs import Job
from whence.batch.products import Products

if TYPE_CHECKING:
    from whence.explain.report import IndexRow


@final
class BatchIndex:
    """Collects a row a picture, and writes ``index.html`` if the reports go into a folder.

    Args:
        products: what is written for each picture.
    """

    def __init__(self, products: Products) -> None:
        self._products = products
        self._rows: dict[int, IndexRow] = {}

    @property
    def wanted(self) -> bool:
        """Whether there will be an index at all."""
        return self._products.is_folder("report")

    def add(self, job: Job, record: Mapping[str, Any]) -> None:
        """Add a picture.

        Args:
            job: the picture.
            record: its result line, as plain values.
        """
        from whence.explain.report import IndexRow, index_row

        target = self._products.target("report", job)
        if "error" in record:
            self._rows[job.index] = IndexRow(name=job.name, failure=record["error"]["message"])
        elif target is not None:
            self._rows[job.index] = index_row(record, target.name)

    def write(self) -> None:
        """Write the page."""
        from whence.explain.report import write_index

        if self.wanted and self._products.report is not None:
            write_index([row for _, row in sorted(self._rows.items())], self._products.report)
