"""What a model of pictures and places says: a likelihood over the whole Earth that adds up over concepts.

``parts`` evaluates the model on the grid, coarse to fine, one column a concept; ``claims`` tells the columns in words;
``source`` is the evidence source.
"""

from __future__ import annotations

from whence.evidence.alignment.source import Alignment

__all__ = ["Alignment"]
