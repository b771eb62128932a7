import json
import re
from dataclasses import replace

import numpy as np
import pytest

from html_page import Page
from made_matches import made_match
from whence.crossview.types import MatchClaim
from whence.explain.match import (
    MatchFaithfulness,
    explain_match,
    render_match_report,
    write_match_report,
    write_match_reports,
)
from whence.explain.match.check import check_sentences
from whence.explain.match.lmm import Narration
from whence.explain.match.render import to_dict
from whence.explain.report.page import source_hash
from whence.samples.view import Metadata, Position, Tagged

ATTACK = '"></title><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def explanations():
    return {
        "match": explain_match(made_match()),
        "other": explain_match(made_match(3, other=11, accepted=False)),
        "nowhere": explain_match(made_match(accepted=False, found=False)),
    }


@pytest.fixture(scope="module")
def pages(explanations):
    return {name: render_match_report(explanation) for name, explanation in explanations.items()}


KINDS = ("match", "other", "nowhere")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_no_network(pages, kind):
    for tag, attrs in Page(pages[kind]).elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "audio", "video", "source"}
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in {"src", "href", "xlink:href", "action", "srcset", "data"}:
                assert value.startswith(("#", "data:image/jpeg;base64,")), (tag, name, value[:80])
    assert not re.findall(r"https?://", pages[kind])
    assert "@import" not in pages[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_allows_the_pages_own_style_and_script_alone(pages, kind):
    page = Page(pages[kind])
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs)
    running = [text for attrs, text in page.all("script") if attrs.get("type") != "application/json"]
    assert len(running) == len(page.all("style")) == 1
    assert f"script-src '{source_hash(running[0])}'" in policy
    assert f"style-src '{source_hash(page.all('style')[0][1])}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("kind", KINDS)
def test_identifiers_are_unique_and_links_lead_somewhere(pages, kind):
    page = Page(pages[kind])
    found = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert len(found) == len(set(found))
    pointed = {attrs["href"][1:] for _, attrs in page.elements if attrs.get("href", "").startswith("#")}
    pointed |= {
        v
        for _, a in page.elements
        for v in (*a.get("aria-labelledby", "").split(), a.get("aria-controls"), a.get("for"))
        if v
    }
    pointed |= set(re.findall(r"url\(#([^)]*)\)", pages[kind]))
    assert pointed <= set(found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_inside(pages, explanations, kind):
    data = next(text for attrs, text in Page(pages[kind]).all("script") if attrs.get("id") == "result")
    assert json.loads(data) == to_dict(explanations[kind])


def test_the_verdict_stands_at_the_top(pages):
    for kind, verdict in (("match", "Match"), ("other", "No match"), ("nowhere", "No match")):
        assert f'<h1 id="h-verdict">{verdict}</h1>' in pages[kind]
    assert "No transform lays the query" in pages["nowhere"]
    assert "Had it been accepted" in pages["other"]
    assert 'id="overlay"' not in pages["nowhere"]
    assert "Position within" not in pages["other"]


def test_every_claim_has_a_row_and_lights_up_in_the_pictures(pages, explanations):
    page = Page(pages["match"])
    rows = [attrs["id"] for attrs, _ in page.all("tr") if "data-claim" in attrs]
    assert rows == [f"claim-{n}" for n in range(1, len(explanations["match"].claims) + 1)]
    drawn = {attrs["data-claim"] for attrs, _ in page.all("a") if attrs.get("class", "").startswith("claim ")}
    shown = {str(n) for n, claim in enumerate(explanations["match"].claims, 1) if claim.regions}
    assert drawn == shown


def test_sliders_are_labelled_inputs(pages):
    page = Page(pages["match"])
    ranges = [attrs["id"] for attrs, _ in page.all("input") if attrs.get("type") == "range"]
    assert ranges == ["opacity", "swipe"]
    assert {attrs.get("for") for attrs, _ in page.all("label")} >= set(ranges)


def test_log_odds_add_up_on_the_page(pages):
    assert "In all: probability 95 %" in pages["match"]
    assert pages["match"].count("+3.0") == 2


def test_both_languages_are_there(pages):
    lists = [attrs for attrs, _ in Page(pages["match"]).all("ul")]
    assert [item["lang"] for item in lists] == ["en", "zh"]
    assert "两图匹配" in pages["match"]


@pytest.mark.parametrize("place", ["query", "reference", "source", "reason", "claim"])
def test_the_words_of_others_never_become_markup(explanations, place):
    explanation = explanations["match"]
    match = explanation.match
    if place == "query":
        match = replace(match, query=replace(match.query, name=ATTACK, warnings=(ATTACK,)))
    elif place == "reference":
        match = replace(match, reference=replace(match.reference, name=ATTACK))
    elif place == "source":
        told = replace(match.reference.provenance, source=ATTACK, licence=ATTACK, date=ATTACK)
        match = replace(match, reference=replace(match.reference, provenance=told))
    elif place == "reason":
        match = replace(match, reasons=(ATTACK,))
    else:
        match = replace(match, claims=(MatchClaim(ATTACK, "agrees", {ATTACK: ATTACK}, 0.0, (), ATTACK),))
    html = render_match_report(explain_match(match))
    assert not Page(html).all("img")
    assert not any("onerror" in attrs for _, attrs in Page(html).elements)


def test_what_a_model_wrote_is_marked_where_nothing_carries_it(explanations):
    explanation = explanations["match"]
    text = "40 pairs fit [c1]. <img src=x> A castle."
    html = render_match_report(explanation, Narration(check_sentences(text, explanation.claims), "en", "made <model>"))
    items = [attrs.get("class") for attrs, _ in Page(html).all("li")]
    assert items.count("unsupported") == 1
    assert "made &lt;model&gt;" in html
    assert not Page(html).all("img")


def test_the_masking_test_is_told_or_said_to_be_missing(pages, explanations):
    assert "not measured" in pages["match"]
    tested = replace(explanations["match"], faithfulness=MatchFaithfulness(5.0, 1.0, (4.0, 5.0), 0.2))
    assert "fall by 4.0, without as many others by 0.5" in render_match_report(tested)


def test_an_accepted_match_is_shown_among_its_surroundings(pages):
    assert 'class="wm-marker"' in pages["match"]
    assert 'class="wm-marker"' not in pages["other"]


def test_a_stated_position_is_drawn(explanations):
    match = explanations["match"].match
    told = Metadata(position=Tagged(Position(match.pose.lat_deg, match.pose.lon_deg), "EXIF GPS <b>"))
    html = render_match_report(explain_match(replace(match, query=replace(match.query, metadata=told))))
    assert 'class="told"' in html
    assert "EXIF GPS &lt;b&gt;" in html


def test_an_unknown_covariance_draws_no_ellipse(explanations):
    match = explanations["match"].match
    vague = replace(match, pose=replace(match.pose, covariance_m2=(np.inf, 0.0, np.inf)))
    html = render_match_report(explain_match(vague))
    assert 'id="h-ground"' not in html
    assert (
        json.loads(next(t for a, t in Page(html).all("script") if a.get("id") == "result"))["pose"]["covariance_m2"][0]
        is None
    )


def test_pages_repeat_to_the_byte(pages, explanations):
    assert render_match_report(explanations["match"]) == pages["match"]


def test_many_matches_have_an_index(explanations, tmp_path):
    index = write_match_reports(tmp_path / "out", explanations.values())
    html = index.read_text(encoding="utf-8")
    links = [attrs["href"] for attrs, _ in Page(html).all("a") if attrs["href"].endswith(".html")]
    assert links == ["match-0001.html", "match-0002.html", "match-0003.html"]
    assert all((index.parent / link).is_file() for link in links)
    assert "3 compared: 1 accepted, 2 rejected." in html
    assert "candidate 3" in html
    policy = next(attrs["content"] for attrs, _ in Page(html).all("meta") if "http-equiv" in attrs)
    assert source_hash(Page(html).all("script")[0][1]) in policy


def test_writing_gives_one_readable_file(explanations, tmp_path):
    write_match_report(tmp_path / "m.html", explanations["match"])
    assert (tmp_path / "m.html").read_text(encoding="utf-8").startswith("<!doctype html>")
