"""Bundles of models that others published: their files found, checked, exported.

``files`` finds or fetches files and hashes them; ``steps`` keeps what was finished, so that an interrupted run goes on;
``geoclip`` and ``prompts`` build the two kinds of bundles; ``build`` puts them together.
"""

from __future__ import annotations

from whence.train.obtain.build import Request, build_bundle, find_all
from whence.train.obtain.files import Found

__all__ = ["Found", "Request", "build_bundle", "find_all"]
