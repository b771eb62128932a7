"""``whence xbench``: a benchmark of explained matches, made, reviewed, answered and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.exits import Exit
from whence.cli.output import write_facts, write_json, write_table
from whence.cli.progress import StepBar

if TYPE_CHECKING:
    from whence.evaluate.xbench.answer import Answerer
    from whence.evaluate.xbench.scores import XbenchScores
    from whence.samples.datasets.pairs import PairSet

_EXAMPLES = """\b
Examples:
  whence xbench build pairs.csv -o bench
  whence xbench build data/DenseUAV --dataset denseuav --part test --limit 500 -o bench
  whence xbench teach bench --languages en,zh
  whence xbench review bench
  whence xbench review bench bench/review.csv
  whence xbench answer bench -o answers.jsonl
  whence xbench score bench answers.jsonl
  whence xbench questions bench -o questions.jsonl --answer
"""
_PATH = click.Path(path_type=Path)
_BUILD = (
    ("easy", int, "Mismatched pairs of any other place, for every query."),
    ("near", int, "Mismatched pairs of the nearest place that does not overlap."),
    ("hard", int, "Mismatched pairs of the place that looks most alike."),
    ("side_px", int, "Longest side of the pictures."),
    ("tolerance_px", float, "How exact positions of the pair set are, pixels of the reference."),
    ("test_share", float, "Share of the places that are the frozen test."),
    ("seed", int, "Of all draws."),
)


def _build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the builder; what is not given is left to its Config."""
    for name, kind, words in reversed(_BUILD):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=words)(command)
    return command


def _answer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the matcher."""
    command = click.option("--no-masking", is_flag=True, help="Leave out the masking test, which is most of the work.")(
        command
    )
    command = click.option("--dense", is_flag=True, help="Also correlate directions of gradients.")(command)
    return click.option("--features", default="sift", show_default=True, metavar="LIST", help="Local encoders.")(
        command
    )


@click.group(short_help="Build, review, answer and score a benchmark of explained matches.", epilog=_EXAMPLES)
def xbench() -> None:
    """A benchmark of explained matches: do two pictures show the same place, and is the explanation true?

    It is built of any pair set, frozen with hashes, and answered by any system that writes the documented format.
    """


@xbench.command("build", short_help="Make a frozen benchmark of a pair set.")
@click.argument("pairs", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, metavar="DIR", help="Folder to write to.")
@click.option(
    "--dataset", default="", metavar="NAME", help="The pair set whose layout PAIRS has; a table if not given."
)
@click.option("--part", default="", metavar="PART", help="Part of the pair set.")
@click.option("--limit", type=click.IntRange(2), metavar="N", help="Take only N pairs, spread over the list.")
@click.option("--encoder", default="", metavar="NAME", help="By which the hard ones are alike: vlad, or a bundle.")
@click.option("--name", metavar="NAME", help="Of the benchmark; that of the folder if not given.")
@_build_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def build_command(pairs: Path, output: Path, **given: Any) -> int:
    """Make matched and mismatched pairs of the pair set PAIRS, a folder or a table pairs.csv, and freeze them.

    Pictures that are missing are left out. Nothing of the pair set changes; its pictures are copied, so its licence
    holds for the benchmark too.
    """
    import numpy as np

    from whence.evaluate.xbench.build import Config, build
    from whence.evaluate.xbench.candidates import candidates
    from whence.evaluate.xbench.negatives import plain_descriptor

    found = _pair_set(pairs, given["dataset"], given["part"])
    listed = list(found)
    if given["limit"] is not None and len(listed) > given["limit"]:
        listed = [listed[i * len(listed) // given["limit"]] for i in range(given["limit"])]
    chosen = {name: given[name] for name, *_ in _BUILD if given[name] is not None}
    config = Config(name=given["name"] or output.resolve().name, **chosen)
    descriptor = plain_descriptor if not given["encoder"] else _descriptor(given["encoder"])
    draw = np.random.default_rng(config.seed)
    with StepBar("reading pairs") as bar:
        made = build(
            candidates(listed, config.side_px, config.tolerance_px, draw), output, config,
            (f"{found.CARD.title}, part {found.part}",), descriptor,
            lambda done: bar.report(done, len(listed), ""),
        )  # fmt: skip
    header = made.header
    if given["as_json"]:
        write_json({"name": header.name, "counts": dict(header.counts), "items_sha256": header.items_sha256,
                    "notes": list(header.notes)})  # fmt: skip
    else:
        facts = [("benchmark", header.name), *((name, f"{count:,} items") for name, count in header.counts.items())]
        write_facts([*facts, ("SHA-256", header.items_sha256), *(("note", text) for text in header.notes)])
    return Exit.DONE


@xbench.command("teach", short_help="Write reference explanations.")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.option("--teachers", default="templates", show_default=True, metavar="LIST", help="templates, openai.")
@click.option("--languages", default="en,zh", show_default=True, metavar="LIST", help="Languages to write in.")
@_answer_options
def teach_command(folder: Path, teachers: str, languages: str, **given: Any) -> int:
    """Explain every item on which the matcher is right; the others are left to people.

    The teacher openai sends both pictures of every item to the endpoint that the environment configures
    (WHENCE_LMM_URL, WHENCE_LMM_MODEL); the teacher templates sends nothing.
    """
    from whence.evaluate.xbench.files import open_benchmark, write_explanations
    from whence.evaluate.xbench.teachers import teach

    benchmark = open_benchmark(folder)
    answerer = _answerer({**given, "no_masking": True}, languages)
    with StepBar("explaining") as bar:
        told = list(teach(benchmark, answerer, _words(teachers), lambda done, total: bar.report(done, total, "")))
    write_explanations(folder, told)
    write_facts([("explanations", f"{len(told):,} of {len({item.item for item in told}):,} items")])
    return Exit.DONE


@xbench.command("review", short_help="Write a page and a table for people, or take one back.")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.argument("reviewed", type=_PATH, required=False, metavar="[REVIEWED.csv]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N items only.")
def review_command(folder: Path, reviewed: Path | None, limit: int | None) -> int:
    """Write DIR/review.html and DIR/review.csv; with the filled-in table, take over what people said."""
    from whence.evaluate.xbench.files import open_benchmark
    from whence.evaluate.xbench.review import read_review, write_review

    benchmark = open_benchmark(folder)
    if reviewed is None:
        page, table = write_review(benchmark, limit)
        write_facts([("page", str(page)), ("table", str(table))])
    else:
        counts = read_review(benchmark, reviewed)
        names = ("accepted", "changed", "taken away")
        write_facts([(name, f"{count:,}") for name, count in zip(names, counts, strict=True)])
    return Exit.DONE


@xbench.command("answer", short_help="Answer with whence's own matcher.")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.option("-o", "--output", type=_PATH, required=True, metavar="FILE", help="Answers, as JSON lines.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "dev"]), help="Which items.")
@click.option("--languages", default="en,zh", show_default=True, metavar="LIST", help="Languages to explain in.")
@_answer_options
def answer_command(folder: Path, output: Path, split: str, languages: str, **given: Any) -> int:
    """Match, verify and explain every item, with the masking test on those that are accepted."""
    from whence.evaluate.xbench.answer import answer_all
    from whence.evaluate.xbench.files import open_benchmark, write_answers

    benchmark = open_benchmark(folder)
    answerer = _answerer(given, languages)
    with StepBar("answering") as bar:
        found = answer_all(benchmark, answerer, split, lambda done, total: bar.report(done, total, ""))
        count = write_answers(output, found)
    write_facts([("answers", f"{count:,}"), ("written to", str(output))])
    return Exit.DONE


@xbench.command("score", short_help="Score answers of any system.")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.argument("answers", type=_PATH, metavar="ANSWERS.jsonl")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "dev"]), help="Which items.")
@click.option("--draws", type=int, help="Draws of the bootstrap over places.")
@click.option("--threshold", type=float, help="Probability from which an answer counts as a match.")
@click.option("--no-similarity", is_flag=True, help="Leave out the likeness of sentences, which needs a text encoder.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def score_command(folder: Path, answers: Path, split: str, **given: Any) -> int:
    """Score answers: matches, probabilities, truth of claims, words and faithfulness, with intervals over places.

    Every picture is held against its hash first: a changed benchmark is refused.
    """
    from whence.evaluate.xbench.files import open_benchmark, read_answers
    from whence.evaluate.xbench.scores import Config, score, to_json
    from whence.evaluate.xbench.sentences import open_encoder

    chosen = {name: given[name] for name in ("draws", "threshold") if given[name] is not None}
    encoder = None if given["no_similarity"] else open_encoder()
    found = score(open_benchmark(folder), read_answers(answers), Config(**chosen), split, encoder)
    if given["as_json"]:
        write_json(to_json(found))
    else:
        _show(found)
    return Exit.DONE if found.answered == found.items else Exit.SOME_FAILED


@xbench.command("questions", short_help="Make questions of tile, heading and quadrant.")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.option("-o", "--output", type=_PATH, required=True, metavar="FILE", help="Questions, as JSON lines.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "dev"]), help="Which items.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@click.option("--answer", "own", is_flag=True, help="Answer them with whence's own matcher and score that.")
@click.option("--answers", type=_PATH, metavar="FILE", help="Score these answers: JSON, positions by question's name.")
@_answer_options
def questions_command(folder: Path, output: Path, split: str, seed: int, **given: Any) -> int:
    """Make questions with few answers of the matched items: which tile, which heading, which quadrant."""
    import json

    from whence.evaluate.xbench.files import open_benchmark
    from whence.evaluate.xbench.questions import answer_questions, ask, score_questions, write_questions

    benchmark = open_benchmark(folder)
    found = ask(benchmark, seed, split)
    write_questions(output, found, benchmark)
    write_facts([("questions", f"{len(found):,}"), ("written to", str(output))])
    answers: dict[str, int | None] | None = None
    if given["answers"] is not None:
        answers = json.loads(given["answers"].read_text(encoding="utf-8"))
    elif given["own"]:
        with StepBar("answering") as bar:
            answerer = _answerer(given, "en")
            answers = dict(answer_questions(benchmark, found, answerer, lambda i, n: bar.report(i, n, "")))
    if answers is not None:
        rows = [
            (kind, f"{count:,}", _share(right.value, right.low, right.high), f"{said.value:.1%}")
            for kind, (right, said, count) in score_questions(found, answers).items()
        ]
        write_table(("kind", "questions", "right", "answered"), rows)
    return Exit.DONE


def _pair_set(path: Path, dataset: str, part: str) -> PairSet:
    """The pair set in a folder, or the one of a table."""
    from whence.samples.datasets.pairs import pair_sets

    kind = pair_sets().load(dataset or "pairs_csv")
    if not dataset and path.suffix.lower() == ".csv":
        if path.name != "pairs.csv":
            raise click.UsageError("A table of pairs is named pairs.csv; rename it, or give its folder.")
        path = path.parent
    return kind(path, part, skip_missing=True)


def _descriptor(name: str) -> Callable[..., Any]:
    from whence.crossview.encoders import open_encoder
    from whence.samples.view import ViewKind

    encoder = open_encoder(name)
    return lambda pictures: encoder.embed(pictures, ViewKind.SATELLITE)


def _answerer(given: dict[str, Any], languages: str) -> Answerer:
    from whence.evaluate.xbench.answer import Answerer, Config

    config = Config(features=given["features"], dense=given["dense"], masking=not given["no_masking"])
    return Answerer(config, _words(languages))


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _show(found: XbenchScores) -> None:
    from whence.evaluate.xbench.scores import FIGURES

    rows = [(name, _share(i.value, i.low, i.high), FIGURES[name]) for name, i in found.figures.items()]
    write_table(("figure", "value (95 %)", "what it is"), rows, f"{found.answered:,} of {found.items:,} items answered")
    rows = [(name, f"{count:,}", _share(i.value, i.low, i.high)) for name, (i, count) in found.by_difficulty.items()]
    write_table(("pairs", "items", "right"), rows)
    write_table(("claims", "verdict", "true", "tested"), list(_kind_rows(found)), "Claim truth")
    write_facts([("not measured", f"{name}: {why}") for name, why in found.not_measured.items()])


def _kind_rows(found: XbenchScores) -> Iterator[tuple[str, str, str, str]]:
    for (kind, verdict), (true, total) in found.by_kind.items():
        yield kind, verdict, f"{true / total:.1%}", f"{total:,}"


def _share(value: float, low: float, high: float) -> str:
    return f"{value:.3f}" if low != low else f"{value:.3f} ({low:.3f}–{high:.3f})"
