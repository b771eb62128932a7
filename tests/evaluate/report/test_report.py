"""The page: self-contained, escaped, complete; pictures only where they are asked for and unchanged."""

import base64
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from html_page import Page
from made_runs import evaluated, made_run
from whence.core.errors import InputError
from whence.earth.field import Field
from whence.evaluate.records import SourceRecord, Truth
from whence.evaluate.report import Album, Contents, render_report, write_report
from whence.evaluate.report.cases import THUMBNAIL_PX, largest_errors, surest_mistakes, without_other_answers
from whence.evaluate.report.pictures import pictured
from whence.evaluate.table import to_json
from whence.explain.report.page import source_hash


@pytest.fixture(scope="module")
def made():
    return made_run(12)


@pytest.fixture(scope="module")
def html(made):
    run, records = made
    found = evaluated(run, records, by="continent", group="group")
    return render_report(found, run, records, Contents(facts={"SHA-256 of the predictions": "ab" * 32}))


def test_a_report_asks_no_network(html):
    page = Page(html)
    for tag, attrs in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "audio", "video", "source"}
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in {"src", "href", "xlink:href", "action", "srcset", "data"}:
                assert value.startswith(("#", "data:image/jpeg;base64,")), (tag, name, value[:80])
    assert set(re.findall(r"https?://[^\"'\s<]*", html)) <= {"http://www.w3.org/2000/svg"}
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= {"#errors-clip"}


def test_the_policy_allows_the_page_s_own_style_and_script_alone(html):
    page = Page(html)
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs)
    running = [text for attrs, text in page.all("script") if attrs.get("type") != "application/json"]
    assert len(running) == len(page.all("style")) == 1
    assert f"script-src '{source_hash(running[0])}'" in policy
    assert f"style-src '{source_hash(page.all('style')[0][1])}'" in policy
    assert "unsafe" not in policy


def test_identifiers_are_unique_and_lead_somewhere(html):
    page = Page(html)
    found = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert len(found) == len(set(found))
    for name in ("aria-labelledby", "aria-describedby"):
        assert {v for _, attrs in page.elements for v in attrs.get(name, "").split()} <= set(found)
    assert {attrs["href"][1:] for _, attrs in page.elements if attrs.get("href", "").startswith("#")} <= set(found)


def test_every_part_is_there(html, made):
    for said in (
        "made on miniature.csv", "Distance recall", "Recall versus Area", "Reliability", "Bits over the prior",
        "Risk versus coverage", "The map of errors", "By continent", "What each source told", "Largest errors",
        "Surest mistakes", "All pictures", "How this was measured", "a machine", "Option sources", "ab" * 32,
        "intervals over groups of group", "GeoScore", "Faithfulness of the ledger", "not measured",
    ):  # fmt: skip
        assert said in html, said
    assert all(item.name in html for item in made[1])


def test_what_files_say_never_becomes_markup(html, made):
    assert "the file is &lt;empty&gt;" in html
    assert "&lt;more&gt;" in html
    run, records = made
    attack = '"></title><img src=x onerror=alert(1)>'
    hostile = (
        replace(records[0], name=attack, truth=replace(records[0].truth, group=attack)),
        *records[1:],
    )
    page = Page(
        render_report(evaluated(run, hostile), replace(run, dataset=attack, system=attack, machine=attack), hostile)
    )
    assert not page.all("img")


def test_the_figures_are_inside(html, made):
    data = next(text for attrs, text in Page(html).all("script") if attrs.get("id") == "data")
    assert json.loads(data) == to_json(evaluated(*made, by="continent", group="group"))


def test_systems_that_give_points_only(made):
    bare = tuple(replace(item, belief=None, sources=(), estimate=None, p90_km=math.nan) for item in made[1])
    html = render_report(evaluated(made[0], bare), made[0], bare)
    for said in ("Reliability", "What each source told", "Risk versus coverage"):
        assert said not in html
    assert "The file of predictions holds no ledger." in html


def test_figures_alone_are_refused(made):
    with pytest.raises(InputError, match="figures alone"):
        render_report(replace(evaluated(*made), pictures=None), *made)


def test_nothing_answered():
    run, records = made_run(2)
    lost = tuple(replace(item, lat_deg=math.nan, lon_deg=math.nan, belief=None, failure="gone") for item in records)
    html = render_report(evaluated(run, lost), run, lost)
    assert "No picture has an answer." in html
    assert "The map of errors" not in html


def test_figures_of_a_picture_are_those_that_were_scored(made):
    run, records = made
    found = evaluated(run, records)
    shown = tuple(pictured(found.pictures, records[::-1], run.prior))
    for item, row in zip(shown, reversed(range(len(records))), strict=True):
        assert item.error_km == found.pictures.errors_km[row]
        assert item.bits == found.pictures.beliefs.bits[row]
        assert item.name == records[row].name
    some = evaluated(run, records, answered_only=True)
    assert len(tuple(pictured(some.pictures, records, run.prior))) == len(records) - 1


def test_bits_of_a_source_at_the_truth_by_hand():
    run, records = made_run(2)
    half = Field.uniform(4)
    here = int(half.partition.index_at(10.0, 20.0))
    half.values[:] = math.log(0.5)
    half.values[here] = 0.0
    share = 1.0 / len(half.partition)
    record = replace(
        records[0], truth=Truth(10.0, 20.0), sources=(SourceRecord("s", half, 2.0), SourceRecord("t", None))
    )
    told = next(pictured(evaluated(run, (record,)).pictures, [record], run.prior)).sources
    assert told[0].bits == pytest.approx(-math.log2(share + (1 - share) * math.sqrt(0.5)))
    assert math.isnan(told[1].bits)


def test_which_cases_are_shown(made):
    pictures = tuple(pictured(evaluated(*made).pictures, made[1], made[0].prior))
    worst = largest_errors(pictures, len(pictures))
    assert len(worst) == sum(item.answered for item in pictures)
    for first, second in pairwise(worst):
        assert (first.abstained, -first.error_km) <= (second.abstained, -second.error_km)
    assert largest_errors(pictures, 3) == worst[:3]
    for item in surest_mistakes(pictures, 5):
        assert item.error_km > item.p90_km
        assert not item.abstained
    bits = [item.bits for item in surest_mistakes(pictures, 5)]
    assert bits == sorted(bits)


def test_the_faithfulness_of_a_ledger_is_shown_where_it_was_measured(made):
    run, records = made
    known = {"score": 0.834, "units": 4, "method": "deletion"}
    rows = (replace(records[0], estimate={**records[0].estimate, "faithfulness": known}),)
    html = render_report(evaluated(run, rows), run, rows)
    assert "<dd>0.83</dd>" in html


def test_answers_are_held_for_the_shown_alone(made):
    one = next(pictured(evaluated(*made).pictures, made[1], made[0].prior))
    random = np.random.default_rng(0)
    many = [
        replace(
            one, name=str(i), error_km=float(e), bits=float(b), p90_km=float(p), abstained=bool(a), estimate={"n": i}
        )
        for i, (e, b, p, a) in enumerate(
            zip(
                random.uniform(0, 9e3, 1500),
                random.normal(size=1500),
                random.uniform(0, 9e3, 1500),
                random.random(1500) < 0.3,
                strict=True,
            )
        )
    ]
    kept = without_other_answers(iter(many), 5)
    assert [item.name for item in kept] == [item.name for item in many]
    for choose in (largest_errors, surest_mistakes):
        assert [item.estimate for item in choose(kept, 5)] == [item.estimate for item in choose(many, 5)]
    assert sum(item.estimate is not None for item in kept) <= 10


def _jpeg(colour):
    buffer = io.BytesIO()
    image = Image.new("RGB", (900, 600), colour)
    image.paste((0, 0, 0), (0, 0, 400, 300))
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_thumbnails_are_opt_in_small_bare_and_of_the_same_file(made, tmp_path):
    run, records = made
    same, other = _jpeg("red"), _jpeg("blue")
    changed = [
        replace(records[4], name="a/same.jpg", sha256=hashlib.sha256(same).hexdigest()),
        replace(records[9], name="b.jpg", sha256="00" * 32),
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "same.jpg").write_bytes(same)
    (tmp_path / "b.jpg").write_bytes(other)
    rows = (*changed, records[-2])
    found = evaluated(run, rows)
    assert not Page(render_report(found, run, rows)).all("img")
    html = render_report(found, run, rows, Contents(Album(tmp_path)))
    uris = {attrs["src"] for attrs, _ in Page(html).all("img")}
    assert len(uris) == 1
    data = base64.b64decode(uris.pop().partition(",")[2])
    assert b"secret" not in data
    assert max(Image.open(io.BytesIO(data)).size) == THUMBNAIL_PX
    assert "the file has changed since" in html
    assert "the file is not there" in html


def test_no_file_outside_the_folder_is_taken(made, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.jpg").write_bytes(_jpeg("red"))
    for name in ("../out.jpg", str(tmp_path / "out.jpg")):
        item = replace(next(pictured(evaluated(*made).pictures, made[1], made[0].prior)), name=name, sha256="")
        assert Album(tmp_path / "in").thumbnail(item) == ("", "the file is not there")


def test_a_file_is_written(made, tmp_path):
    run, records = made
    write_report(tmp_path / "page.html", evaluated(run, records), run, records)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
