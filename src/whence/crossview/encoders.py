"""`open_encoder`: the encoder of views and tiles that a name stands for."""

from __future__ import annotations

from whence.crossview.encoder import CrossViewEncoder

BUILT_IN = "vlad"
"""The encoder that needs no model."""


def open_encoder(name: str = BUILT_IN) -> CrossViewEncoder:
    """Return an encoder.

    Args:
        name: ``vlad`` for the one that is built in, else a bundle of kind ``crossview`` by name or folder.

    Raises:
        OptionError: there is no such bundle.
        ArtifactError: the bundle is damaged or of another kind.
    """
    if name == BUILT_IN:
        from whence.crossview.vlad import VladEncoder

        return VladEncoder()
    from whence.core.bundle import load_bundle

    bundle = load_bundle(name)
    from whence.crossview.bundled import BundledEncoder

    return BundledEncoder(bundle)
