import json
import math

import numpy as np
import pytest

from made_matches import made_match
from whence.core.errors import OptionError
from whence.explain.match import ConceptReadings, explain_match
from whence.explain.match.render import to_dict


def test_the_claims_of_the_match_come_first():
    match = made_match()
    explanation = explain_match(match)
    assert explanation.claims[: len(match.claims)] == match.claims
    assert explanation.ids[0] == "c1"
    assert explanation.claim("c2") is explanation.claims[1]
    assert explanation.tests >= 5
    with pytest.raises(OptionError, match="c99"):
        explanation.claim("c99")


def test_log_odds_still_add_up_to_the_probability():
    explanation = explain_match(made_match())
    total = explanation.match.prior_log_odds + math.fsum(claim.log_odds for claim in explanation.claims)
    assert 1 / (1 + math.exp(-total)) == pytest.approx(explanation.match.probability)


def test_a_heading_is_told_if_the_match_has_not():
    kinds = [claim.kind for claim in explain_match(made_match()).claims]
    assert kinds.count("heading") == kinds.count("scale") == 1
    assert "heading" not in [claim.kind for claim in explain_match(made_match(accepted=False, found=False)).claims]


def test_concepts_are_compared_if_they_are_given():
    names = tuple(f"c{i}" for i in range(20))
    given = ConceptReadings(names, np.arange(20.0), np.arange(20.0))
    explanation = explain_match(made_match(), concepts=given)
    assert explanation.concepts
    assert explanation.claims[-1].kind == "concepts"
    assert to_dict(explain_match(made_match()))["concepts"] == "not measured"


def test_languages_are_chosen():
    explanation = explain_match(made_match(), languages=["zh"])
    assert list(explanation.words) == ["zh"]
    with pytest.raises(OptionError, match="zh"):
        explanation.text("en")
    with pytest.raises(OptionError):
        explain_match(made_match(), languages=["xx"])


@pytest.mark.parametrize("found", [True, False])
def test_an_explanation_is_plain_json(found):
    explanation = explain_match(made_match(accepted=found, found=found))
    told = json.loads(json.dumps(to_dict(explanation), allow_nan=False))
    assert [claim["id"] for claim in told["claims"]] == list(explanation.ids)
    assert told["faithfulness"] == "not measured"
    assert (told["transform"] is None) is not found
    assert "regions" in told["claims"][0]
    assert to_dict(explanation, regions=False)["claims"][0]["regions"] == []
