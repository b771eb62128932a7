"""Scenery: what kind of place a picture shows, by concepts whose truth is known everywhere on Earth."""

from whence.evidence.scenery.source import Config, Scenery

__all__ = ["Config", "Scenery"]
