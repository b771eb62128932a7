"""What a model of pictures and texts says without training: how well the picture fits texts that name places.

``model`` reads a bundle of pictures' graph and embedded prompts; ``fields`` turns scores into likelihoods that add up;
``source`` is the evidence source.
"""

from __future__ import annotations

from whence.evidence.prompts.source import Prompts

__all__ = ["Prompts"]
