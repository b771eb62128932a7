"""``whence xbench``: from a table of pairs to scores, by files alone."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from whence.cli.main import program
from whence.samples.datasets.pairs.pairs_csv import PairsCsv


def call(*args):
    return CliRunner().invoke(program, ["xbench", *map(str, args)], prog_name="whence")


@pytest.fixture
def bench(tmp_path):
    root = PairsCsv.make_miniature(tmp_path / "pairs")
    found = call("build", root / "pairs.csv", "-o", tmp_path / "bench", "--easy", 1, "--near", 0, "--hard", 1, "--json")
    assert found.exit_code == 0, found.output
    made = json.loads(found.output)
    assert made["counts"] == {"test easy": 6, "test hard": 6, "test matched": 6}
    return tmp_path / "bench"


def test_build_answer_and_score(bench, tmp_path):
    answers = tmp_path / "answers.jsonl"
    found = call("answer", bench, "-o", answers, "--no-masking")
    assert found.exit_code == 0, found.output
    scored = call("score", bench, answers, "--no-similarity", "--draws", 20, "--json")
    assert scored.exit_code == 0, scored.output
    told = json.loads(scored.output)
    assert told["items"] == told["answered"] == 18
    assert told["figures"]["false accepts"]["value"] == 0.0
    assert "similarity en" in told["not_measured"]
    table = call("score", bench, answers, "--no-similarity", "--draws", 20)
    assert "Claim truth" in table.output


def test_items_without_answers_end_with_one(bench, tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"schema": 1, "kind": "answers"}\n')
    assert call("score", bench, answers, "--no-similarity", "--draws", 5).exit_code == 1


def test_a_changed_picture_is_refused(bench, tmp_path):
    picture = next((bench / "pictures").iterdir())
    picture.write_bytes(b"other")
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"schema": 1, "kind": "answers"}\n')
    found = call("score", bench, answers, "--no-similarity")
    assert found.exit_code == 4
    assert "is not the one" in found.stderr


def test_the_review_goes_out_and_comes_back(bench):
    assert call("review", bench, "--limit", 2).exit_code == 0
    assert (bench / "review.html").is_file()
    found = call("review", bench, bench / "review.csv")
    assert found.exit_code == 0
    assert "accepted    0" in found.output


def test_questions_are_written_and_answers_scored(bench, tmp_path):
    given = tmp_path / "given.json"
    given.write_text("{}")
    found = call("questions", bench, "-o", tmp_path / "questions.jsonl", "--answers", given)
    assert found.exit_code == 0, found.output
    assert "0.000" in found.output


def test_what_cannot_be_built(tmp_path):
    (tmp_path / "table.csv").write_text("a\n")
    found = call("build", tmp_path / "table.csv", "-o", tmp_path / "bench")
    assert found.exit_code == 2
    assert "pairs.csv" in found.stderr
