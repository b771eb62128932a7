import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from html_page import Page
from whence.estimate.render import to_dict
from whence.explain.report import IndexRow, index_row, render_report, write_index, write_report
from whence.explain.report.page import source_hash, unbroken
from whence.samples.view import Query, View

KINDS = ("sharp", "wide", "nothing", "fiji", "pole")


def picture(width=1600, height=900, name="sign.jpg"):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (200, 30, 30)
    return View(pixels, (2 * width, 2 * height), name, "ab" * 32, "JPEG")


@pytest.fixture(scope="module")
def pages(made_estimates):
    return {kind: render_report(made_estimates[kind], picture()) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_asks_no_network(pages, kind):
    page = Page(pages[kind])
    for tag, attrs in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "audio", "video", "source"}
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in {"src", "href", "xlink:href", "action", "srcset", "data"}:
                assert value.startswith(("#", "data:image/jpeg;base64,")), (tag, name, value[:80])
    styles = "".join(text for _, text in page.all("style"))
    assert "@import" not in styles
    assert set(re.findall(r"url\(([^)]*)\)", pages[kind])) <= {
        f"#map-{key}-{part}" for key in ("near", "world") for part in ("clip", "inset")
    }
    assert set(re.findall(r"https?://[^\"'\s<]*", pages[kind])) == {"http://www.w3.org/2000/svg"}


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


def test_what_a_sign_reads_never_becomes_markup(pages, made_estimates):
    html = pages["wide"]
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\x1b" not in html
    claims = made_estimates["wide"].ledger.entries[0].claims
    assert any("<script>" in entry.claim.read for entry in claims)


@pytest.mark.parametrize("field", ["name", "warnings", "format"])
def test_the_file_s_own_words_never_become_markup(made_estimates, field):
    attack = '"></title><img src=x onerror=alert(1)>'
    value = (attack,) if field == "warnings" else attack
    estimate = made_estimates["fiji"]
    html = render_report(replace(estimate, query=replace(estimate.query, **{field: value})), picture(name=attack))
    assert [attrs["src"][:11] for attrs, _ in Page(html).all("img")] == ["data:image/"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_inside(pages, made_estimates, kind):
    data = next(text for attrs, text in Page(pages[kind]).all("script") if attrs.get("id") == "result")
    assert json.loads(data) == to_dict(made_estimates[kind])


def test_identifiers_are_unique_and_links_lead_somewhere(pages):
    for html in pages.values():
        found = [attrs["id"] for _, attrs in Page(html).elements if attrs.get("id")]
        assert len(found) == len(set(found))
        pointed = {attrs["href"][1:] for tag, attrs in Page(html).elements if attrs.get("href", "").startswith("#")}
        assert pointed <= set(found)
        named = {v for _, attrs in Page(html).elements for v in attrs.get("aria-labelledby", "").split()}
        assert named <= set(found)


def test_claims_are_boxed_where_they_were_read(pages):
    page = Page(pages["wide"])
    boxes = [attrs for attrs, _ in page.all("rect") if attrs.get("class") == "box"]
    assert [(float(b["x"]), float(b["y"]), float(b["width"]), float(b["height"])) for b in boxes] == [
        pytest.approx((160.0, 180.0, 640.0, 90.0)),
        pytest.approx((880.0, 540.0, 560.0, 90.0)),
    ]
    links = [attrs for attrs, _ in page.all("a") if attrs.get("id", "").startswith("box-")]
    assert [link["href"] for link in links] == ["#claim-1", "#claim-2"]
    assert not any(attrs.get("id", "").startswith("box-") for attrs, _ in Page(pages["sharp"]).all("a"))


def test_the_picture_is_small_and_holds_no_metadata(pages):
    source = next(attrs["src"] for attrs, _ in Page(pages["sharp"]).all("img"))
    image = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert image.size == (1280, 720)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_every_view_of_a_query_is_shown(made_estimates):
    html = render_report(made_estimates["wide"], Query((picture(40, 30), picture(30, 40, "two.jpg"))))
    assert len(Page(html).all("img")) == 2
    assert "2 of 2" in html


def test_a_report_without_a_picture_has_none(made_estimates):
    assert not Page(render_report(made_estimates["wide"])).all("img")


def test_a_resolution_floor_keeps_picture_and_contrast_out(made_estimates):
    html = render_report(replace(made_estimates["fiji"], coarsest="country"), picture())
    assert not Page(html).all("img")
    assert "Resolution floor" in html
    assert "Why here and not there" not in html


def test_abstention_and_failures_stand_at_the_top(pages):
    html = pages["nothing"]
    assert "No answer is given." in html
    assert html.index("No answer is given.") < html.index('class="facts"')
    assert "Source text failed" in pages["sharp"]
    assert "Best guess, not an answer" in html
    assert "Best guess, not an answer" not in pages["sharp"]


def test_a_sharp_answer_has_a_close_map_and_the_world(pages):
    assert [attrs["data-name"] for attrs, _ in Page(pages["sharp"]).all("div") if "data-name" in attrs] == [
        "Surroundings",
        "World",
    ]


def test_reports_repeat_to_the_byte(pages, made_estimates):
    assert render_report(made_estimates["wide"], picture()) == pages["wide"]
    assert all(len(html) < 700_000 for html in pages.values())


def test_writing_gives_one_readable_file(made_estimates, tmp_path):
    write_report(made_estimates["fiji"], picture(), tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_index_lists_every_picture(made_estimates, tmp_path):
    rows = [index_row(to_dict(made_estimates[kind]), f"{kind} #1.html") for kind in KINDS]
    rows.append(IndexRow("<b>broken</b>.jpg", failure="the file ends before its picture data"))
    path = write_index(rows, tmp_path)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert path.name == "index.html"
    assert [attrs["href"] for attrs, _ in page.all("a")][1:] == [f"{kind}%20%231.html" for kind in KINDS]
    assert "6 pictures: 3 answered, 2 without an answer, 1 failed." in html
    assert "<b>broken" not in html
    assert not re.search(r"https?://", html)
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs)
    assert source_hash(page.all("script")[0][1]) in policy


def test_a_row_names_the_leading_source(made_estimates):
    row = index_row(to_dict(made_estimates["sharp"]), "r.html")
    assert (row.source, row.country, row.abstained) == ("exif", "Italy 99 %", False)
    assert index_row(to_dict(made_estimates["nothing"]), "r.html").source == ""


def test_the_picture_stands_beside_a_close_map_and_above_a_wide_one(pages, made_estimates):
    classes = {kind: [attrs.get("class") for attrs, _ in Page(pages[kind]).all("div")] for kind in KINDS}
    assert {kind: "beside" in found for kind, found in classes.items()} == {
        "sharp": True,
        "wide": False,
        "nothing": False,
        "fiji": True,
        "pole": True,
    }
    assert 'class="beside"' not in render_report(made_estimates["sharp"])


def test_numbers_and_their_units_stay_together():
    assert unbroken("<b>(&gt; 99 %)</b>, 53 km, 1.2 million km², a 4 metre") == (
        "<b>(&gt;&nbsp;99&nbsp;%)</b>, 53&nbsp;km, 1.2&nbsp;million&nbsp;km², a 4 metre"
    )


def test_the_legend_says_what_has_no_shade(pages):
    legend = {kind: re.search(r'<p class="legend">(.*?)</p>', pages[kind], re.DOTALL).group(1) for kind in KINDS}
    assert "spread evenly over the whole Earth" in legend["nothing"]
    assert "no shade" not in legend["fiji"]


def test_the_index_shows_the_file_before_its_folder(tmp_path):
    html = write_index([IndexRow("/a/b <c>/d.jpg", "d.html")], tmp_path).read_text(encoding="utf-8")
    assert '<a href="d.html">d.jpg</a><small>/a/b &lt;c&gt;/</small>' in html
