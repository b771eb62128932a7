"""Shapes in signatures are checked while testing; real data is found or its tests skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

_HOOK = install_import_hook(
    [
        "whence.concepts",
        "whence.crossview.references",
        "whence.crossview.register",
        "whence.earth",
        "whence.encode.bundled",
        "whence.encode.cache",
        "whence.encode.embedding",
        "whence.encode.embedding_files",
        "whence.encode.encoded_places",
        "whence.encode.local.picking",
        "whence.encode.preprocessing",
        "whence.encode.processors",
        "whence.encode.sentences",
        "whence.encode.squeezenet",
        "whence.encode.tensor_file",
        "whence.encode.tflite",
        "whence.encode.views",
        "whence.estimate",
        "whence.evaluate",
        "whence.evidence",
        "whence.explain.match",
        "whence.gallery",
        "whence.samples.datasets",
        "whence.samples.near_duplicates",
        "whence.samples.panorama",
        "whence.samples.splits",
        "whence.train.crossview",
        "whence.train.feed",
        "whence.train.losses",
        "whence.train.scoring",
    ],
    "shape_checks.checked",
)

pytest_plugins = ["made_estimates"]

settings.register_profile("ci", derandomize=True)  # the same examples at every run; elsewhere new ones are sought
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository."""
    folder = Path(os.environ.get("WHENCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("real data is not here: put it in ../shared or set WHENCE_SHARED")
    return folder
