import re

import pytest

from made_matches import made_match
from whence.core.errors import ArtifactError, OptionError
from whence.crossview.types import MatchClaim
from whence.explain.match import explain_match
from whence.explain.match.amounts import amount, compass, log_odds, probability
from whence.explain.match.check import check_sentences
from whence.explain.match.words import (
    VERDICTS,
    catalogue,
    formatted,
    languages,
    read_catalogue,
    say,
    sentences,
    template_fields,
)

VALUES = {
    "transform": [{"pairs": 410}],
    "point matches": [{"inliers": 61, "pairs": 410, "chance": 6.13}],
    "first search": [{"screening": 11.4}],
    "next best place": [{"first_inliers": 61.0, "lead": -0.5}],
    "spread of matches": [{"share": 0.43}],
    "residual": [{"residual_px": 0.71}],
    "shape": [{"stretch": 1.04, "perspective": 1.01}],
    "mirror": [{"mirrored": "yes"}],
    "scale": [{"gsd_m_per_px": 0.0634}, {"gsd_m_per_px": 0.51, "prior_m_per_px": 0.47, "ratio": 1.09}],
    "overlap": [{"share": 0.97}],
    "edges": [{"correlation": 0.41, "chance": 0.02, "significance": 11.3}],
    "heading": [{"heading_deg": 43.6}, {"heading_deg": 43.6, "prior_deg": 45.0, "difference_deg": 1.4}],
    "position": [{"distance_m": 12.5, "bearing_deg": 271.0, "sigma_m": 30.0}],
    "look-alikes": [{"one_in": 1e6}],
    "ground cover": [
        {
            "cover": "green ground",
            "query_share": 0.41,
            "reference_share": 0.39,
            "overlap_share": 0.77,
            "chance_share": 0.24,
        }
    ],
    "lines": [
        {
            "direction": "NE–SW",
            "query_lines": 9,
            "reference_lines": 14,
            "matched_lines": 5,
            "length_m": 123.4,
            "overlap_share": 0.31,
            "chance_share": 0.034,
        }
    ],
    "nothing in place": [{"tests": 8, "best_overlap_share": 0.29, "chance_share": 0.31, "best_z": 0.62}],
    "unmatched part": [{"fitting": 1, "pairs": 44, "elsewhere_share": 0.61}],
    "concepts": [
        {
            "shared": 4,
            "shared_names": "dune, palm",
            "query_names": "dune, palm, road",
            "reference_names": "dune, palm, roof",
            "chance_share": 0.0004,
        }
    ],
    "other": [{}],
}
CASES = [(code, kind, values) for code in languages() for kind, cases in VALUES.items() for values in cases]


def numbers(text):
    return sorted(re.findall(r"\d[\d,.]*\d|\d", text))


def test_every_catalogue_has_every_kind_and_verdict():
    assert {"en", "zh"} <= set(languages())
    for code in languages():
        using = catalogue(code)
        assert set(using.claims) == set(VALUES)
        for kind in VALUES:
            assert set(using.claims[kind]) == set(VERDICTS)


@pytest.mark.parametrize(("code", "kind", "values"), CASES)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_value_is_said(code, kind, values, verdict):
    using = catalogue(code)
    claim = MatchClaim(kind, verdict, values)
    text = say(claim, using)
    for name, shown in formatted(claim).items():
        for part in shown.split(", "):
            assert using.term(part) in text, name
    assert "{" not in text
    assert not any(
        template_fields(t) - set(values) - {f"{n}_compass" for n in values} - {"kind"}
        for t in using.claims[kind][verdict][:1]
    )


@pytest.mark.parametrize(("kind", "values"), [(kind, values) for kind, cases in VALUES.items() for values in cases])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_language_gives_the_same_numbers(kind, values, verdict):
    claim = MatchClaim(kind, verdict, values)
    said = {code: numbers(say(claim, catalogue(code))) for code in languages()}
    assert len({tuple(found) for found in said.values()}) == 1


@pytest.mark.parametrize(("code", "kind", "values"), CASES)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_check_of_free_text_supports_every_sentence(code, kind, values, verdict):
    claim = MatchClaim(kind, verdict, values)
    (checked,) = check_sentences(f"{say(claim, catalogue(code))} [c1]", (claim,))
    assert checked.problems == ()


def test_what_a_template_does_not_name_stands_at_the_end():
    claim = MatchClaim("overlap", "agrees", {"share": 0.5, "frames": 3})
    assert say(claim, catalogue("en")) == "50 % of the query falls on the reference (frames 3)."
    assert say(claim, catalogue("zh")).endswith("（frames 3）。")
    unknown = MatchClaim("tide", "contradicts", {"height_m": 2.0})
    assert say(unknown, catalogue("en")) == "The tide speaks against the match (height_m 2.00 m)."


def test_sentences_know_their_claims():
    said = explain_match(made_match()).words["en"]
    assert said[0].claims == ("c1",)
    assert said[0].text == "This is a match: its probability is 95 %, and 90 % is asked for."
    assert said[1].claims == ("c1",)
    told = [ident for sentence in said[1:] for ident in sentence.claims]
    assert sorted(told) == sorted(explain_match(made_match()).ids)


def test_a_rejected_match_says_what_speaks_against_it():
    match = made_match(3, other=11, accepted=False)
    said = sentences(match, match.claims, "zh")
    assert said[0].claims == ("c1",)
    assert said[0].text.startswith("两图不匹配")
    nowhere = made_match(accepted=False, found=False)
    assert sentences(nowhere, (), "en")[0].text == "This is no match: no transform lays the query onto the reference."


def test_a_catalogue_of_the_user(tmp_path):
    text = "".join(
        f'[claims."{kind}"]\n' + "".join(f'{verdict} = "{kind} {verdict} ja."\n' for verdict in VERDICTS)
        for kind in ("other", "overlap")
    )
    path = tmp_path / "de.toml"
    path.write_text(
        'language = "Deutsch"\njoiner = " "\n[terms]\n[summary]\nmatch = "Treffer: {probability}."\n'
        f'no_match = "Nein."\nno_transform = "Nein."\nundecided = "Offen: {{names}}."\nlines = "{{direction}}"\n{text}',
        encoding="utf-8",
    )
    using = read_catalogue(path)
    explanation = explain_match(made_match(), languages=["en", using])
    assert explanation.words["de"][0].text == "Treffer: 95 %."
    assert explanation.text("de").startswith("Treffer: 95 %. other agrees ja")


@pytest.mark.parametrize(
    "text",
    [
        "language = ",
        'language = "x"',
        'language = "x"\njoiner = ""\n[terms]\n[summary]\n[claims.other]\nagrees = "a"\n',
    ],
)
def test_a_damaged_catalogue_is_refused(tmp_path, text):
    path = tmp_path / "xx.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match="xx"):
        read_catalogue(path)


def test_a_missing_catalogue_is_named():
    with pytest.raises(OptionError, match="zh"):
        catalogue("zz")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("share", 0.876, "88 %"),
        ("query_share", 0.0312, "3.1 %"),
        ("heading_deg", 43.62, "43.6°"),
        ("heading_deg", 359.98, "0.0°"),
        ("gsd_m_per_px", 0.06342, "0.0634 m/px"),
        ("residual_px", 0.714, "0.71 px"),
        ("distance_m", 1234.5, "1,234 m"),
        ("inliers", 1240, "1,240"),
        ("inliers", 1240.0, "1,240"),
        ("first_inliers", 0.0, "0"),
        ("ratio", 1.0, "1.00"),
        ("correlation", -0.0035, "0.00"),
        ("correlation", -0.25, "−0.25"),
        ("significance", 11.27, "11.3"),
        ("residual_px", float("inf"), "∞"),
    ],
)
def test_numbers_are_written_once(name, value, text):
    assert amount(name, value) == text


def test_probabilities_are_never_rounded_to_certainty():
    assert [probability(p) for p in (0.0, 1e-5, 0.02, 0.5, 0.995, 0.99999, 1.0)] == [
        "0 %",
        "< 0.1 %",
        "2.0 %",
        "50 %",
        "99.5 %",
        "> 99.9 %",
        "100.0 %",
    ]
    assert [log_odds(x) for x in (2.44, -0.71, 0.0, -750.0)] == ["+2.4", "−0.7", "0.0", "ruled out"]
    assert [compass(x) for x in (0.0, 22.4, 22.6, 340.0, 359.9)] == ["N", "N", "NE", "N", "N"]
