"""Reading the text in the picture and what it implies, one module a cue.

``ocr`` turns a view into lines; ``language``, ``toponyms``, ``phones``, ``domains``, ``money``, ``postcodes``,
``plates``, ``streets`` and ``roadsigns`` find typed cues in the lines and say how likely each is at every place;
``joint`` adds them up with one share for "this text does not belong here"; ``source`` is the evidence source.
"""

from __future__ import annotations

from whence.evidence.text.source import Text

__all__ = ["Text"]
