import math

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.explain.match.concepts import ConceptReadings, concept_claims

NAMES = tuple(f"concept {i}" for i in range(30))


def readings(query, reference):
    return ConceptReadings(NAMES, np.asarray(query, float), np.asarray(reference, float))


def test_shared_concepts_agree_beyond_chance():
    scores = np.arange(30.0)
    (claim,) = concept_claims(readings(scores, scores))
    assert claim.verdict == "agrees"
    assert claim.values["shared"] == 5
    assert claim.values["chance_share"] == pytest.approx(1 / math.comb(30, 5))
    assert claim.values["shared_names"] == "concept 29, concept 28, concept 27, concept 26, concept 25"


def test_opposite_concepts_contradict():
    scores = np.arange(30.0)
    (claim,) = concept_claims(readings(scores, -scores))
    assert claim.verdict == "contradicts"
    assert claim.values["shared_names"] == "none"


def test_one_shared_concept_decides_nothing():
    query, reference = np.zeros(30), np.zeros(30)
    query[[0, 1, 2, 3, 4]] = 1
    reference[[4, 5, 6, 7, 8]] = 1
    (claim,) = concept_claims(readings(query, reference))
    assert (claim.verdict, claim.values["shared"]) == ("unclear", 1)


def test_nothing_is_claimed_without_readings():
    assert concept_claims(None) == ()
    assert concept_claims(ConceptReadings(NAMES[:4], np.zeros(4), np.zeros(4))) == ()


def test_lengths_must_agree():
    with pytest.raises(InputError, match="29 scores"):
        ConceptReadings(NAMES, np.zeros(29), np.zeros(30))
