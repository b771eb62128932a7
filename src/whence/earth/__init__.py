"""Everything about the Earth itself: coordinates, the grid, fields on it, places and regions."""
