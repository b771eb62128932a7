"""`Budget`: how much a frame may cost, learned from what the frames before it cost."""

from __future__ import annotations

from typing import final

_LEAST = 0.04
_HARDEST, _GENTLY, _COMFORT = 0.4, 1.3, 0.75


@final
class Budget:
    """Shrinks the work of the next frame when one took too long, and lets it grow again when there is room.

    Args:
        budget_ms: for a frame; 0 for no limit.
    """

    def __init__(self, budget_ms: float) -> None:
        self._budget_ms = budget_ms
        self.share = 1.0
        """Share of the full work that the next frame is to do, 0.04..1."""

    def spent(self, elapsed_ms: float) -> bool:
        """Take note of what a frame took.

        Returns:
            Whether that was more than the budget.
        """
        if self._budget_ms <= 0.0:
            return False
        missed = elapsed_ms > self._budget_ms
        if missed:
            self.share = max(_LEAST, self.share * max(_HARDEST, 0.95 * self._budget_ms / elapsed_ms))
        elif elapsed_ms < _COMFORT * self._budget_ms:
            self.share = min(1.0, self.share * _GENTLY)
        return missed

    def count(self, most: int, least: int = 1) -> int:
        """How many of something that takes time in proportion to its number."""
        return max(least, round(most * self.share))

    def radius(self, full_m: float, least_m: float) -> float:
        """Radius of a region whose search takes time in proportion to its area."""
        return max(full_m * self.share**0.5, min(least_m, full_m))
