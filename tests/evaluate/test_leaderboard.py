"""Leaderboards: runs are added, replaced, ranked and never mixed."""

import json
import math
import re
from dataclasses import replace

import pytest

from made_runs import evaluated, made_run
from whence.core.errors import ArtifactError, InputError, OptionError
from whence.evaluate.leaderboard import (
    Leaderboard,
    entry,
    markdown,
    ranked,
    read_leaderboard,
    smaller_is_better,
    table_of,
    terms,
    update_leaderboard,
)
from whence.evaluate.metrics import Interval
from whence.evaluate.report import render_leaderboard, write_leaderboard


@pytest.fixture(scope="module")
def made():
    return made_run(6)


@pytest.fixture
def rows(made, tmp_path):
    """What the runs share, and two rows, the second with twice the score."""
    run, records = made
    file = tmp_path / "ours.parquet"
    file.write_bytes(b"predictions")
    found = evaluated(run, records, group="group")
    first = entry(found, run, file)
    score = first.figures["geoscore"]
    better = Interval(2 * score.value, 2 * score.low, 2 * score.high)
    second = replace(first, system="better|<b>", sha256="cd" * 32, figures={**first.figures, "geoscore": better})
    return terms(found, run, records), first, second


def test_runs_are_kept_and_read_again(rows, tmp_path):
    shared, first, second = rows
    path = tmp_path / "board.json"
    update_leaderboard(path, shared, first)
    board = update_leaderboard(path, shared, second)
    again = read_leaderboard(path)
    assert again.terms == board.terms == shared
    assert [item.system for item in again.entries] == ["made", "better|<b>"]
    for name, figure in first.figures.items():
        kept = again.entries[0].figures[name]
        assert kept.value == pytest.approx(figure.value, abs=1e-6) or (
            math.isnan(kept.value) == math.isnan(figure.value)
        )
    assert again.entries[0].figures["mean_km"].value == math.inf
    assert not list(tmp_path.glob("*.part"))
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))


def test_the_same_predictions_are_replaced(rows, tmp_path):
    shared, first, second = rows
    path = tmp_path / "board.json"
    for row in (first, second, replace(first, system="renamed")):
        board = update_leaderboard(path, shared, row)
    assert [item.system for item in board.entries] == ["better|<b>", "renamed"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "other.csv"}, "holds runs on 'miniature.csv'; this one is on 'other.csv'"),
        ({"sha256": "00", "pictures": 3}, "holds runs on 6 pictures of 'miniature.csv'; this one has 3"),
        ({"protocol": {"distances": "haversine"}}, "scored with distances WGS84 geodesics"),
    ],
)
def test_nothing_is_mixed(rows, tmp_path, change, said):
    shared, first, second = rows
    path = tmp_path / "board.json"
    update_leaderboard(path, shared, first)
    before = path.read_bytes()
    with pytest.raises(InputError, match=re.escape(said)):
        update_leaderboard(path, replace(shared, **change), second)
    assert path.read_bytes() == before


def test_terms_depend_on_pictures_truths_and_protocol_alone(made):
    run, records = made
    found = evaluated(run, records)
    plain = terms(found, run, records)
    assert plain == terms(found, replace(run, system="another", dataset="elsewhere/miniature.csv"), records[::-1])
    moved = replace(records[0], truth=replace(records[0].truth, lat_deg=1.0))
    assert terms(found, run, (moved, *records[1:])).sha256 != plain.sha256
    assert terms(found, run, records[1:]).pictures == 5
    assert terms(evaluated(run, records, answered_only=True), run, records).protocol != plain.protocol


def test_the_best_run_comes_first(rows):
    shared, first, second = rows
    far = replace(first, system="far", figures={**first.figures, "median_km": Interval(9e3, 8e3, 1e4)})
    unknown = replace(first, system="unknown", figures={})
    board = Leaderboard(shared, (unknown, far, second, first))
    assert [item.system for item in ranked(board)] == ["better|<b>", "far", "made", "unknown"]
    assert ranked(board, "median_km")[-2].system == "far"
    with pytest.raises(OptionError, match="geoscore"):
        ranked(board, "geoscor")
    assert all(map(smaller_is_better, ("median_km", "area_90_km2", "country_ece", "aurc_200_km")))
    assert not any(map(smaller_is_better, ("within_25_km", "bits", "coverage_90", "geoscore")))
    assert ranked(Leaderboard(shared)) == ()


def test_the_table_in_markdown(rows):
    shared, first, second = rows
    board = Leaderboard(shared, (first, second))
    heads, cells = table_of(board)
    assert heads[:3] == ("", "system", "predicted")
    assert [row[:3] for row in cells] == [("1", "better|<b>", "2026-01-02"), ("2", "made", "2026-01-02")]
    text = markdown(board)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(heads) + 1}
    assert "better\\|\\<b\\>" in text
    assert "Ranked by GeoScore" in text
    assert "groups of group" in text


def test_the_page(rows, tmp_path):
    shared, first, second = rows
    board = Leaderboard(shared, (first, second))
    html = render_leaderboard(board)
    assert "better|&lt;b&gt;" in html
    assert "<b>" not in html.replace("better|&lt;b&gt;", "")
    assert first.sha256 in html
    assert not re.findall(r"https?://", html)
    write_leaderboard(tmp_path / "board.html", board)
    assert (tmp_path / "board.html").read_text() == html


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "x/1"}', '{"schema": "whence.leaderboard/1", "entries": []}']
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "board.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"board\.json"):
        read_leaderboard(path)


def test_files_that_are_not_there(made, tmp_path):
    run, records = made
    with pytest.raises(InputError, match=r"gone\.parquet"):
        entry(evaluated(run, records), run, tmp_path / "gone.parquet")
    with pytest.raises(InputError, match=r"gone\.json"):
        read_leaderboard(tmp_path / "gone.json")
