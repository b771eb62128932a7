"""Cross-view training: views of several kinds aligned with satellite pictures, by recipe."""
