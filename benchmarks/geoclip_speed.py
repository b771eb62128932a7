"""Speed beside GeoCLIP 1.3.0: ``python benchmarks/geoclip_speed.py [--parts gallery,image,training] [--json FILE]``.

Needs the files of the package ``geoclip`` (``pip install --no-deps geoclip==1.3.0``) and the extras ``train`` and
``towers``. Every side works in a process of its own (`geoclip_sides.py`); they take turns, and what is told are
medians, over the rounds, of ratios within a round: by the wall's clock, and by processor time, which other programs
disturb less. Seconds are of this machine as busy as it was.

Gallery: from the embedding of a picture to the best places among GeoCLIP's 100,000, with its published weights.
Image: CLIP ViT-L/14 of random weights (speed does not depend on them) on random pictures, one at a time.
Training: head 768 → 768 → 512 and GeoCLIP's location encoder on made features, 512 a step against 4,096 more places.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from geoclip_sides import TRAINED, coordinates, serve, some_pixels

PAUSE_S = 0.3


class Side:
    """A process that does one side's work; ``started_s`` is what it took until it could be asked."""

    def __init__(self, kind: str, **arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.began = time.perf_counter()
        self.process = context.Process(target=serve, args=(theirs, kind, arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.connection.recv()

    def ask(self, name: str, **given: Any) -> Any:
        """Let it do something; returns what it answers."""
        self.connection.send((name, given))
        return self.connection.recv()

    def memory_mb(self) -> float:
        """Its peak memory."""
        return float(self.ask("memory"))

    def end(self) -> None:
        """Let the process end."""
        self.connection.send(None)
        self.process.join()


@contextmanager
def sides(**kinds: tuple[str, dict[str, Any]]) -> Iterable[dict[str, Side]]:  # type: ignore[misc]
    """Several processes at once."""
    made = {name: Side(kind, **arguments) for name, (kind, arguments) in kinds.items()}
    try:
        yield made
    finally:
        for side in made.values():
            side.end()


def middle(numbers: Iterable[float]) -> float:
    """Median."""
    return float(np.median(list(numbers)))


def middles(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Medians of seconds on the wall's clock and of the processor."""
    return {"wall": middle(pair[0] for pair in pairs), "processor": middle(pair[1] for pair in pairs)}


def summary(rounds: list[dict[str, dict[str, float]]], base: str) -> dict[str, Any]:
    """Median seconds, and how many times faster than the base each round was, by both clocks."""
    clocks = ("wall", "processor")
    return {
        "seconds": {n: {c: middle(one[n][c] for one in rounds) for c in clocks} for n in rounds[0]},
        "ratio": {n: {c: [one[base][c] / one[n][c] for one in rounds] for c in clocks} for n in rounds[0] if n != base},
    }


def fresh(kind: str, query: np.ndarray, **arguments: Any) -> dict[str, float]:
    """Seconds from the start of a process to its first answer, and its peak memory then."""
    side = Side(kind, **arguments)
    side.ask("top", queries=query[:1], k=5)
    seconds = time.perf_counter() - side.began
    found = {"seconds": seconds, "processor": side.ask("processor"), "memory_mb": side.memory_mb()}
    side.end()
    return found


def gallery(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Gallery part: are the answers the same, and how much faster."""
    path, reference = str(folder / "gallery"), str(folder / "reference.npy")
    build = Side("Build")
    built = None if Path(path).exists() else build.ask("gallery", folder=path)
    asked = build.ask("queries", count=options.queries, seed=options.seed)
    build.end()
    every = np.concatenate(list(asked.values()))
    found: dict[str, Any] = {"build_s": built, "queries": len(every)}
    once = Side("PublishedGallery")
    wanted = once.ask("answers", queries=every, k=100, path=reference)
    once.end()
    theirs, ours = np.load(reference), np.load(folder / "gallery" / "rows.npy", mmap_mode="r")
    found["least_cosine"] = float(np.einsum("nd,nd->n", theirs.astype(np.float64), ours).min())
    with sides(
        geoclip=("PublishedGallery", {}),
        ours=("OurGallery", {"folder": path}),
        plain=("PlainCache", {"path": reference}),
    ) as side:
        rows, _ = side["ours"].ask("top", queries=every, k=100)
        found["same"] = {name: same(wanted, rows, every, theirs, k) for name, k in (("5", 5), ("100", 100))}
        rounds = []
        for i in range(options.rounds):
            one = {}
            for name in ("geoclip", "ours", "plain"):
                time.sleep(PAUSE_S)
                some = every[i : i + 1] if name == "geoclip" else every
                one[name] = middles(side[name].ask("top", queries=some, k=5)[1])
            one["hundred"] = middles(side["ours"].ask("top", queries=every, k=100)[1])
            one["together"] = middles([side["ours"].ask("together", queries=every, k=5)])
            rounds.append(one)
    found |= summary(rounds, "geoclip")
    cold = {"geoclip": ("PublishedGallery", {}), "ours": ("OurGallery", {"folder": path})}
    turns = [{name: fresh(kind, every, **given) for name, (kind, given) in cold.items()} for _ in range(options.cold)]
    found["cold"] = {n: {key: middle(turn[n][key] for turn in turns) for key in turns[0][n]} for n in cold}
    return found


def same(wanted: np.ndarray, rows: np.ndarray, queries: np.ndarray, gallery: np.ndarray, k: int) -> dict[str, float]:
    """Share of queries with the same places, rank by rank; with the same rows; and the widest gap in a score at a rank.

    In float32 the gallery names 5,900 places more than once: their scores are equal, and which row comes first says
    nothing.
    """
    places = coordinates().astype(np.float32)
    found, expected = rows[:, :k], wanted[:, :k]
    wide = gallery.astype(np.float64)
    both = zip(expected, found, queries.astype(np.float64), strict=True)
    gap = max(float(np.abs(wide[a] @ query - wide[b] @ query).max()) for a, b, query in both)
    return {
        "places": float((places[expected] == places[found]).all(axis=(1, 2)).mean()),
        "rows": float((expected == found).all(axis=1).mean()),
        "widest_gap": gap,
    }


def image(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Image part: PyTorch eager, ONNX Runtime in float32 and in eight bits."""
    found: dict[str, Any] = {"layers": options.layers}
    if not (folder / "int8.onnx").is_file():
        build = Side("Build")
        build.ask("tower", folder=str(folder), layers=options.layers, seed=options.seed)
        build.end()
    found["file_mb"] = {name: (folder / f"{name}.onnx").stat().st_size / 1e6 for name in ("float32", "int8")}
    pixels = some_pixels(options.pictures, options.seed + 1)
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "torch": ("TorchTower", {"layers": options.layers, "seed": options.seed})
    }
    kinds |= {name: ("OnnxTower", {"path": str(folder / f"{name}.onnx")}) for name in ("float32", "int8")}
    with sides(**kinds) as side:
        given = {name: each.ask("embed", pixels=pixels)[0].astype(np.float64) for name, each in side.items()}
        rounds = []
        for _ in range(options.rounds):
            one = {}
            for name, each in side.items():
                time.sleep(PAUSE_S)
                one[name] = middles(each.ask("embed", pixels=pixels)[1])
            rounds.append(one)
        found["memory_mb"] = {name: each.memory_mb() for name, each in side.items()}
    unit = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in given.items()}
    found["difference"] = float(np.abs(unit["float32"] - unit["torch"]).max())
    found["int8_cosine"] = float((unit["int8"] * unit["torch"]).sum(axis=1).min())
    centre = {name: rows - unit["torch"].mean(axis=0) for name, rows in unit.items()}
    lengths = np.linalg.norm(centre["int8"], axis=1) * np.linalg.norm(centre["torch"], axis=1)
    found["int8_cosine_centred"] = float(((centre["int8"] * centre["torch"]).sum(axis=1) / lengths).min())
    return found | summary(rounds, "torch")


def training(options: argparse.Namespace, _: Path) -> dict[str, Any]:
    """Training part: the published loop beside ours, with what each option gains."""
    names = ("published", *TRAINED)
    given = {"count": options.places, "batch": 512, "seed": options.seed}
    with sides(**{name: ("Training", {"name": name, **given}) for name in names}) as side:
        before = {name: side[name].ask("validation") for name in names}
        rounds = []
        for _ in range(options.training_rounds):
            one = {}
            for name in names:
                time.sleep(PAUSE_S)
                one[name] = middles(side[name].ask("steps", count=options.steps))
            rounds.append(one)
        return {
            "steps": options.steps * options.training_rounds,
            "loss_before": before,
            "loss_after": {name: side[name].ask("validation") for name in names},
            "memory_mb": {name: side[name].memory_mb() for name in names},
        } | summary(rounds, "published")


def shown(ratio: dict[str, list[float]] | None) -> str:
    """Median and range of the rounds by the wall's clock, median by the processor's."""
    if ratio is None:
        return " | "
    wall = ratio["wall"]
    return f"{short(middle(wall))}× ({short(min(wall))} to {short(max(wall))}) | {short(middle(ratio['processor']))}×"


def short(number: float) -> str:
    """Three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def told(results: dict[str, Any]) -> str:
    """Tables in Markdown."""
    lines = [f"{results['machine']}; {results['date']}; seed {results['seed']}; threads {results['threads']}"]
    if part := results.get("gallery"):
        s, same5, same100 = part["seconds"], part["same"]["5"], part["same"]["100"]
        lines += ["", "| gallery of 100,000 places | time | faster | by processor time |", "|---|---|---|---|"]
        lines += [f"| GeoCLIP 1.3.0, top 5 | {s['geoclip']['wall']:.2f} s | | |"]
        words = {"plain": "cached, float32 product, top 5", "ours": "ours, top 5", "hundred": "ours, top 100"}
        words |= {"together": f"ours, top 5, {part['queries']} queries at once, each"}
        lines += [f"| {words[n]} | {1e3 * s[n]['wall']:.1f} ms | {shown(part['ratio'][n])} |" for n in words]
        cold = part["cold"]
        lines += ["", "| | GeoCLIP 1.3.0 | ours |", "|---|---|---|"]
        lines += [
            f"| fresh process to first answer | {cold['geoclip']['seconds']:.2f} s | {cold['ours']['seconds']:.2f} s |"
        ]
        processor = [f"{cold[name]['processor']:.2f} s" for name in ("geoclip", "ours")]
        lines += [f"| the same, processor time | {processor[0]} | {processor[1]} |"]
        lines += [f"| peak memory | {cold['geoclip']['memory_mb']:,.0f} MB | {cold['ours']['memory_mb']:,.0f} MB |", ""]
        lines.append(
            f"Least cosine of kept and published embeddings {part['least_cosine']:.7f}. Of {part['queries']} queries "
            f"the same 5 places in the same order: {same5['places']:.1%} (the same rows: {same5['rows']:.1%}), widest "
            f"gap of scores at a rank {same5['widest_gap']:.0e}; 100 places: {same100['places']:.1%} "
            f"({same100['rows']:.1%}), {same100['widest_gap']:.0e}."
        )
    if part := results.get("image"):
        title = "| CLIP ViT-L/14, one picture | time | faster | by processor time | peak memory |"
        lines += ["", title, "|---|---|---|---|---|"]
        for name, text in (("torch", "PyTorch"), ("float32", "ONNX Runtime float32"), ("int8", "ONNX Runtime int8")):
            row = f"{part['seconds'][name]['wall']:.3f} s | {shown(part['ratio'].get(name))}"
            lines += [f"| {text} | {row} | {part['memory_mb'][name]:,.0f} MB |"]
        lines.append(
            f"\n{part['layers']} layers. Largest difference in float32 {part['difference']:.1e}; least cosine in int8 "
            f"{part['int8_cosine']:.4f}, after the mean is taken off {part['int8_cosine_centred']:.4f}."
        )
    if part := results.get("training"):
        title = f"loss after {part['steps']} steps"
        lines += [
            "",
            f"| loop | a step | faster | by processor time | {title} | peak memory |",
            "|---|---|---|---|---|---|",
        ]
        for name in ("published", *TRAINED):
            row = f"{part['seconds'][name]['wall']:.3f} s | {shown(part['ratio'].get(name))}"
            lines += [f"| {name} | {row} | {part['loss_after'][name]:.4f} | {part['memory_mb'][name]:,.0f} MB |"]
        lines += ["", f"Loss before: {part['loss_before']['published']:.4f}."]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="gallery,image,training", help="which, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side: gallery, image")
    parser.add_argument("--queries", type=int, default=32, help="of each of three kinds")
    parser.add_argument("--layers", type=int, default=24, help="of the tower")
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2, help="of each side; 1 where the machine is busy")
    parser.add_argument("--keep", type=Path, help="folder where gallery and exported towers are kept from run to run")
    parser.add_argument("--places", type=int, default=20_000, help="training places")
    parser.add_argument("--training-rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="of training in a turn")
    parser.add_argument("--cold", type=int, default=3, help="fresh processes of each side")
    parser.add_argument("--json", type=Path, help="also write all numbers there")
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(options.threads))
    machine = f"{platform.machine()}, {multiprocessing.cpu_count()} cores, Python {platform.python_version()}"
    results: dict[str, Any] = {"machine": machine, "date": datetime.now(UTC).date().isoformat()}
    results |= {"seed": options.seed, "rounds": options.rounds, "threads": options.threads}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts.split(","):
            print(f"{part} …", file=sys.stderr, flush=True)
            results[part] = {"gallery": gallery, "image": image, "training": training}[part](options, folder)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(told(results))


if __name__ == "__main__":
    main()
