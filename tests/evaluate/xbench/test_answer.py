"""The own matcher on made terrain: answers, explanations, files, questions, teachers and the review."""

import csv
from dataclasses import replace

import pytest

from made_xbench import benchmark, candidate
from whence.core.errors import ArtifactError, InputError, OptionError
from whence.evaluate.xbench.answer import Answerer, Config, answer_all, pictures_of
from whence.evaluate.xbench.build import Config as BuildConfig
from whence.evaluate.xbench.build import build
from whence.evaluate.xbench.files import (
    open_benchmark,
    read_answers,
    read_explanations,
    write_answers,
    write_explanations,
)
from whence.evaluate.xbench.questions import (
    QUADRANTS,
    answer_questions,
    ask,
    quadrant,
    read_questions,
    score_questions,
    sector,
    write_questions,
)
from whence.evaluate.xbench.review import COLUMNS, read_review, write_review
from whence.evaluate.xbench.scores import Config as ScoreConfig
from whence.evaluate.xbench.scores import score
from whence.evaluate.xbench.teachers import teach


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return benchmark(tmp_path_factory.mktemp("xbench") / "bench", near=0, easy=0)


@pytest.fixture(scope="module")
def answers(made):
    return tuple(answer_all(made, Answerer(Config(trials=1))))


def test_matches_are_found_and_explained(made, answers):
    right = {item.name: item.match for item in made.items}
    assert all(answer.match == right[answer.item] for answer in answers)
    for answer in answers:
        assert set(answer.sentences) == {"en", "zh"}
        assert len(answer.sentences["en"]) == len(answer.sentences["zh"]) > 0
        assert (answer.masking is not None) == answer.match
        names = {claim.name for claim in answer.claims}
        assert all(set(s.claims) <= names for told in answer.sentences.values() for s in told)
    found = score(made, answers, ScoreConfig(draws=20))
    assert found.figures["right places"].value == 1.0
    assert found.figures["numbers"].value == 1.0
    assert found.figures["claim truth"].value > 0.85
    assert found.figures["languages agree"].value == 1.0
    assert found.figures["contradiction rate"].value == 0.0


def test_what_is_asked_is_the_place_not_the_transform(made, answers):
    whole = {item.name: item for item in made.items}
    answerer = Answerer(Config(masking=False))
    for answer in answers:
        match = answerer.match(*pictures_of(made.folder, whole[answer.item]))
        assert answer.probability == match.same_place
        # Nothing says for sure that a reference does not show the place.
        assert answer.match or 0.05 < answer.probability < 0.5


def test_answers_are_read_back(answers, tmp_path):
    path = tmp_path / "answers.jsonl"
    assert write_answers(path, answers) == len(answers)
    assert read_answers(path) == answers
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2', 1))
    with pytest.raises(ArtifactError, match="schema 2"):
        read_answers(path)
    path.write_text('{"schema": 1}\n{"item": "x", "wrong": 1}\n')
    with pytest.raises(ArtifactError, match="an answer is damaged"):
        read_answers(path)
    with pytest.raises(InputError, match="no file"):
        read_answers(tmp_path / "none.jsonl")


def test_questions_are_balanced_and_answered(made, answers, tmp_path):
    found = ask(made)
    assert {item.kind for item in found} == {"tile", "heading", "quadrant"}
    for kind in ("heading", "quadrant"):
        given = [item.answer for item in found if item.kind == kind]
        assert max(map(given.count, given)) == min(map(given.count, given))
    tiles = [item for item in found if item.kind == "tile"]
    assert sorted(item.answer for item in tiles) == [0, 1, 2, 3]
    assert all(len(set(item.references)) == 4 for item in tiles)
    path = tmp_path / "questions.jsonl"
    write_questions(path, found, made)
    assert read_questions(path) == found
    own = dict(answer_questions(made, found, Answerer(Config(masking=False))))
    scored = score_questions(found, own, draws=20)
    assert all(right.value == 1.0 for right, _, _ in scored.values())
    told = [item for item in found if item.kind != "tile"]
    idle = Answerer(Config(masking=False))
    assert dict(answer_questions(made, told, idle, said=answers)) == {item.name: own[item.name] for item in told}
    refused = [replace(answer, match=False) for answer in answers]
    assert set(dict(answer_questions(made, told, idle, said=refused)).values()) == {None}
    assert score_questions(found, {})["tile"][0].value == 0.0
    path.write_text("{")
    with pytest.raises(ArtifactError, match="damaged"):
        read_questions(path)


def test_a_wrong_tile_never_touches_the_right_one(tmp_path):
    """Of six places the last two share ground: they are no choices of each other, however they are named."""
    apart = [candidate(i) for i in range(5)]
    beside = replace(apart[4], name="beside", place="beside", reference=apart[4].reference[::-1].copy())
    found = ask(build([*apart, beside], tmp_path, BuildConfig(easy=0, near=0, hard=1)))
    by_file = {item.reference.file: item.reference_place for item in open_benchmark(tmp_path).items}
    asked = [item for item in found if item.kind == "tile"]
    assert len(asked) == 6
    for question in asked:
        shown = {by_file[file] for file in question.references}
        assert len(shown) == 4
        if question.place in {"beside", "place 4"}:
            assert len(shown & {"beside", "place 4"}) == 1


def test_directions_and_quarters_by_hand():
    assert [sector(value) for value in (0.0, 44.0, 350.0, 181.0)] == [0, 1, 0, 4]
    assert QUADRANTS[quadrant((10, 90), (100, 100))] == "lower left"
    assert QUADRANTS[quadrant((90, 10), (100, 100))] == "upper right"


def test_teachers_and_people(made, monkeypatch):
    told = list(teach(made, Answerer(Config(masking=False))))
    assert {item.language for item in told} == {"en", "zh"}
    assert {item.item for item in told} == {item.name for item in made.items}
    write_explanations(made.folder, told)
    assert read_explanations(made.folder) == tuple(told)
    page, table = write_review(made)
    assert page.read_text().count("data:image/png;base64,") == 2 * len(made.items)
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    rows[0]["verdict"], rows[1]["verdict"], rows[2]["verdict"] = "ok", "change", "reject"
    rows[1]["new_text"] = "The road bends alike."
    save(table, rows)
    assert read_review(made, table) == (1, 1, 1)
    after = read_explanations(made.folder)
    assert len(after) == len(told) - 1
    assert after[0].reviewed == "accepted"
    assert after[1].sentences[0].text == "The road bends alike."
    rows[3]["verdict"] = "fine"
    save(table, rows[3:])
    with pytest.raises(InputError, match=r"row 2: the verdict is one of ok, change, reject"):
        read_review(made, table)
    monkeypatch.delenv("WHENCE_LMM_URL", raising=False)
    with pytest.raises(OptionError, match="WHENCE_LMM_URL"):
        next(teach(made, Answerer(Config(masking=False)), ("openai",)))
    with pytest.raises(OptionError, match="teacher"):
        next(teach(made, Answerer(Config(masking=False)), ("nobody",)))


def save(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
